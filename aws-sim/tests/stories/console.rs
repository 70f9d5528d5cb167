//! The console's federation endpoint.

use std::time::Duration;

use aws_sdk_sts::types::Credentials;
use aws_sim::{Calls, Fault, Outcome, Sim};
use serde_json::{Value, json};

use crate::kit::{DEPLOY, KEY, SECRET, allow, exchange, http, start, sts, sts_with, world};

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn session_json(credentials: &Credentials) -> String {
    json!({
        "sessionId": credentials.access_key_id(),
        "sessionKey": credentials.secret_access_key(),
        "sessionToken": credentials.session_token(),
    })
    .to_string()
}

/// Posts for a sign-in token: the token, or the status of the refusal.
async fn post(sim: &Sim, session: &str, extra: &str) -> Result<String, u16> {
    let form = format!("Action=getSigninToken&Session={}{extra}", encode(session));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    match http(sim, "POST", "/federation", &headers, &form).await {
        (200, body) => Ok(serde_json::from_str::<Value>(&body).unwrap()["SigninToken"].as_str().unwrap().to_owned()),
        (status, _) => Err(status),
    }
}

async fn login(sim: &Sim, token: &str, destination: &str) -> (u16, String) {
    let query = format!(
        "/federation?Action=login&Issuer=https%3A%2F%2Fbroker.example&Destination={}&SigninToken={}",
        encode(destination),
        encode(token)
    );
    http(sim, "GET", &query, &[], "").await
}

async fn role(sim: &Sim) -> Credentials {
    sts(sim).assume_role().role_arn(DEPLOY).role_session_name("ada").send().await.unwrap().credentials.unwrap()
}

async fn federated(sim: &Sim) -> Credentials {
    let policy = allow(&["s3:*"], "*").to_string();
    sts(sim).get_federation_token().name("ada").policy(policy).send().await.unwrap().credentials.unwrap()
}

const CONSOLE: &str = "https://console.aws.amazon.com/";

#[tokio::test]
async fn a_role_signs_in_and_is_shown() {
    let sim = start(world()).await;
    let token = post(&sim, &session_json(&role(&sim).await), "").await.unwrap();
    let (status, page) = login(&sim, &token, CONSOLE).await;
    assert_eq!(status, 200, "{page}");
    for shown in ["arn:aws:sts::111111111111:assumed-role/deploy/ada", "<dd>111111111111</dd>", CONSOLE] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("<script") && !page.contains(&token));
    let (head, _) = exchange(&sim, "GET", "/federation?Action=login", &[], "").await.unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("cache-control: no-store") && head.contains("default-src 'none'"), "{head}");
    assert!(!head.contains("set-cookie"), "{head}");
}

#[tokio::test]
async fn a_federated_user_signs_in_too_and_get_works_like_post() {
    let sim = start(world()).await;
    let session = session_json(&federated(&sim).await);
    let path = format!("/federation?Action=getSigninToken&Session={}", encode(&session));
    let (status, body) = http(&sim, "GET", &path, &[], "").await;
    assert_eq!(status, 200, "{body}");
    let token = serde_json::from_str::<Value>(&body).unwrap()["SigninToken"].as_str().unwrap().to_owned();
    let (_, page) = login(&sim, &token, CONSOLE).await;
    assert!(page.contains("federated-user/ada"), "{page}");
}

#[tokio::test]
async fn session_tokens_and_long_term_keys_do_not_sign_in() {
    let sim = start(world()).await;
    let session = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    assert_eq!(post(&sim, &session_json(&session), "").await, Err(400));
    let long_term = json!({ "sessionId": KEY, "sessionKey": SECRET, "sessionToken": "" }).to_string();
    assert_eq!(post(&sim, &long_term, "").await, Err(400));
}

#[tokio::test]
async fn credentials_must_be_genuine_and_alive() {
    let sim = start(world()).await;
    let credentials = role(&sim).await;
    let good = session_json(&credentials);
    let other = role(&sim).await;
    for wrong in [
        good.replace(credentials.secret_access_key(), other.secret_access_key()),
        good.replace(credentials.session_token(), other.session_token()),
        good.replace(credentials.access_key_id(), "ASIAUNKNOWNUNKNOWN00"),
        "{}".to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ] {
        assert_eq!(post(&sim, &wrong, "").await, Err(400), "{wrong}");
    }
    post(&sim, &good, "").await.unwrap();
    sim.clock().advance(Duration::from_secs(3_601));
    assert_eq!(post(&sim, &good, "").await, Err(400));
}

#[tokio::test]
async fn only_roles_assumed_with_long_term_keys_choose_their_console_s_length() {
    let sim = start(world()).await;
    let first = role(&sim).await;
    let direct = session_json(&first);
    for seconds in ["900", "43200"] {
        post(&sim, &direct, &format!("&SessionDuration={seconds}")).await.unwrap();
    }
    for seconds in ["899", "43201", "soon", ""] {
        assert_eq!(post(&sim, &direct, &format!("&SessionDuration={seconds}")).await, Err(400), "{seconds}");
    }
    let assume = async |credentials: &Credentials| {
        let call = sts_with(&sim, credentials).assume_role().role_arn(DEPLOY).role_session_name("ada");
        call.send().await.unwrap().credentials.unwrap()
    };
    let chained = assume(&first).await;
    let session = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    let by_session_token = assume(&session).await;
    for indirect in [chained, by_session_token, federated(&sim).await] {
        let json = session_json(&indirect);
        assert_eq!(post(&sim, &json, "&SessionDuration=3600").await, Err(400));
        post(&sim, &json, "").await.unwrap();
    }
}

#[tokio::test]
async fn a_sign_in_token_lives_fifteen_minutes() {
    let sim = start(world()).await;
    let token = post(&sim, &session_json(&role(&sim).await), "").await.unwrap();
    sim.clock().advance(Duration::from_mins(14));
    assert_eq!(login(&sim, &token, CONSOLE).await.0, 200);
    sim.clock().advance(Duration::from_secs(61));
    assert_eq!(login(&sim, &token, CONSOLE).await.0, 400);
    assert_eq!(login(&sim, "no-such-token", CONSOLE).await.0, 400);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let sim = start(world()).await;
    let token = post(&sim, &session_json(&role(&sim).await), "").await.unwrap();
    for fine in ["https://eu-central-1.console.aws.amazon.com/s3/home", &format!("{}/console", sim.endpoint())] {
        assert_eq!(login(&sim, &token, fine).await.0, 200, "{fine}");
    }
    for elsewhere in ["https://evil.example/", "http://console.aws.amazon.com/", "https://console.amazonaws.cn/", "x"] {
        assert_eq!(login(&sim, &token, elsewhere).await.0, 400, "{elsewhere}");
    }
    let escaped = login(&sim, &token, "https://console.aws.amazon.com/?<script>alert(1)</script>").await.1;
    assert!(!escaped.contains("<script>"), "{escaped}");
}

#[tokio::test]
async fn the_journal_knows_but_tells_no_secrets() {
    let sim = start(world()).await;
    let credentials = role(&sim).await;
    let token = post(&sim, &session_json(&credentials), "").await.unwrap();
    login(&sim, &token, CONSOLE).await;
    let calls = sim.calls();
    let [_, signin, login] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((signin.action.as_str(), login.action.as_str()), ("getSigninToken", "login"));
    for call in [signin, login] {
        assert_eq!(call.access_key_id.as_deref(), Some(credentials.access_key_id()));
        assert_eq!(call.outcome, Outcome::Ok);
    }
    let journal = format!("{calls:?}");
    for secret in [credentials.secret_access_key(), credentials.session_token(), &token] {
        assert!(!journal.contains(secret));
    }
}

#[tokio::test]
async fn the_federation_endpoint_fails_on_demand() {
    let sim = start(world()).await;
    let session = session_json(&role(&sim).await);
    sim.faults().once(Calls::of("getSigninToken"), Fault::InternalFailure);
    assert_eq!(post(&sim, &session, "").await, Err(500));
    sim.faults().once(Calls::of("getSigninToken"), Fault::NotXml);
    let form = format!("Action=getSigninToken&Session={}", encode(&session));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (status, body) = http(&sim, "POST", "/federation", &headers, &form).await;
    assert_eq!(status, 200);
    assert!(serde_json::from_str::<Value>(&body).is_err());
    assert_eq!(http(&sim, "POST", "/federation", &headers, "Action=login").await.0, 400, "login is for browsers");
    assert_eq!(http(&sim, "GET", "/federation", &[], "").await.0, 400);
    post(&sim, &session, "").await.unwrap();
}
