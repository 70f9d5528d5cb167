//! `aws login` at the token endpoint: what a code and a refresh token give, to whom alone, and what ends it.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, password_of, soon};

use crate::ends::by_nobody;
use crate::login::{CODE_OVER, FORBIDDEN, Got, INVALID, Login, OVER, refused};
use crate::program::{self, ACCOUNT, Program, VERIFIER};
use tests::dpop::{DpopKey, claims};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_of_the_connector_that_was_picked_and_each_renewal_is_a_vend() {
    let world = World::open().await;
    let (login, got) = Login::logged_in(&world, "ada", "guarded").await;
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/guarded/guarded-ada/guarded");
    assert_eq!(got.subject.as_deref(), Some(arn.as_str()));
    assert!((3_000..=3_600).contains(&got.expires_in), "{}", got.expires_in);
    assert_eq!(world.read(&got.credentials, &["monthly"]), ["profits"]);
    let next = Got::of(&login.renew(&got.refresh).await);
    assert_ne!(next.refresh, got.refresh);
    assert_eq!(next.subject, None, "only with a code");
    let expected = ["client_authorized", "vend", "client_signed_in", "vend", "client_refreshed"];
    assert_eq!(world.trail_of("guarded"), expected.map(|action| format!("person:corp/ada {action} success")));

    // Two that act as the same are two to a client, whatever else the person may use by then.
    let (_, deploy) = Login::logged_in(&world, "ada", "deploy").await;
    let (_, limited) = Login::logged_in(&world, "ada", "limited").await;
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/deploy/ada");
    assert_eq!(deploy.subject, Some(format!("{arn}/deploy")));
    assert_eq!(limited.subject, Some(format!("{arn}/limited")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_whoever_asked_for_it() {
    let world = World::prepare().await.behind_a_proxy().serve();
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = login.code(&cookie, "deploy").await;
    let good = login.redemption(&code);
    let with = |field: &str, value: &str| {
        let mut body = good.clone();
        body[field] = json!(value);
        body
    };
    let verifier = "the code verifier is not the one of the challenge";
    let redirect = "the redirect is not the one that the code was sent to";
    let no_code = "there is no such code, or it is over";
    let told = [
        (with("codeVerifier", &VERIFIER.replace('X', "Y")), verifier),
        (with("codeVerifier", ""), verifier),
        (with("redirectUri", "http://127.0.0.1:49153/oauth/callback"), redirect),
        (with("redirectUri", "https://evil.example/oauth/callback"), redirect),
        (with("redirectUri", "http://localhost:49152/oauth/callback"), redirect),
        (with("code", &"A".repeat(43)), no_code),
        (with("code", ""), no_code),
        (with("clientId", crate::login::CROSS_DEVICE), "the code was given to another client"),
    ];
    let mut answers = Vec::new();
    for (number, (body, _)) in told.iter().enumerate() {
        let mut program = Login::begin(&world);
        program.http = world.stranger().seen_at(&format!("192.0.2.{number}"));
        let answer = program.token(body).await;
        let message = refused(&answer, CODE_OVER);
        assert!(!message.contains(&code), "{message}");
        answers.push(answer);
    }
    for ((body, reason), record) in told.iter().zip(world.left_by(&answers).await) {
        assert_eq!((&record["action"], &record["outcome"]), (&json!("client_refused"), &json!("refused")), "{record}");
        assert_eq!((&record["actor"], &record["reason"]), (&json!("anonymous"), &json!(reason)), "{body}");
        // Whose code it is stands there where there is such a code.
        assert_eq!(record["about"].is_string(), *reason != no_code, "{record}");
    }
    for (body, expected) in [
        (with("clientId", "arn:aws:signin:::devtools/other"), INVALID),
        (with("clientId", ""), INVALID),
        (with("grantType", "password"), "400 ValidationException unsupported_grant_type"),
    ] {
        refused(&login.token(&body).await, expected);
    }
    for missing in ["code", "redirectUri", "codeVerifier"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(missing);
        assert!(refused(&login.token(&body).await, INVALID).contains(missing));
    }
    // Nor are the two kinds of programs' codes and tokens each other's.
    let sso = Program::registered(&world).await;
    let mut body = sso.redemption(&code);
    body["redirectUri"] = good["redirectUri"].clone();
    program::refused(&sso.token(&body).await, "400 InvalidGrantException");
    let of_sso = sso.code(&cookie).await;
    refused(&login.token(&with("code", &of_sso)).await, CODE_OVER);

    // None of that has used it up; what it gives ends when it comes back.
    let got = Got::of(&login.token(&good).await);
    program::refused(&sso.refresh(&got.refresh).await, "400 InvalidGrantException");
    // Nor does it for whoever has only seen the code in an address.
    refused(&login.token(&with("codeVerifier", &VERIFIER.replace('X', "Y"))).await, CODE_OVER);
    let got = Got::of(&login.renew(&got.refresh).await);
    refused(&login.token(&good).await, CODE_OVER);
    refused(&login.renew(&got.refresh).await, OVER);
    let ended: Vec<Value> = world.trail().into_iter().filter(|record| record["action"] == "client_ended").collect();
    assert_eq!((ended.len(), &ended[0]["reason"]), (1, &json!("the code was shown again")), "{ended:?}");
    by_nobody(&ended[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_shown_twice_at_once_leaves_nothing_behind() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let body = login.redemption(&login.code(&cookie, "deploy").await);
    let (one, other, third) = tokio::join!(login.token(&body), login.token(&body), login.token(&body));
    let given: Vec<_> = [one, other, third].into_iter().filter(|answer| answer.status == 200).collect();
    assert!(given.len() <= 1, "the same code gave credentials twice");
    for answer in given {
        refused(&login.renew(&Got::of(&answer).refresh).await, OVER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_refresh_token_is_nothing_without_its_key_and_the_trail_knows_who_lost_it() {
    let world = World::open().await;
    let (login, got) = Login::logged_in(&world, "ada", "deploy").await;
    let thief = Login::begin(&world);
    refused(&thief.renew(&got.refresh).await, OVER);
    let stolen = soon("the theft in the trail", async || {
        world.trail().into_iter().find(|record| record["action"] == "client_refused")
    });
    let stolen = stolen.await;
    assert_eq!(stolen["reason"], "the refresh token was shown with another key than its own");
    assert_eq!(stolen["actor"], "anonymous");
    assert!(stolen["about"].as_str().unwrap().starts_with("corp/"), "{stolen}");
    assert_eq!(world.trail_of("deploy").len(), 3, "nothing was vended for it");
    // She goes on.
    let got = Got::of(&login.renew(&got.refresh).await);

    // Nor does it help to put her key into a proof that another signs, or to take a proof of hers.
    let forged = thief.key.signed(&login.key.header(), &claims(&login.url));
    refused(&login.token_with(&login.renewal(&got.refresh), &forged).await, INVALID);
    Got::of(&login.renew(&got.refresh).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_renew_at_once_and_again_and_share_what_they_get() {
    let world = World::open().await;
    let (login, got) = Login::logged_in(&world, "ada", "deploy").await;
    let (one, two, three) =
        tokio::join!(login.renew(&got.refresh), login.renew(&got.refresh), login.renew(&got.refresh));
    let renewed = [one, two, three].map(|answer| Got::of(&answer));
    assert!(renewed.iter().all(|each| each.refresh == renewed[0].refresh), "they share the successor");
    for token in [&renewed[0].refresh, &got.refresh] {
        assert_eq!(Got::of(&login.renew(token).await).refresh, renewed[0].refresh, "a generation a minute");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_ends_it_at_once() {
    let world = World::open().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (login, got) = Login::logged_in_by(&world, &cookie, "deploy").await;
    let waiting = login.redemption(&login.code(&cookie, "deploy").await);
    let home = Answer::of(login.http.request(Method::GET, "/").header("cookie", &cookie)).await;
    let form = login.http.request(Method::POST, "/sign-out").form(&[("csrf", home.field("csrf"))]);
    assert_eq!(Answer::of(form.header("cookie", &cookie).header("origin", &login.url)).await.status, 303);
    refused(&login.renew(&got.refresh).await, OVER);
    refused(&login.token(&waiting).await, CODE_OVER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_of_the_same_name_made_later_inherits_nobody() {
    let world = World::open().await;
    let (login, got) = Login::logged_in(&world, "ada", "brief").await;
    let installation = world.brokerd.installation();
    let text = installation.read("connectors.toml");
    let at = text.find("[[connector]]\nname = \"brief\"\n").unwrap();
    let end = text.find("[[connector]]\nname = \"anew\"\n").unwrap();
    installation.write("connectors.toml", &format!("{}{}", &text[..at], &text[end..]));
    world.run(&["apply", "--yes"], "").succeeded();
    let ada = world.person("ada").await;
    soon("its end", async || (ada.vend("brief", &json!({})).await.status == 404).then_some(())).await;
    refused(&login.renew(&got.refresh).await, FORBIDDEN);
    installation.write("connectors.toml", &text);
    world.run(&["apply", "--yes"], "").succeeded();
    soon("the namesake", async || (ada.vend("brief", &json!({})).await.status == 200).then_some(())).await;
    refused(&login.renew(&got.refresh).await, FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_where_the_configuration_says_so() {
    let world = World::prepare().await.with("aws_clients = { login = false }").serve();
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = login.page(&cookie, &login.query()).await;
    assert!(page.status == 403 && page.text.contains("aws_clients.login"), "{}", page.text);
    refused(&login.renew("bkr_x").await, FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_gets_an_answer_in_the_clients_own_words() {
    let world = World::open().await;
    let login = Login::begin(&world);
    for body in ["", "{", "[]", "null", "\"x\"", "{\"clientId\": 1}", &"[".repeat(10_000)] {
        let request = login.http.request(Method::POST, "/v1/token").header("content-type", "application/json");
        refused(&Answer::of(request.body(body.to_owned())).await, INVALID);
    }
    let huge = login.http.post("/v1/token", &json!({ "clientId": "x".repeat(70_000) })).await;
    refused(&huge, "413 ValidationException INVALID_REQUEST");
    refused(&login.http.get("/v1/token").await, "405 ValidationException INVALID_REQUEST");
    for token in ["", "x", "bkr_", "bka_x", &format!("bkr_{}", "A".repeat(75)), &"x".repeat(60_000)] {
        refused(&login.renew(token).await, OVER);
    }
    let elsewhere = World::open().await;
    let (theirs, got) = Login::logged_in(&elsewhere, "ada", "deploy").await;
    refused(&login.token_with(&theirs.renewal(&got.refresh), &theirs.key.proof(&login.url)).await, OVER);
    let key = DpopKey::new();
    refused(&theirs.token_with(&theirs.renewal(&got.refresh), &key.proof(&theirs.url)).await, OVER);
}
