//! Everything a little wrong: each refusal by the exception that AWS's clients know, and in the trail.

use serde_json::{Value, json};
use tests::world::{World, password_of, soon};

use crate::ends::by_nobody;
use crate::program::{Program, Tokens, VERIFIER, refused, registration};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_whoever_asked_for_it() {
    let world = World::open().await;
    let (program, other) = (Program::registered(&world).await, Program::registered(&world).await);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = program.code(&cookie).await;
    let good = program.redemption(&code);
    let with = |field: &str, value: &str| {
        let mut body = good.clone();
        body[field] = json!(value);
        body
    };
    let wrong_verifier = VERIFIER.replace('X', "Y");
    for (body, expected) in [
        (with("codeVerifier", &wrong_verifier), "400 InvalidGrantException"),
        (with("redirectUri", "http://127.0.0.1:49153/oauth/callback"), "400 InvalidGrantException"),
        (other.redemption(&code), "400 InvalidGrantException"),
        (with("code", &"A".repeat(43)), "400 InvalidGrantException"),
        (with("clientSecret", &other.secret), "401 InvalidClientException"),
        (with("clientId", "x"), "401 InvalidClientException"),
        (with("codeVerifier", ""), "400 InvalidGrantException"),
        (with("redirectUri", "http://127.0.0.1/oauth/callback"), "400 InvalidGrantException"),
        (with("redirectUri", "https://evil.example/oauth/callback"), "400 InvalidGrantException"),
        (with("code", ""), "400 InvalidGrantException"),
        (with("code", &code.to_lowercase()), "400 InvalidGrantException"),
        (with("clientSecret", ""), "401 InvalidClientException"),
        (with("clientId", &other.id), "401 InvalidClientException"),
        (with("grantType", "password"), "400 UnsupportedGrantTypeException"),
        (with("grantType", ""), "400 UnsupportedGrantTypeException"),
    ] {
        let message = refused(&program.token(&body).await, expected);
        assert!(!message.contains(&code) && !message.contains(&program.secret), "{message}");
    }
    for missing in ["code", "redirectUri", "codeVerifier"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(missing);
        let message = refused(&program.token(&body).await, "400 InvalidRequestException");
        assert!(message.contains(missing), "{message}");
    }
    // None of that has used it up.
    let tokens = Tokens::of(&program.token(&good).await);
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);

    // Those of one network are written whole ten times a minute, and counted then.
    let refusals = soon("ten refusals in the trail", async || {
        let refusals = refusals(&world);
        (refusals.len() >= 10).then_some(refusals)
    });
    let refusals = refusals.await;
    assert!(refusals.iter().all(|record| record["actor"] == "anonymous"), "nobody proved anything: {refusals:?}");
    assert!(refusals[0]["about"].as_str().unwrap().starts_with("corp/"), "{}", refusals[0]);
    let reasons: Vec<&str> = refusals.iter().map(|record| record["reason"].as_str().unwrap()).collect();
    for reason in [
        "the code verifier is not the one of the challenge",
        "the redirect is not the one that the code was sent to",
        "there is no such code, or it is over",
        "the code was given to another client",
        "the client's secret is not the one of its id",
        "this broker has registered no such client",
    ] {
        assert!(reasons.contains(&reason), "{reason}: {reasons:?}");
    }
    let whole = world.trail().iter().map(Value::to_string).collect::<String>();
    for secret in [&code, &program.secret, &wrong_verifier, &tokens.access, &tokens.refresh] {
        assert!(!whole.contains(secret.as_str()), "the trail repeats a secret");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_back_ends_what_came_of_it() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = program.code(&cookie).await;
    let tokens = Tokens::of(&program.token(&program.redemption(&code)).await);
    // Whoever has only seen the code in an address ends nothing.
    let mut seen = program.redemption(&code);
    seen["codeVerifier"] = json!(VERIFIER.replace('X', "Y"));
    refused(&program.token(&seen).await, "400 InvalidGrantException");
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);
    refused(&program.token(&program.redemption(&code)).await, "400 InvalidGrantException");
    refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    let ended: Vec<Value> = world.trail().into_iter().filter(|record| record["action"] == "client_ended").collect();
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!((&ended[0]["outcome"], &ended[0]["reason"]), (&json!("refused"), &json!("the code was shown again")));
    assert_eq!(ended[0]["changes"]["client_name"], "botocore-client-corp");
    by_nobody(&ended[0]);
    // The person herself is not thrown out.
    assert_eq!(program.page(&cookie, &program.query()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_shown_twice_at_once_leaves_nothing_behind() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = program.code(&cookie).await;
    let body = program.redemption(&code);
    let (one, other, third) = tokio::join!(program.token(&body), program.token(&body), program.token(&body));
    let given: Vec<_> = [one, other, third].into_iter().filter(|answer| answer.status == 200).collect();
    assert!(given.len() <= 1, "the same code gave tokens twice");
    for answer in given {
        let tokens = Tokens::of(&answer);
        refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_of_this_installation_or_none() {
    let (world, elsewhere) = (World::open().await, World::open().await);
    let stranger = world.stranger();
    let foreign = Program::registered(&elsewhere).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let here = Program { http: stranger.clone(), url: world.brokerd.url(), ..foreign.clone() };
    refused(&here.refresh("bkr_x").await, "401 InvalidClientException");
    assert_eq!(here.page(&cookie, &here.query()).await.status, 400);

    // Nor is a token of another installation any good, though its client is.
    let (_, tokens) = Program::signed_in(&elsewhere, "ada").await;
    let ours = Program::registered(&world).await;
    refused(&ours.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    refused(&ours.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");

    for (field, value, expected) in [
        ("clientName", json!(""), "400 InvalidClientMetadataException"),
        ("clientName", json!("x".repeat(101)), "400 InvalidClientMetadataException"),
        ("clientName", json!("a\u{202e}b"), "400 InvalidClientMetadataException"),
        ("clientType", json!("confidential"), "400 InvalidClientMetadataException"),
        ("scopes", json!(["sso:account:access", "admin"]), "400 InvalidScopeException"),
        ("redirectUris", json!(["https://evil.example/"]), "400 InvalidRedirectUriException"),
        ("redirectUris", json!(["http://localhost/oauth/callback"]), "400 InvalidRedirectUriException"),
        ("redirectUris", json!(vec!["http://127.0.0.1/"; 6]), "400 InvalidClientMetadataException"),
        ("clientName", json!(7), "400 InvalidRequestException"),
        ("redirectUris", json!("http://127.0.0.1/"), "400 InvalidRequestException"),
    ] {
        let mut body = registration();
        body[field] = value.clone();
        refused(&stranger.post("/client/register", &body).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_gets_an_answer_in_the_clients_own_words() {
    let world = World::open().await;
    let stranger = world.stranger();
    for path in ["/client/register", "/token"] {
        for body in ["", "{", "[]", "null", "\"x\"", "{\"clientId\": 1}", &"[".repeat(10_000)] {
            let request = stranger.request(reqwest::Method::POST, path).header("content-type", "application/json");
            let answer = tests::world::Answer::of(request.body(body.to_owned())).await;
            refused(&answer, "400 InvalidRequestException");
        }
        let huge = stranger.post(path, &json!({ "clientName": "x".repeat(70_000) })).await;
        refused(&huge, "413 InvalidRequestException");
        refused(&stranger.get(path).await, "405 InvalidRequestException");
        let form = stranger.request(reqwest::Method::POST, path).form(&[("grantType", "refresh_token")]);
        refused(&tests::world::Answer::of(form).await, "400 InvalidRequestException");
    }
    let program = Program::registered(&world).await;
    for token in ["", "x", "bkr_", "bka_x", &format!("bkr_{}", "A".repeat(75)), &"x".repeat(60_000)] {
        refused(&program.refresh(token).await, "400 InvalidGrantException");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slash_too_many_is_what_some_clients_write() {
    let world = World::open().await;
    let program = Program::registered(&world).await;
    let answer = program.http.post("//client/register", &registration()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    refused(&program.http.post("//token", &program.redemption("x")).await, "400 InvalidGrantException");
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    assert_eq!(program.portal(&tokens.access, "//assignment/accounts").await.status, 200);
    program.http.with_token(&tokens.access).get("//v1/session").await.problem("404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_asks_for_so_many_tokens_a_minute_and_goes_on_with_those_it_has() {
    let world = World::prepare().await.with("limits = { token_requests_per_minute = 4 }").serve();
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    Tokens::of(&program.refresh(&tokens.refresh).await);
    refused(&program.refresh("bkr_x").await, "400 InvalidGrantException");
    for path in ["/token", "/client/register", "/device_authorization"] {
        let answer = program.http.post(path, &json!({})).await;
        let message = refused(&answer, "429 TooManyRequestsException");
        assert!(message.contains("as many tokens as one may in a minute"), "{message}");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    let login = program.http.post("/v1/token", &json!({})).await;
    crate::login::refused(&login, "429 TooManyRequestsError rate_exceeded");
    for _ in 0..6 {
        assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);
    }
    let refusals = soon("the one refusal", async || (!refusals(&world).is_empty()).then(|| refusals(&world))).await;
    assert_eq!(refusals.len(), 1, "who is told to wait leaves no record: {refusals:?}");
}

fn refusals(world: &World) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == "client_refused").collect()
}
