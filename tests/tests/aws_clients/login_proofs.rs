//! Proofs of a key (DPoP) at the token endpoint of `aws login`: what each must be to count, once, and what the trail says of those that do not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use tests::dpop::{DpopKey, claims, encoded};
use tests::world::{Answer, World, password_of, soon};

use crate::login::{Got, INVALID, Login, refused};

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_counts_once() {
    let world = World::open().await;
    let login = Login::begin(&world);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let proof = login.key.proof(&login.url);
    let code = login.redemption(&login.code(&cookie, "deploy").await);
    let got = Got::of(&login.token_with(&code, &proof).await);
    let replayed = refused(&login.token_with(&login.renewal(&got.refresh), &proof).await, INVALID);
    assert_eq!(replayed, "the DPoP proof has been used");
    soon("the replay in the trail", async || {
        world.trail().into_iter().find(|record| record["reason"] == "the DPoP proof has been used")
    })
    .await;

    // Shown several times at once it gives one answer; a process with a proof of its own gets the same successor.
    let (proof, body) = (login.key.proof(&login.url), login.renewal(&got.refresh));
    let (one, other, third) =
        tokio::join!(login.token_with(&body, &proof), login.token_with(&body, &proof), login.token_with(&body, &proof));
    let (given, not): (Vec<_>, Vec<_>) = [one, other, third].into_iter().partition(|answer| answer.status == 200);
    assert_eq!(given.len(), 1, "{given:?}");
    for answer in not {
        refused(&answer, INVALID);
    }
    let (first, late) = (Got::of(&given[0]), Got::of(&login.token(&body).await));
    assert_eq!(first.refresh, late.refresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_for_this_very_request_and_made_just_now() {
    let world = World::prepare().await.behind_a_proxy().serve();
    let (login, got) = Login::logged_in(&world, "ada", "deploy").await;
    let (header, good, body) = (login.key.header(), claims(&login.url), login.renewal(&got.refresh));
    let now = good["iat"].as_i64().unwrap();
    let claim = |field: &str, value: Value| {
        let mut claims = claims(&login.url);
        claims[field] = value;
        login.key.signed(&header, &claims)
    };
    let with_header = |field: &str, value: Value| {
        let mut header = header.clone();
        header[field] = value;
        login.key.signed(&header, &claims(&login.url))
    };
    let key = |field: &str, value: Value| {
        let mut header = header.clone();
        header["jwk"][field] = value;
        login.key.signed(&header, &claims(&login.url))
    };
    let right = login.key.proof(&login.url);
    let parts: Vec<&str> = right.split('.').collect();
    let hmac = json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": { "kty": "oct", "k": encoded(b"k") } });
    let unsigned = json!({ "typ": "dpop+jwt", "alg": "none", "jwk": header["jwk"] });
    let proofs = [
        ("another method", claim("htm", json!("GET")), OTHER_REQUEST),
        ("another route", claim("htu", json!(format!("{}/token", login.url))), OTHER_REQUEST),
        ("another broker", claim("htu", json!("https://broker.evil.example/v1/token")), OTHER_REQUEST),
        ("another port", claim("htu", json!("http://127.0.0.1:1/v1/token")), OTHER_REQUEST),
        (
            "somebody in the URL",
            claim("htu", json!(login.url.replace("http://", "http://x@") + "/v1/token")),
            OTHER_REQUEST,
        ),
        ("no URL", claim("htu", json!("/v1/token")), OTHER_REQUEST),
        ("too old", claim("iat", json!(now - 90)), "s ago: the clock"),
        ("of the future", claim("iat", json!(now + 90)), "s ahead: the clock"),
        ("of no time", claim("iat", json!("now")), NO_PROOF),
        ("of the end of time", claim("iat", json!(i64::MAX)), NO_PROOF),
        ("without an id", claim("jti", json!("")), NO_PROOF),
        ("with a number for an id", claim("jti", json!(7)), NO_PROOF),
        ("another type", with_header("typ", json!("JWT")), NO_PROOF),
        ("what must be understood", with_header("crit", json!(["x"])), NO_PROOF),
        ("another algorithm", with_header("alg", json!("ES384")), NO_PROOF),
        ("no algorithm", format!("{}.{}.", encoded(unsigned.to_string().as_bytes()), parts[1]), NO_PROOF),
        ("a shared key", login.key.signed(&hmac, &good), NO_PROOF),
        ("another curve", key("crv", json!("P-384")), NO_PROOF),
        ("another point", key("x", json!(encoded(&[7; 32]))), SIGNATURE),
        ("no point", key("x", json!("")), NO_PROOF),
        ("a private key", key("d", json!(encoded(&[7; 32]))), NO_PROOF),
        ("other claims", format!("{}.{}.{}", parts[0], encoded(good.to_string().as_bytes()), parts[2]), SIGNATURE),
        ("no signature", format!("{}.{}.", parts[0], parts[1]), SIGNATURE),
        ("two parts", format!("{}.{}", parts[0], parts[1]), NO_PROOF),
        ("four parts", format!("{right}.x"), NO_PROOF),
        ("nothing", String::new(), NO_PROOF),
        ("dots", "..".to_owned(), NO_PROOF),
        ("deep", format!("{}.{}.x", encoded("[".repeat(2_000).as_bytes()), parts[1]), NO_PROOF),
        ("huge", "A".repeat(20_000), NO_PROOF),
    ];
    let from = |number: usize| {
        world.stranger().seen_at(&format!("192.0.2.{number}")).request(Method::POST, "/v1/token").json(&body)
    };
    let mut told = Vec::new();
    for (number, (what, proof, _)) in proofs.iter().enumerate() {
        let answer = Answer::of(from(number).header("DPoP", proof)).await;
        let message = refused(&answer, INVALID);
        assert!(message.contains("DPoP"), "{what}: {message}");
        told.push(answer);
    }
    let bare = Answer::of(from(100)).await;
    let twice = Answer::of(from(101).header("DPoP", &right).header("DPoP", &right)).await;
    for answer in [bare, twice] {
        refused(&answer, INVALID);
        told.push(answer);
    }
    let missing = [("none at all", MISSING), ("two of them", MISSING)];
    let expected = proofs.iter().map(|(what, _, why)| (*what, *why)).chain(missing);
    for ((what, why), record) in expected.zip(world.left_by(&told).await) {
        assert_eq!((&record["action"], &record["outcome"]), (&json!("client_refused"), &json!("refused")), "{what}");
        assert_eq!((&record["actor"], record.get("about")), (&json!("anonymous"), None), "{what}: {record}");
        assert!(record["reason"].as_str().unwrap().contains(why), "{what}: {why}: {record}");
    }
    // Query and slashes too many do not count, nor do claims that nobody asked for.
    let slashed = claim("htu", json!(format!("{}//v1/token?x=y", login.url)));
    let got = Got::of(&login.token_with(&body, &slashed).await);
    let more = claim("exp", json!(1));
    Got::of(&login.token_with(&login.renewal(&got.refresh), &more).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_begins_with_a_zero_is_the_same_with_and_without_it() {
    let world = World::open().await;
    let mut login = Login::begin(&world);
    login.key = DpopKey::that_begins_with_zero();
    let whole = login.key.header();
    let mut short = whole.clone();
    let x = URL_SAFE_NO_PAD.decode(whole["jwk"]["x"].as_str().unwrap()).unwrap();
    short["jwk"]["x"] = json!(encoded(&x[1..]));
    let proof = |header: &Value| login.key.signed(header, &claims(&login.url));
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = login.redemption(&login.code(&cookie, "deploy").await);
    let got = Got::of(&login.token_with(&code, &proof(&short)).await);
    Got::of(&login.token_with(&login.renewal(&got.refresh), &proof(&whole)).await);
}

const MISSING: &str = "the request has no DPoP header, or more than one";
const NO_PROOF: &str = "the DPoP header holds no proof";
const SIGNATURE: &str = "the DPoP proof is not signed by the key that stands in it";
const OTHER_REQUEST: &str = "the DPoP proof is for another request";
