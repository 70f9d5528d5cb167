//! The machine's clock is set under a daemon that vends: nothing is lent past its life, nobody is locked out once the clock is right, no
//! key is marked, and the trail is whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::wall_clock::WallClock;
use tests::world::{Asker, World, password_of, seconds_until, soon};

/// Asks for credentials of an hour, which have that hour still before them.
async fn lent(asker: &Asker) -> Value {
    let vended = asker.vended("deploy", &json!({})).await;
    let left = seconds_until(&vended["expiration"]);
    assert!((1..=3_600).contains(&left), "{left} seconds are left");
    vended
}

/// The same as soon as AWS takes our time again. The SDK goes by how far off the clock was when it asked last: whoever asks first may be
/// told so, and nobody has to wait.
async fn lent_again(asker: &Asker, connector: &str, body: &Value) -> Value {
    soon("AWS to take our time", async || {
        let answer = asker.vend(connector, body).await;
        if answer.status == 200 {
            return Some(answer.good());
        }
        let problem = answer.problem("503 aws_unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("clock"), "{problem}");
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_by_hours_holds_up_vends_while_it_is_wrong_and_nothing_else() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    let soon_over = broker_core::clock::after(tests::world::now(), 3_600).to_string();
    let wanted = json!({ "name": "job", "connectors": ["ci"], "expires_at": soon_over });
    let made = root.post("/v1/admin/service-tokens", &wanted).await;
    let job = world.stranger().with_token(made.json()["token"].as_str().unwrap());
    let mut before = lent(&ada).await;
    assert_eq!(lent(&ada).await["reused"], true);
    for hours in [5, -5] {
        clock.set(SignedDuration::from_hours(hours));
        // Whoever is signed in stays it, and others come.
        let eve = world.person("eve").await;
        for asker in [&ada, &eve] {
            asker.get("/v1/connectors").await.good();
            for body in [json!({}), json!({ "fresh": true })] {
                let answer = asker.vend("deploy", &body).await;
                if hours < 0 {
                    // AWS's own time is asked by, and what it gives lives as long as it would otherwise.
                    assert!((1..=3_600).contains(&seconds_until(&answer.good()["expiration"])));
                } else {
                    // What has expired by the only clock there is, is not handed over.
                    let problem = answer.problem("503 aws_unavailable");
                    assert!(problem["detail"].as_str().unwrap().contains("this machine's clock"), "{problem}");
                }
            }
        }
        // A token whose time is over by this clock is; by a clock that went back it lives on.
        assert_eq!(job.get("/v1/session").await.status, if hours > 0 { 401 } else { 200 });
        for _ in 0..8 {
            let wrong = json!({ "username": "fred", "password": "wrong" });
            assert!([401, 429].contains(&world.stranger().sign_in(&wrong).await.status));
        }

        clock.set(SignedDuration::ZERO);
        let again = lent_again(&ada, "deploy", &json!({})).await;
        assert_ne!(
            again["access_key_id"], before["access_key_id"],
            "what had a life of unknown length is not lent again"
        );
        assert_eq!(lent(&ada).await["access_key_id"], again["access_key_id"]);
        lent(&eve).await;
        job.vended("ci", &json!({ "fresh": true })).await;
        before = again;
    }
    // Counted in the future, a person's guesses hold up nobody; they who guessed in the past have had their wait.
    let right = json!({ "username": "fred", "password": password_of("fred") });
    assert_eq!(world.stranger().sign_in(&right).await.status, 201);
    let vera = world.person("vera").await;
    soon("the key to be proved", async || {
        let key = vera.get("/v1/admin/access-keys/main").await.good();
        assert_eq!(key.get("refused"), None, "{key}");
        (key["state"] == "proved").then_some(())
    })
    .await;

    let log = world.brokerd.log();
    assert!(log.contains("has expired by this machine's clock") && !log.contains("panicked"), "{log}");
    let verified = world.run(&["audit", "verify"], "").succeeded();
    assert!(verified.contains("result: whole"), "{verified}");
    the_trail_goes_on_in_the_order_of_what_happened(&world);
}

/// Whatever the clock said.
fn the_trail_goes_on_in_the_order_of_what_happened(world: &World) {
    let trail = world.trail();
    let of_ada: Vec<&Value> =
        trail.iter().filter(|it| it["actor"] == "person:corp/ada" && it["action"] == "vend").collect();
    let mut outcomes: Vec<bool> = of_ada.iter().map(|it| it["outcome"] == "success").collect();
    outcomes.dedup();
    assert!(outcomes.starts_with(&[true, false, true]) && outcomes.ends_with(&[true]), "{outcomes:?}");
    let sequences: Vec<i64> = of_ada.iter().map(|it| it["sequence"].as_i64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
    let at = |record: &Value| record["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let ahead = of_ada.iter().map(|record| at(record).duration_since(at(of_ada[0])).as_hours());
    assert_eq!((ahead.clone().max(), ahead.min()), (Some(5), Some(-4)), "a record says the time that its clock showed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_aws_refuses_is_said_and_not_held_against_the_access_key() {
    let clock = WallClock::new();
    let world = World::prepare().await.configured("retries = 2", "retries = 0").serve_by(&clock);
    let ada = world.person("ada").await;
    lent(&ada).await;
    for hours in [5, -5] {
        clock.set(SignedDuration::from_hours(hours));
        let problem = ada.vend("deploy", &json!({ "fresh": true })).await.problem("503 aws_unavailable");
        assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("set its clock"), "{problem}");
        clock.set(SignedDuration::ZERO);
        lent_again(&ada, "deploy", &json!({ "fresh": true })).await;
    }
    let vera = world.person("vera").await;
    soon("the key to be proved", async || {
        let key = vera.get("/v1/admin/access-keys/main").await.good();
        assert_eq!(key.get("refused"), None, "{key}");
        (key["state"] == "proved").then_some(())
    })
    .await;
    assert!(world.brokerd.log().contains("because of its clock"), "{}", world.brokerd.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_hours_slow_lends_nothing_past_its_life() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    clock.set(SignedDuration::from_hours(-5));
    let ada = world.person("ada").await;
    let first = lent(&ada).await;
    // Two hours go by, at AWS and here: of six hours, as our clock counts them, less than half.
    world.sim.clock().advance(Duration::from_hours(2));
    clock.set(SignedDuration::from_hours(-3));
    assert_eq!(world.read(&first, &["monthly"]), ["ExpiredToken"]);
    let next = ada.vended("deploy", &json!({})).await;
    assert_eq!((&next["reused"], world.read(&next, &["monthly"])), (&json!(false), vec!["profits".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_slow_by_less_than_aws_minds_lends_nothing_past_its_life() {
    let clock = WallClock::new();
    let short = "
[[connector]]
name = \"short\"
access_key = \"main\"
groups = [\"corp/release\"]
reuse = { minimum_share = 0.1 }
[connector.principal.assume_role]
role_arn = \"arn:aws:iam::111111111111:role/deploy\"
default_duration_seconds = 900
";
    let world = World::prepare().await.connectors(short).serve_by(&clock);
    clock.set(SignedDuration::from_mins(-14));
    let ada = world.person("ada").await;
    let first = ada.vended("short", &json!({})).await;
    assert_eq!(ada.vended("short", &json!({})).await["access_key_id"], first["access_key_id"]);
    // Sixteen minutes go by, at AWS and here.
    world.sim.clock().advance(Duration::from_mins(16));
    clock.set(SignedDuration::from_mins(2));
    assert_eq!(world.read(&first, &["monthly"]), ["ExpiredToken"]);
    let next = lent_again(&ada, "short", &json!({})).await;
    assert_eq!((&next["reused"], world.read(&next, &["monthly"])), (&json!(false), vec!["profits".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_vended_all_the_while_a_clock_is_set_back_and_forth() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    let ada = world.person("ada").await;
    let enough = Arc::new(AtomicBool::new(false));
    let vending = {
        let (ada, enough) = (ada.clone(), Arc::clone(&enough));
        tokio::spawn(async move {
            let mut received = Vec::new();
            while !enough.load(Relaxed) {
                let answer = ada.vend("anew", &json!({})).await;
                match answer.status {
                    200 => received.push(answer.good()["access_key_id"].as_str().unwrap().to_owned()),
                    _ => assert!(answer.json()["detail"].as_str().unwrap().contains("clock"), "{}", answer.text),
                }
            }
            received
        })
    };
    let count = |good: bool| {
        let calls = world.calls("AssumeRole");
        calls.iter().filter(|call| (call.outcome == aws_sim::Outcome::Ok) == good).count()
    };
    for hours in [1, -1, 7, -7] {
        let (taken, refused) = (count(true), count(false));
        clock.set(SignedDuration::from_hours(hours));
        // Where an answer was under way the SDK has learnt the difference from it, and AWS is asked with the right time at once.
        let told = || count(false) > refused || count(true) > taken + 5;
        soon("AWS to be asked by that clock", async || told().then_some(())).await;
        soon("the daemon to go by that clock", async || {
            let log = world.brokerd.log();
            let said_at: jiff::Timestamp = log.lines().last()?.split_whitespace().next()?.parse().ok()?;
            let off = said_at.duration_since(tests::world::now()) - SignedDuration::from_hours(hours);
            (off.abs() < SignedDuration::from_mins(1)).then_some(())
        })
        .await;
        clock.set(SignedDuration::ZERO);
        let taken = count(true);
        soon("AWS to take this one", async || (count(true) > taken).then_some(())).await;
    }
    enough.store(true, Relaxed);
    let mut received = vending.await.unwrap();
    received.sort();
    let mut recorded: Vec<String> = world
        .trail()
        .iter()
        .filter(|it| it["connector"] == "anew" && it["action"] == "vend" && it["outcome"] == "success")
        .map(|it| it["access_key_id"].as_str().unwrap().to_owned())
        .collect();
    recorded.sort();
    assert_eq!(recorded, received);
    assert!(world.run(&["audit", "verify"], "").succeeded().contains("result: whole"));
    assert!(!world.brokerd.log().contains("panicked"));
}
