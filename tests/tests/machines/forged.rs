//! Jobs' tokens that are not exactly right, as AWS's own clients show them: each opens nothing, all are told the same, and the trail knows why.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::issuer::{SigningKey, unsigned};
use tests::python::Client;
use tests::world::{Answer, World, soon};

use super::yard::{ENTRY, Yard};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_exactly_right_opens_nothing_and_only_the_trail_knows_why() {
    let yard = Yard::behind(World::prepare().await.behind_a_proxy(), ENTRY).await;
    let good = yard.token(&json!({}));
    yard.shown(&good).await.good();
    let forged = forged(&yard, &good);
    let mut told = Vec::new();
    for (number, (what, token, _)) in forged.iter().enumerate() {
        let shown = yard.world.stranger().seen_at(&format!("192.0.2.{number}")).with_token(token);
        let answer = shown.get("/v1/container-credentials/ci").await;
        let problem = answer.problem("401 unauthenticated");
        assert_eq!((&problem["Code"], &problem["Message"]), (&problem["code"], &problem["message"]), "{what}");
        told.push(answer);
    }
    let mut alike: Vec<_> = told.iter().map(Answer::but_for_the_request_id).collect();
    alike.dedup();
    assert_eq!(alike.len(), 1, "one answer for all: {alike:?}");
    assert!(!yard.issuer.asked().contains(&"/evil".to_owned()), "a token's own word on keys is not followed");
    assert_eq!(yard.world.calls("AssumeRole").len(), 0);

    let records = yard.world.left_by(&told).await;
    let mut wrong = Vec::new();
    for ((what, token, why), record) in forged.iter().zip(&records) {
        // Whom the issuer itself has signed for is known, and nobody else.
        let whose = SIGNED.contains(why).then_some("github:repo:corp/app:ref:refs/heads/main");
        let reason = record["reason"].as_str().unwrap();
        let is_right = record["action"] == "token_refused"
            && record["outcome"] == "refused"
            && record["actor"] == "anonymous"
            && record["actor_id"].as_str() == whose
            && reason.contains(why);
        if !is_right {
            wrong.push(format!("{what} should be refused for `{why}`: {record}"));
        }
        assert!(token.len() < 9 || !record.to_string().contains(token.as_str()), "{what}: the trail repeats a token");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    yard.shown(&good).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_and_boto3_print_what_to_do_about_a_token_that_is_no_good() {
    let yard = Yard::open().await;
    let world = &yard.world;
    let now = yard.claims(&json!({}))["iat"].as_i64().unwrap();
    let revoked = world.run(&["token", "create", "nightly", "--connector", "ci"], "").succeeded();
    world.run(&["token", "revoke", "nightly", "--yes"], "").succeeded();
    let unsigned = unsigned(r#"{"alg":"none","kid":"first"}"#, &yard.claims(&json!({})).to_string());
    // Each tries three times, and of one network ten a minute are written whole.
    for (client, token, why) in [
        ("aws", yard.token(&json!({ "exp": now - 61 })), "expired"),
        ("boto3", format!("{unsigned}."), "its algorithm"),
        ("aws", revoked.trim().to_owned(), "no such service token: unknown or revoked"),
    ] {
        let url = format!("{}/v1/container-credentials/ci", world.brokerd.url());
        let machine = Client::at(&world.sim.endpoint()).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
        let file = machine.home().join("token");
        std::fs::write(&file, &token).unwrap();
        let machine = machine.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
        let said = if client == "aws" {
            machine.aws(&["sts", "get-caller-identity"]).failed()
        } else {
            machine.boto3("boto3.client('sts').get_caller_identity()").failed()
        };
        for part in ["Received non 200 response 401", "\"Code\":\"unauthenticated\"", "its claims must fit a mapping"] {
            assert!(said.contains(part), "{client}: {part}: {said}");
        }
        assert!(!said.contains(&token), "{client}: {said}");
        // What is printed names the request, and the trail says under that id what was wrong.
        let id = said.split_once("(request ").unwrap().1.split_once(')').unwrap().0;
        let record = soon("its record", async || {
            world.trail().into_iter().find(|record| record["request_id"] == id && record["count"].is_null())
        })
        .await;
        assert_eq!((&record["action"], &record["outcome"]), (&json!("token_refused"), &json!("refused")));
        assert!(record["reason"].as_str().unwrap().contains(why), "{client}: {record}");
    }
}

/// Each with what the trail is to say.
fn forged(yard: &Yard, good: &str) -> Vec<(&'static str, String, &'static str)> {
    let (key, claims) = (&yard.issuer.key, yard.claims(&json!({})));
    let (text, url) = (claims.to_string(), yard.issuer.url());
    let now = claims["iat"].as_i64().unwrap();
    let with = |others: Value| yard.token(&others);
    // With what everybody knows for an HMAC's secret.
    let by_hmac = |secret: &str| {
        let signed = unsigned(r#"{"alg":"HS256","kid":"first"}"#, &text);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&secret, signed.as_bytes())))
    };
    let attacker = SigningKey::rsa("first");
    let evil = format!("{url}/evil");
    let mut parts: Vec<&str> = good.split('.').collect();
    let other_claims = URL_SAFE_NO_PAD.encode(yard.claims(&json!({ "run_id": "1" })).to_string());
    parts[1] = &other_claims;
    let changed = parts.join(".");
    let nested = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let deep_header = format!("{}.{}.x", URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":{nested}}}"#)), parts[1]);
    vec![
        ("another repository", with(json!({ "repository_id": "4712" })), "no mapping"),
        ("none", format!("{}.", unsigned(r#"{"alg":"none","kid":"first"}"#, &text)), "its algorithm"),
        ("NONE", format!("{}.", unsigned(r#"{"alg":"NONE","kid":"first"}"#, &text)), "its algorithm"),
        ("HMAC with the modulus", by_hmac(key.jwk()["n"].as_str().unwrap()), "its algorithm"),
        ("HMAC with the whole key", by_hmac(&key.jwk().to_string()), "its algorithm"),
        ("PS256", key.token_with(&json!({ "alg": "PS256" }), &text), "its algorithm"),
        ("the other algorithm", key.token_with(&json!({ "alg": "ES256" }), &text), "the issuer has no key"),
        ("no kid", key.token_with(&json!({ "kid": null }), &text), "no `kid`"),
        ("unknown kid", key.token_with(&json!({ "kid": "other" }), &text), "the issuer has no key"),
        ("crit", key.token_with(&json!({ "crit": ["exp"] }), &text), "`crit`"),
        ("attacker's", attacker.token(&claims), "its signature"),
        ("jwk", attacker.token_with(&json!({ "jwk": attacker.jwk() }), &text), "its signature"),
        ("jku", attacker.token_with(&json!({ "jku": evil }), &text), "its signature"),
        ("x5u", attacker.token_with(&json!({ "x5u": evil }), &text), "its signature"),
        ("changed", changed, "its signature"),
        ("no signature", format!("{}.", unsigned(r#"{"alg":"RS256","kid":"first"}"#, &text)), "its signature"),
        ("expired", with(json!({ "exp": now - 61 })), "expired"),
        ("without an end", with(json!({ "exp": null })), "when it expires"),
        ("from the future", with(json!({ "nbf": now + 600 })), "from the future"),
        ("issued in the future", with(json!({ "iat": now + 600 })), "from the future"),
        ("a slash more", with(json!({ "iss": format!("{url}/") })), "an issuer that is not configured"),
        ("a slash less", with(json!({ "iss": url.replacen("//", "/", 1) })), "an issuer that is not configured"),
        (
            "another issuer",
            with(json!({ "iss": "https://token.actions.githubusercontent.com" })),
            "an issuer that is not configured",
        ),
        ("no issuer", with(json!({ "iss": null })), "an issuer that is not configured"),
        ("another's audience", with(json!({ "aud": "sts.amazonaws.com" })), "its audience"),
        ("a slash behind the audience", with(json!({ "aud": format!("{}/", yard.audience()) })), "its audience"),
        ("for others too", with(json!({ "aud": [yard.audience(), "sts.amazonaws.com"] })), "its audience"),
        ("no audience", with(json!({ "aud": null })), "its audience"),
        ("no subject", with(json!({ "sub": null })), "`sub`"),
        ("a longer id", with(json!({ "repository_id": "47110" })), "no mapping"),
        ("no repository", with(json!({ "repository_id": null })), "no mapping"),
        ("another branch", with(json!({ "ref": "refs/heads/evil" })), "no mapping"),
        ("main as a suffix", with(json!({ "ref": "x/refs/heads/main" })), "no mapping"),
        ("no branch", with(json!({ "ref": null })), "no mapping"),
        ("no event", with(json!({ "event_name": null })), "no mapping"),
        ("without what its name is made of", with(json!({ "run_id": null })), "`run_id`"),
        ("a name without end", with(json!({ "repository": "x".repeat(511) })), "longer than 512"),
        ("what no tag can be", with(json!({ "repository": "corp/a<b" })), "`repository`"),
        ("hidden characters", with(json!({ "repository": "corp/a\u{202e}b" })), "`repository`"),
        ("nested", key.token_with(&json!({}), &text.replace("\"push\"", &nested)), "its claims are no JSON"),
        ("a nested header", deep_header, "its header is no JSON"),
        ("a list", key.token_with(&json!({}), "[]"), "no object"),
        ("rubbish", "ey.ey.ey".to_owned(), "no JSON"),
        ("huge", with(json!({ "more": "x".repeat(20_000) })), "16 KiB"),
    ]
}

/// What is found wrong with a token only once its signature is proved, and its subject read.
const SIGNED: [&str; 7] =
    ["no mapping", "expired", "when it expires", "from the future", "`run_id`", "longer than 512", "`repository`"];
