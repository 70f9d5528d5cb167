//! The page on which a connector is picked for `aws login`: always a click, by its own form; and the page with the code that is carried over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use tests::world::{Answer, World, password_of, soon};

use crate::login::{CODE_OVER, Got, Login, refused};
use crate::program::{CALLBACK, STATE};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_what_the_person_may_use_and_goes_on_only_by_a_click_on_it() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = login.page(&cookie, &login.query()).await;
    assert_eq!((page.status, page.header("location")), (200, None));
    for shown in
        ["http://127.0.0.1:49152", "corp/ada", "value=\"deploy\"", "Deploys to production", "Account 111111111111"]
    {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    for hidden in ["treasury", "vault", "ci-other", "<script", "style="] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self' http://127.0.0.1:49152;"),
        "{policy}"
    );

    // Neither a page of somebody else's nor one of another session clicks for her.
    let mut fields = login.query();
    let more = [("csrf", page.field("csrf")), ("connector", "deploy".to_owned()), ("decision", "allow".to_owned())];
    fields.extend(more);
    let foreign = login.http.request(Method::POST, "/v1/authorize").form(&fields).header("cookie", &cookie);
    for request in [foreign.try_clone().unwrap(), foreign.header("origin", "https://evil.example")] {
        assert_eq!(Answer::of(request).await.status, 403);
    }
    let eve = world.stranger().cookie("eve", &password_of("eve")).await;
    assert_eq!(login.send(&eve, &fields).await.status, 403, "the token is another session's");
    for (wrong, status) in [("csrf", 403), ("decision", 400), ("connector", 400)] {
        let without: Vec<_> = fields.iter().filter(|(name, _)| *name != wrong).cloned().collect();
        assert_eq!(login.send(&cookie, &without).await.status, status, "{wrong}");
    }
    // What is not hers is not there for her.
    for connector in ["treasury", "vault", "ci", "nothing", "No Name"] {
        let answer = login.decide(&cookie, &[("connector", connector), ("decision", "allow")]).await;
        assert!(matches!(answer.status, 400 | 404) && answer.header("location").is_none(), "{connector}");
    }
    assert!(!world.trail().iter().any(|record| record["action"] == "client_authorized"));
    assert_eq!(login.send(&cookie, &fields).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_lent_what_their_groups_are_granted_and_no_more() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("root", &password_of("root")).await;
    let page = login.page(&cookie, &login.query()).await;
    assert!(page.text.contains("None of your groups is granted a connector"), "{}", page.text);
    let answer = login.decide(&cookie, &[("connector", "deploy"), ("decision", "allow")]).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_leave_those_connectors_that_have_them() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let with = |words: &str| {
        let mut query = login.query();
        query.push(("filter", words.to_owned()));
        query
    };
    let page = login.page(&cookie, &with("PRODUCTION deploy")).await;
    assert_eq!(page.text.matches("type=\"radio\"").count(), 1, "{}", page.text);
    assert!(page.text.contains("value=\"deploy\""));
    let none = login.page(&cookie, &with("\"><b>")).await;
    assert!(none.text.contains("No connector of yours") && !none.text.contains("<b>"), "{}", none.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_signs_in_first_and_is_asked_then() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let page = login.page("", &login.query()).await;
    let location = page.header("location").unwrap().to_owned();
    assert!(page.status == 303 && location.starts_with("/sign-in?next=/v1/authorize%3F"), "{location}");
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let signed_in = Answer::of(login.http.request(Method::GET, &location).header("cookie", &cookie)).await;
    let back = signed_in.header("location").unwrap();
    let page = Answer::of(login.http.request(Method::GET, back).header("cookie", &cookie)).await;
    assert!(page.status == 200 && page.text.contains("value=\"deploy\""), "{back}: {}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_is_obeyed_and_the_trail_knows() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let answer = login.decide(&cookie, &[("decision", "deny")]).await;
    let expected = format!("{CALLBACK}?error=access_denied&state={STATE}");
    assert_eq!((answer.status, answer.header("location")), (303, Some(expected.as_str())));
    let no =
        soon("her no", async || world.trail().into_iter().find(|record| record["action"] == "client_refused")).await;
    assert_eq!(
        (&no["actor"], &no["reason"]),
        (&"person:corp/ada".into(), &"the person did not let `aws login` sign in as them".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_login_may_not_ask_is_told_on_the_page_and_leads_nowhere() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let confirmation = format!("{}/v1/sessions/confirmation", login.url);
    for (field, values) in [
        ("response_type", &["", "token"][..]),
        ("client_id", &["", "arn:aws:signin:::devtools/other", "botocore-client-corp"]),
        (
            "redirect_uri",
            &[
                "",
                "https://evil.example/oauth/callback",
                "http://localhost:49152/oauth/callback",
                "http://127.0.0.1:49152/other",
                "http://127.0.0.1:49152/oauth/callback/",
                "http://127.0.0.1:49152@evil.example/oauth/callback",
                &confirmation,
            ],
        ),
        ("code_challenge_method", &["", "plain", "S256"]),
        ("code_challenge", &["", "short", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk="]),
        ("scope", &["openid admin"]),
    ] {
        for value in values {
            let mut query = login.query();
            query.iter_mut().find(|(name, _)| name == &field).unwrap().1 = (*value).to_owned();
            let page = login.page(&cookie, &query).await;
            assert_eq!((page.status, page.header("location")), (400, None), "{field}={value}: {}", page.text);
            query.extend([
                ("csrf", "0".repeat(64)),
                ("connector", "deploy".to_owned()),
                ("decision", "allow".to_owned()),
            ]);
            let posted = login.send(&cookie, &query).await;
            assert!(posted.status >= 400 && posted.header("location").is_none(), "{field}={value}: {}", posted.status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_wants_a_reason_gets_it_from_the_page_each_time() {
    let why = "\n[[connector]]\nname = 'asked'\naccess_key = 'main'\ngroups = ['corp/release']\nrequire_reason = true\n\
               [connector.principal.assume_role]\nrole_arn = 'arn:aws:iam::111111111111:role/brief'\n";
    let world = World::prepare().await.connectors(why).serve();
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let silent = login.decide(&cookie, &[("connector", "asked"), ("decision", "allow")]).await;
    assert!(silent.status == 400 && silent.text.contains("asked wants to know why"), "{}", silent.text);
    assert!(silent.text.contains("value=\"asked\" required checked"), "what was picked stays: {}", silent.text);
    // Names that are not theirs are tried in vain, and not unseen.
    for other in ["treasury", "no-such"] {
        let tried = login.decide(&cookie, &[("connector", other), ("decision", "allow")]).await;
        assert_eq!(tried.status, 404, "{}", tried.text);
        let refused = soon("the trail", async || Some(world.trail_of(other)).filter(|told| !told.is_empty())).await;
        assert_eq!(refused, ["person:corp/ada vend refused"]);
    }
    let told = [("connector", "asked"), ("decision", "allow"), ("reason", "ticket 4711")];
    let answer = login.decide(&cookie, &told).await;
    let location = answer.header("location").unwrap();
    let code = location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let got = Got::of(&login.token(&login.redemption(&code)).await);
    Got::of(&login.renew(&got.refresh).await);
    let reasons: Vec<_> = world
        .trail()
        .into_iter()
        .filter(|it| it["action"] == "vend" && it["outcome"] == "success")
        .map(|it| it["reason"].clone())
        .collect();
    assert_eq!(reasons, ["ticket 4711", "ticket 4711"]);
}

/// A connector with an MFA device.
const TRIED: &str = r#"
[[connector]]
name = "tried"
access_key = "main"
groups = ["corp/release"]
require_reason = true
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/tried"
mfa_serial = "arn:aws:iam::111111111111:mfa/broker"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_with_an_mfa_device_is_shown_and_cannot_be_picked() {
    let world = World::prepare().await.connectors(TRIED).serve();
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = login.page(&cookie, &login.query()).await;
    assert!(page.text.contains("value=\"tried\" disabled>"), "{}", page.text);
    assert!(page.text.contains("value=\"deploy\" required>"), "{}", page.text);
    assert!(page.text.contains("it wants a code of an MFA device each time"), "{}", page.text);
    assert!(page.text.contains("<code>broker exec tried</code>"), "{}", page.text);
    assert!(!page.text.contains("name=\"reason\""), "none that can be picked wants one: {}", page.text);
    let allow = "value=\"allow\"";
    assert!(page.text.contains(allow));

    let forged = login.decide(&cookie, &[("connector", "tried"), ("decision", "allow"), ("reason", "why")]).await;
    assert_eq!((forged.status, forged.header("location")), (400, None), "{}", forged.text);
    assert!(forged.text.contains("tried wants a code of the MFA device"), "{}", forged.text);
    assert!(forged.text.contains("value=\"tried\" disabled>"), "nor is it picked now: {}", forged.text);
    assert!(world.calls("AssumeRole").is_empty());

    let mut alone = login.query();
    alone.push(("filter", "tried".to_owned()));
    let page = login.page(&cookie, &alone).await;
    assert!(page.text.contains("disabled>") && !page.text.contains(allow), "nothing to be picked: {}", page.text);
    assert!(page.text.contains("value=\"deny\""), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_for_another_machine_is_shown_to_whoever_said_yes_until_it_is_used() {
    let world = World::prepare().await.with("aws_clients = { device_groups = [\"corp/release\"] }").serve();
    let login = Login::remote(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let page = login.page(&cookie, &login.query()).await;
    assert!(page.text.contains("aws login --remote") && !page.text.contains("It listens at"), "{}", page.text);
    let code = login.code(&cookie, "deploy").await;
    let path = format!("/v1/sessions/confirmation?code={code}&state={STATE}");
    let show = async |cookie: &str, path: &str| {
        Answer::of(login.http.request(Method::GET, path).header("cookie", cookie)).await
    };
    let shown = show(&cookie, &path).await;
    let pasted = shown.text.split("<code id=\"code\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let decoded = String::from_utf8(STANDARD.decode(pasted).unwrap()).unwrap();
    assert_eq!(decoded, format!("state={STATE}&code={code}"));
    assert_eq!(shown.header("cache-control"), Some("no-store"));

    // Nobody is shown what somebody else wrote into an address, nor a code that is for a listener.
    let eve = world.stranger().cookie("eve", &password_of("eve")).await;
    assert_eq!(show(&eve, &path).await.status, 404);
    assert_eq!(show("", &path).await.status, 303);
    let near = Login::begin(&world).code(&cookie, "deploy").await;
    for other in ["x".to_owned(), near, String::new()] {
        let path = format!("/v1/sessions/confirmation?code={other}&state={STATE}");
        assert_eq!(show(&cookie, &path).await.status, 404, "{other}");
    }
    Got::of(&login.token(&login.redemption(&code)).await);
    assert_eq!(show(&cookie, &path).await.status, 404, "it has been used");
    refused(&login.token(&login.redemption(&code)).await, CODE_OVER);

    let no = login.decide(&cookie, &[("decision", "deny")]).await;
    let path = no.header("location").unwrap().strip_prefix(&login.url).unwrap().to_owned();
    let no = show(&cookie, &path).await;
    assert!(no.status == 200 && no.text.contains("It was refused"), "{}", no.text);
    // Nobody is told so by what somebody else wrote into an address.
    let proof = path.rsplit_once("&refused=").unwrap().1;
    assert_eq!(show(&eve, &path).await.status, 404, "of another session");
    for forged in ["", "&refused=yes", &format!("&refused=1{proof}")] {
        let path = format!("/v1/sessions/confirmation?error=access_denied&state={STATE}{forged}");
        assert_eq!(show(&cookie, &path).await.status, 404, "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_is_let_in_by_those_groups_alone_that_the_configuration_names() {
    let world = World::prepare().await.with("aws_clients = { device_groups = [\"corp/finance\"] }").serve();
    let login = Login::remote(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    assert_eq!(login.page(&cookie, &login.query()).await.status, 403);
    let fred = world.stranger().cookie("fred", &password_of("fred")).await;
    let page = login.page(&fred, &login.query()).await;
    assert_eq!(page.status, 200);
    let mut fields = login.query();
    fields.extend([("connector", "deploy".to_owned()), ("decision", "allow".to_owned())]);
    let hers = Login::begin(&world);
    let csrf = hers.page(&cookie, &hers.query()).await.field("csrf");
    fields.push(("csrf", csrf));
    assert_eq!(login.send(&cookie, &fields).await.status, 403, "nor by the form alone");
}
