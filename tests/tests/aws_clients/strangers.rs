//! What strangers ask that no client asks: it stands in the trail by our words and not by theirs, and a flood of it is counted.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, password_of, trail};

use crate::login::Login;
use crate::program::{Program, registration};

/// In everything that a stranger makes up.
const MARK: &str = "mark-of-a-stranger";
/// By which AWS's own clients are known, in front of something else.
const LOGIN_CLIENT: &str = "arn:aws:signin:::devtools/";

/// What strangers were refused: the daemon writes down what it has counted when it stops.
fn refused(world: World) -> Vec<Value> {
    let installation = world.brokerd.stop();
    let trail = trail(&installation);
    let whole = trail.iter().map(Value::to_string).collect::<String>();
    assert!(!whole.contains(MARK) && !whole.contains("evil"), "the trail repeats what strangers make up");
    installation.run(&["audit", "verify"], "").succeeded();
    let refused: Vec<Value> = trail.into_iter().filter(|record| record["action"] == "client_refused").collect();
    for record in &refused {
        let told = [&record["actor"], &record["outcome"], &record["client_address"]];
        assert_eq!(told, [&json!("anonymous"), &json!("refused"), &json!("127.0.0.1")], "{record}");
        assert!(record.get("actor_id").is_none() && record.get("about").is_none(), "{record}");
    }
    refused
}

/// How often for which reason.
fn reasons(refused: &[Value]) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for record in refused {
        let reason = record["reason"].as_str().unwrap().to_owned();
        *reasons.entry(reason).or_default() += record["count"].as_u64().unwrap_or(1);
    }
    reasons
}

fn expected<const N: usize>(reasons: [(&str, u64); N]) -> BTreeMap<String, u64> {
    reasons.map(|(reason, count)| (reason.to_owned(), count)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_of_sso_asks_is_recorded_and_from_the_eleventh_on_counted() {
    let world = World::open().await;
    let (program, stranger) = (Program::registered(&world).await, world.stranger());
    let elsewhere = format!("https://evil.example/{MARK}");
    let forged = format!("{MARK}.AAAA");
    for (field, value) in [
        ("redirectUris", json!([elsewhere])),
        ("redirectUris", json!(vec!["http://127.0.0.1/"; 6])),
        ("clientName", json!(format!("{MARK}\u{202e}"))),
    ] {
        let mut body = registration();
        body[field] = value;
        assert_eq!(stranger.post("/client/register", &body).await.status, 400);
    }
    let unregistered = format!("http://127.0.0.1:49152/{MARK}");
    for (field, value) in [("redirect_uri", &elsewhere), ("redirect_uri", &unregistered), ("client_id", &forged)] {
        let mut query = program.query();
        query.iter_mut().find(|(name, _)| *name == field).unwrap().1.clone_from(value);
        let page = Answer::of(stranger.request(Method::GET, "/authorize").query(&query)).await;
        assert_eq!((page.status, page.header("location")), (400, None), "{field}");
    }
    let with = |field: &str, value: &str| {
        let mut body = program.redemption(MARK);
        body[field] = json!(value);
        body
    };
    assert_eq!(program.token(&with("clientId", &forged)).await.status, 401);
    let device = json!({ "clientId": forged, "clientSecret": MARK });
    assert_eq!(stranger.post("/device_authorization", &device).await.status, 401);
    let mut body = registration();
    body["redirectUris"] = json!([]);
    let made = stranger.post("/client/register", &body).await.good();
    let mut without = with("clientId", made["clientId"].as_str().unwrap());
    without["clientSecret"] = made["clientSecret"].clone();
    assert_eq!(program.token(&without).await.status, 400);
    for _ in 0..13 {
        assert_eq!(program.token(&with("grantType", MARK)).await.status, 400);
    }
    let grants = "tokens were asked for by a `grantType` that there is not";
    let refused = refused(world);
    let of_grants = refused.iter().filter(|record| record["reason"] == grants);
    let mut counts: Vec<_> = of_grants.map(|record| record["count"].as_u64()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [None, Some(12)], "ten of one network are written whole in a minute");
    assert_eq!(
        reasons(&refused),
        expected([
            ("a client was to be registered with a redirect that is not on the person's own machine", 1),
            ("a client was to be registered with more redirects than one has", 1),
            ("a client was to be registered by a name that nobody can read", 1),
            ("a code was to go to a redirect that is not on the person's own machine", 1),
            ("a code was to go to a redirect that the client has not registered", 1),
            ("this broker has registered no such client", 3),
            ("tokens were asked for a code by a client that has registered no redirect", 1),
            (grants, 13),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_client_of_aws_login_asks_is_recorded_whoever_sits_at_the_browser() {
    let world = World::open().await;
    let (login, remote) = (Login::begin(&world), Login::remote(&world));
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let forged = format!("{LOGIN_CLIENT}{MARK}");
    for (of, field, value) in [
        (&login, "client_id", forged.clone()),
        (&login, "redirect_uri", format!("https://evil.example/{MARK}")),
        (&remote, "redirect_uri", format!("http://127.0.0.1:49152/{MARK}")),
    ] {
        let mut query = of.query();
        query.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        // Somebody signed in may have been led there by whoever made the link.
        let page = of.page(&cookie, &query).await;
        assert_eq!((page.status, page.header("location")), (400, None), "{field}");
    }
    let with = |field: &str, value: &str| {
        let mut body = login.redemption(MARK);
        body[field] = json!(value);
        body
    };
    assert_eq!(login.token(&with("clientId", &forged)).await.status, 400);
    assert_eq!(login.token(&with("grantType", MARK)).await.status, 400);
    assert_eq!(
        reasons(&refused(world)),
        expected([
            ("a client came by `aws login` that is none of its two", 2),
            ("a code of `aws login` was to go where its clients do not listen", 2),
            ("tokens were asked for by a `grantType` that there is not", 1),
        ])
    );
}
