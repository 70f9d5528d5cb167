//! Jobs that show a token of where they run: what opens a connector, what it is called in AWS, and every token that opens nothing.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_core::clock::SystemClock;
use broker_core::sts::Outbound;
use broker_core::workload::{IssuerFields, Workloads};
use reqwest::Method;
use serde_json::{Value, json};
use tests::issuer::{Issuer, SigningKey, json_answer, jwks, unsigned};
use tests::python::Client;
use tests::world::{Answer, Asker, World, soon};

/// Says which jobs may have what. `{url}` is the issuer's.
const ENTRY: &str = r#"
[[workload_issuer]]
name = "github"
issuer.github_actions.url = "{url}"
private_network = true

[[workload_issuer.mapping]]
connectors = ["ci", "deploy"]
claims = { repository_id = "4711" }
patterns = { ref = "refs/heads/m*" }
name = "{repository}@{run_id}"
tags = { repository = "repository" }
"#;

/// A broker that trusts an issuer.
struct Yard {
    issuer: Issuer,
    world: World,
}

impl Yard {
    async fn open() -> Self {
        Self::with(Issuer::start().await, ENTRY).await
    }

    async fn with(issuer: Issuer, entry: &str) -> Self {
        let prepared = World::prepare().await;
        let text = prepared.installation.read("brokerd.toml");
        let entry = entry.replace("{url}", &issuer.url());
        prepared.installation.write("brokerd.toml", &format!("{text}{entry}"));
        Self { issuer, world: prepared.serve() }
    }

    /// This installation's own value.
    fn audience(&self) -> String {
        self.world.brokerd.url()
    }

    fn claims(&self, others: &Value) -> Value {
        self.issuer.claims(&self.audience(), others)
    }

    fn token(&self, others: &Value) -> String {
        self.issuer.key.token(&self.claims(others))
    }

    fn job(&self, others: &Value) -> Asker {
        self.world.stranger().with_token(&self.token(others))
    }

    async fn shown(&self, token: &str) -> Answer {
        self.world.stranger().with_token(token).get("/v1/session").await
    }

    /// The same trust in this process, which says why.
    fn workloads(&self) -> Workloads {
        let entry: Value = json!({ "github_actions": { "url": self.issuer.url() } });
        let mapping = json!({
            "connectors": ["ci"], "claims": { "repository_id": "4711" }, "patterns": { "ref": "refs/heads/m*" },
            "name": "{repository}@{run_id}", "tags": { "repository": "repository" },
        });
        let fields = IssuerFields {
            name: "github".to_owned().try_into().unwrap(),
            issuer: serde_json::from_value(entry).unwrap(),
            audience: self.audience(),
            ca_pem: None,
            keys: None,
            private_network: true,
            mappings: vec![serde_json::from_value(mapping).unwrap()],
        };
        Workloads::new(vec![fields.checked().unwrap()], &Outbound::default(), Arc::new(SystemClock)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_any_secret_of_ours_is_somebody_in_aws() {
    let yard = Yard::open().await;
    let job = yard.job(&json!({}));
    let session = job.get("/v1/session").await.good();
    assert_eq!(
        session["identity"],
        json!({ "kind": "workload", "name": "github:corp/app@99", "groups": [], "admin": false })
    );
    let listed = job.get("/v1/connectors").await.good();
    assert_eq!(
        listed["connectors"].as_array().unwrap().len(),
        1,
        "a mapping gives nobody what is for people: {listed}"
    );

    let vended = job.vended("ci", &json!({ "reason": "build" })).await;
    let (world, record) = (&yard.world, yard.world.record(&vended["vend_id"]));
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    assert_eq!((&record["actor"], &record["reason"]), (&json!("workload:github:corp/app@99"), &json!("build")));
    assert_eq!(record["actor_id"], "repo:corp/app:ref:refs/heads/main");
    let name = world.sent("AssumeRole", "RoleSessionName").unwrap();
    assert!(name.starts_with("svc.github-corp-app@99-"), "with a fingerprint: {name}");
    assert_eq!(record["session_name"], name);
    assert_eq!(world.sent("AssumeRole", "Tags.member.1.Key").as_deref(), Some("repository"));
    assert_eq!(world.sent("AssumeRole", "Tags.member.1.Value").as_deref(), Some("corp/app"));

    // The very same again; another run is another one.
    assert_eq!(job.vended("ci", &json!({})).await["access_key_id"], vended["access_key_id"]);
    let other = yard.job(&json!({ "run_id": "100" })).vended("ci", &json!({})).await;
    assert_ne!(other["access_key_id"], vended["access_key_id"]);
    // Even where AWS is told the same of both.
    let same_to_aws = yard.job(&json!({ "ref": "refs/heads/master" })).vended("ci", &json!({})).await;
    assert_ne!(same_to_aws["access_key_id"], vended["access_key_id"]);

    let identity = job.get("/v1/connectors/ci/caller-identity").await.good();
    assert!(identity["arn"].as_str().unwrap().contains("/svc.github-"), "{identity}");
    let moved_over = job.get("/rest/identity-federation-for-aws/2.2/connectors").await.good();
    let id = moved_over["values"][0]["id"].as_str().unwrap();
    job.get(&format!("/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials")).await.good();

    // What is not for jobs is not for these.
    for other in ["ci-other", "deploy", "nowhere"] {
        job.vend(other, &json!({})).await.problem("404 not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/v1/session"),
        (Method::POST, "/v1/connectors/ci/console-url"),
        (Method::GET, "/v1/admin/connectors"),
    ] {
        Answer::of(job.request(method, path)).await.problem("403 forbidden");
    }
    let cookie = format!("brokerd={}", job.token.clone().unwrap());
    let by_cookie = world.stranger().request(Method::GET, "/v1/session").header("cookie", cookie);
    Answer::of(by_cookie).await.problem("401 unauthenticated");
    assert!(!world.brokerd.log().contains(job.token.as_deref().unwrap()), "a token stands in no log");
    assert_eq!(yard.issuer.asked().len(), 2, "its keys were fetched once");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_fetches_with_a_projected_token() {
    let yard = Yard::open().await;
    let url = format!("{}/v1/container-credentials/ci", yard.world.brokerd.url());
    let client = Client::at(&yard.world.sim.endpoint()).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
    let file = client.home().join("token");
    std::fs::write(&file, yard.token(&json!({}))).unwrap();
    let client = client.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    let said = client.boto3("print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))").json();
    assert!(said.as_str().unwrap().contains(":assumed-role/deploy/svc.github-corp-app@99-"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_exactly_right_opens_nothing_and_only_the_trail_knows_why() {
    let yard = Yard::open().await;
    let (key, claims) = (&yard.issuer.key, yard.claims(&json!({})));
    let text = claims.to_string();
    let good = key.token(&claims);
    yard.shown(&good).await.good();
    let now = claims["iat"].as_i64().unwrap();
    let with = |others: Value| yard.token(&others);

    // With a public key for an HMAC's secret.
    let signed = unsigned(r#"{"alg":"HS256","kid":"first"}"#, &text);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.jwk()["n"].as_str().unwrap().as_bytes());
    let by_hmac = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&secret, signed.as_bytes())));
    let attacker = SigningKey::rsa("first");
    let mut parts: Vec<&str> = good.split('.').collect();
    let other_claims = URL_SAFE_NO_PAD.encode(yard.claims(&json!({ "run_id": "1" })).to_string());
    parts[1] = &other_claims;
    let changed = parts.join(".");
    let nested = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let tokens = [
        ("another repository", with(json!({ "repository_id": "4712" })), "no mapping"),
        ("none", format!("{}.", unsigned(r#"{"alg":"none","kid":"first"}"#, &text)), "its algorithm"),
        ("NONE", format!("{}.", unsigned(r#"{"alg":"NONE","kid":"first"}"#, &text)), "its algorithm"),
        ("HMAC", by_hmac, "its algorithm"),
        ("PS256", key.token_with(&json!({ "alg": "PS256" }), &text), "its algorithm"),
        ("the other algorithm", key.token_with(&json!({ "alg": "ES256" }), &text), "the issuer has no key"),
        ("no kid", key.token_with(&json!({ "kid": null }), &text), "no `kid`"),
        ("unknown kid", key.token_with(&json!({ "kid": "other" }), &text), "the issuer has no key"),
        ("crit", key.token_with(&json!({ "crit": ["exp"] }), &text), "`crit`"),
        ("attacker's", attacker.token(&claims), "its signature"),
        ("jwk", attacker.token_with(&json!({ "jwk": attacker.jwk() }), &text), "its signature"),
        ("jku", attacker.token_with(&json!({ "jku": format!("{}/evil", yard.issuer.url()) }), &text), "its signature"),
        ("x5u", attacker.token_with(&json!({ "x5u": format!("{}/evil", yard.issuer.url()) }), &text), "its signature"),
        ("changed", changed, "its signature"),
        ("no signature", format!("{}.", unsigned(r#"{"alg":"RS256","kid":"first"}"#, &text)), "its signature"),
        ("expired", with(json!({ "exp": now - 61 })), "expired"),
        ("without an end", with(json!({ "exp": null })), "when it expires"),
        ("from the future", with(json!({ "nbf": now + 600 })), "from the future"),
        ("issued in the future", with(json!({ "iat": now + 600 })), "from the future"),
        ("a slash more", with(json!({ "iss": format!("{}/", yard.issuer.url()) })), "an issuer that is not configured"),
        (
            "another issuer",
            with(json!({ "iss": "https://token.actions.githubusercontent.com" })),
            "an issuer that is not",
        ),
        ("no issuer", with(json!({ "iss": null })), "an issuer that is not configured"),
        ("another's audience", with(json!({ "aud": "sts.amazonaws.com" })), "its audience"),
        ("for others too", with(json!({ "aud": [yard.audience(), "sts.amazonaws.com"] })), "its audience"),
        ("no audience", with(json!({ "aud": null })), "its audience"),
        ("no subject", with(json!({ "sub": null })), "`sub`"),
        ("a longer id", with(json!({ "repository_id": "47110" })), "no mapping"),
        ("no repository", with(json!({ "repository_id": null })), "no mapping"),
        ("another branch", with(json!({ "ref": "refs/heads/evil" })), "no mapping"),
        ("main as a suffix", with(json!({ "ref": "x/refs/heads/main" })), "no mapping"),
        ("no branch", with(json!({ "ref": null })), "no mapping"),
        ("a pull request", with(json!({ "event_name": "pull_request" })), "no mapping"),
        ("a pull request's target", with(json!({ "event_name": "pull_request_target" })), "no mapping"),
        ("no event", with(json!({ "event_name": null })), "no mapping"),
        ("without what its name is made of", with(json!({ "run_id": null })), "`run_id`"),
        ("a name without end", with(json!({ "repository": "x".repeat(511) })), "longer than 512"),
        ("what no tag can be", with(json!({ "repository": "corp/a<b" })), "`repository`"),
        ("hidden characters", with(json!({ "repository": "corp/a\u{202e}b" })), "`repository`"),
        ("nested", key.token_with(&json!({}), &text.replace("\"push\"", &nested)), "no JSON"),
        ("a list", key.token_with(&json!({}), "[]"), "no object"),
        ("rubbish", "ey.ey.ey".to_owned(), "no JSON"),
        ("huge", with(json!({ "more": "x".repeat(20_000) })), "16 KiB"),
    ];
    let (workloads, mut answers, mut wrong) = (yard.workloads(), Vec::new(), Vec::new());
    workloads.prove(&good).await.unwrap();
    for (what, token, why) in &tokens {
        match workloads.prove(token).await {
            Err(refused) if refused.to_string().contains(why) => {}
            other => wrong.push(format!("{what} should be refused for `{why}`: {other:?}")),
        }
        answers.push(yard.shown(token).await.but_for_the_request_id());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    answers.dedup();
    assert_eq!((answers.len(), answers[0].0), (1, 401), "one answer for all: {answers:?}");
    assert!(!yard.issuer.asked().contains(&"/evil".to_owned()), "a token's own word on keys is not followed");
    yard.shown(&good).await.good();
    assert_eq!(yard.world.calls("AssumeRole").len(), 0);
    let records = soon("the trail", async || {
        let mut records = yard.world.trail();
        records.retain(|it| it["action"] == "token_refused");
        (records.len() >= 10).then_some(records)
    })
    .await;
    let is_said = |id: Option<&str>, reason: &str| {
        let says = |it: &Value| it["reason"].as_str().is_some_and(|text| text.contains(reason));
        records.iter().any(|it| it["actor"] == "anonymous" && it["actor_id"].as_str() == id && says(it))
    };
    assert!(is_said(None, "its algorithm is neither"), "{records:?}");
    let whose = "github:repo:corp/app:ref:refs/heads/main";
    assert!(is_said(Some(whose), "no mapping is for these claims"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_once_and_made_up_ones_fetch_nothing_more() {
    let yard = Yard::open().await;
    yard.shown(&yard.token(&json!({}))).await.good();
    let new = SigningKey::ec("second");
    yard.issuer.has_keys(&[&yard.issuer.key, &new]);
    yard.shown(&new.token(&yard.claims(&json!({})))).await.good();
    assert_eq!(yard.issuer.asked().len(), 4, "the document and the keys, twice");
    // Twice a minute is enough for everybody, whatever they make up.
    let later = SigningKey::rsa("third");
    yard.issuer.has_keys(&[&yard.issuer.key, &new, &later]);
    for key in [&later, &SigningKey::rsa("made up"), &SigningKey::ec("first")] {
        yard.shown(&key.token(&yard.claims(&json!({})))).await.problem("401 unauthenticated");
    }
    assert_eq!(yard.issuer.asked().len(), 4, "{:?}", yard.issuer.asked());
    yard.shown(&yard.token(&json!({}))).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_say_its_keys_lets_nobody_in() {
    let issuer = Issuer::start().await;
    let other = Issuer::start().await;
    let own = issuer.url();
    let discovery = |issuer: &str, keys: &str| json_answer(&json!({ "issuer": issuer, "jwks_uri": keys }).to_string());
    let good = discovery(&own, &format!("{own}/keys"));
    let keys = json_answer(&jwks(&[&issuer.key]).to_string());
    let huge = json_answer(&format!("{{\"keys\":[],\"more\":\"{}\"}}", "x".repeat(300_000)));
    let away = format!("HTTP/1.1 302 Found\r\nlocation: {}/keys\r\ncontent-length: 0\r\n\r\n", other.url());
    let long = Duration::from_mins(2);
    other.says("/keys", &keys);
    let wait = Duration::ZERO;
    let cases = [
        (discovery(&format!("{own}/"), &format!("{own}/keys")), keys.clone(), wait, "of another issuer"),
        (discovery(&own, &format!("{}/keys", other.url())), keys.clone(), wait, "keys on another host"),
        (away.clone(), keys.clone(), wait, "302"),
        (good.clone(), away, wait, "302"),
        (good.clone(), huge.clone(), wait, "longer than 256 KiB"),
        (good.clone(), json_answer("[]"), wait, "no JSON Web Key Set"),
        (good.clone(), json_answer("{\"keys\":[]}"), wait, "no key"),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned(), keys.clone(), wait, "500"),
        (json_answer("rubbish"), keys.clone(), wait, "cannot be read"),
        (good, keys, long, "did not come in"),
    ];
    let (mut yard, mut wrong) = (Yard::with(issuer, ENTRY).await, Vec::new());
    for (discovery, keys, wait, why) in cases {
        yard.issuer.says("/.well-known/openid-configuration", &discovery);
        yard.issuer.says_after("/keys", &keys, wait);
        // Nothing is remembered by a daemon that has just begun.
        yard.world.brokerd = yard.world.brokerd.stop().serve();
        let token = yard.token(&json!({}));
        let refused = yard.shown(&token).await;
        if refused.status != 503 || !yard.world.brokerd.log().contains(why) {
            wrong.push(format!("{why}: {} {}", refused.text, yard.world.brokerd.log()));
            continue;
        }
        refused.problem("503 issuer_unavailable");
        assert!(refused.header("retry-after").is_some());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Whoever asks again and again makes nobody ask the issuer.
    yard.issuer
        .says("/.well-known/openid-configuration", "HTTP/1.1 500 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    for _ in 0..5 {
        yard.shown(&yard.token(&json!({}))).await.problem("503 issuer_unavailable");
    }
    let asked = yard.issuer.asked().len();
    yard.shown(&yard.token(&json!({}))).await.problem("503 issuer_unavailable");
    assert_eq!(yard.issuer.asked().len(), asked);
    assert!(other.asked().is_empty(), "nobody goes where the issuer is not: {:?}", other.asked());
}
