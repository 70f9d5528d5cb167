//! STS throttles, stalls, breaks, drops connections or trickles: tried again within the deadline, told at the deadline, and nobody
//! else's business.

use std::time::{Duration, Instant};

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::json;
use tests::elsewhere::Elsewhere;
use tests::world::{Answer, KEY, SECOND, World};
use tokio::task::JoinSet;

/// Everything that passes by itself.
fn passing() -> Vec<Fault> {
    vec![
        Fault::Throttle,
        Fault::InternalFailure,
        Fault::ServiceUnavailable,
        Fault::DroppedConnection,
        Fault::CutConnection,
        Fault::Stall(FOR_EVER),
        Fault::SlowBytes(Duration::from_millis(50)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_passes_is_tried_again_and_nobody_hears_of_it() {
    let world = World::prepare().await.configured("retries = 2", "retries = 2, attempt_timeout_seconds = 1").serve();
    let ada = world.person("ada").await;
    for (connector, action) in [("deploy", "AssumeRole"), ("reports", "GetFederationToken"), ("raw", "GetSessionToken")]
    {
        for fault in passing() {
            world.sim.faults().once(Calls::of(action).by(KEY), fault.clone());
            let vended = ada.vended(connector, &json!({ "fresh": true })).await;
            assert!(vended["access_key_id"].as_str().unwrap().starts_with("ASIA"), "{fault:?}");
            assert_eq!(world.sim.faults().pending(), 0, "{connector} {fault:?}");
        }
        assert_eq!(world.trail_of(connector), vec!["person:corp/ada vend success"; passing().len()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_told_at_the_deadline_and_over_as_soon_as_it_passes() {
    let patience = "retries = 7, attempt_timeout_seconds = 1, interactive_deadline_seconds = 4, deadline_seconds = 4";
    let world = World::prepare().await.configured("retries = 2", patience).serve();
    let ada = world.person("ada").await;
    for fault in passing() {
        world.sim.faults().always(Calls::of("AssumeRole"), fault.clone());
        let (asked, before) = (Instant::now(), world.sim.faults().happened());
        let answer = ada.vend("anew", &json!({})).await;
        let problem = answer.problem("503 aws_unavailable");
        assert!(answer.header("retry-after").unwrap().parse::<u32>().is_ok_and(|seconds| seconds > 0), "{fault:?}");
        assert!(asked.elapsed() < Duration::from_secs(20), "bounded: {fault:?}: {:?}", asked.elapsed());
        assert!(world.sim.faults().happened() - before >= 2, "it was tried again: {fault:?}");
        assert!(!problem.to_string().contains("127.0.0.1"), "{problem}");
        world.sim.faults().clear();
        ada.vended("anew", &json!({})).await;
    }
    let failed = world.trail_of("anew").into_iter().filter(|line| line.ends_with("vend failed")).count();
    assert_eq!(failed, passing().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let world = World::prepare().await.configured("retries = 2", "retries = 0, attempt_timeout_seconds = 60").serve();
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    let before = world.brokerd.peak_memory_kib();
    for (connector, action) in [("deploy", "AssumeRole"), ("reports", "GetFederationToken"), ("raw", "GetSessionToken")]
    {
        world.sim.faults().once(Calls::of(action), Fault::Huge(512 << 20));
        ada.vend(connector, &json!({ "fresh": true })).await.problem("503 aws_unavailable");
    }
    world.sim.faults().once(Calls::of("getSigninToken"), Fault::Huge(512 << 20));
    ada.post("/v1/connectors/deploy/console-url", &json!({})).await.problem("503 aws_unavailable");
    let more = world.brokerd.peak_memory_kib() - before;
    assert!(more < 64 * 1_024, "{more} KiB more for answers of 512 MiB");
    ada.vended("deploy", &json!({ "fresh": true })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_for_aws_follows_no_redirect() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    let elsewhere = Elsewhere::open();
    world.sim.faults().always(Calls::any(), Fault::Redirect(elsewhere.origin()));
    for (connector, path, body) in [
        ("deploy", "credentials", json!({ "fresh": true })),
        ("reports", "credentials", json!({ "fresh": true })),
        ("raw", "credentials", json!({ "fresh": true })),
        ("deploy", "console-url", json!({})),
    ] {
        let answer = ada.post(&format!("/v1/connectors/{connector}/{path}"), &body).await;
        assert!(answer.status >= 500, "{connector} {path}: {}", answer.text);
    }
    assert!(ada.get("/v1/connectors/deploy/caller-identity").await.status >= 500);
    // IAM's turn comes only after STS has said whose the key is.
    world.sim.faults().clear();
    world.sim.faults().always(Calls::of("GetRolePolicy"), Fault::Redirect(elsewhere.origin()));
    world.run(&["revoke", "deploy", "--yes"], "").failed();
    for action in
        ["AssumeRole", "GetFederationToken", "GetSessionToken", "getSigninToken", "GetCallerIdentity", "GetRolePolicy"]
    {
        assert!(!world.calls(action).is_empty(), "{action} was redirected");
    }
    elsewhere.assert_nobody_came();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_account_holds_up_nobody_who_uses_another() {
    // So long that none of them ends, on whatever machine.
    let patience = "retries = 2, attempt_timeout_seconds = 60, interactive_deadline_seconds = 60";
    let world = World::prepare().await.configured("retries = 2", patience).serve();
    let ada = world.person("ada").await;
    world.sim.faults().always(Calls::any().by(KEY), Fault::Stall(FOR_EVER));
    let mut hanging = JoinSet::new();
    for n in 0..HANGING {
        let ada = ada.clone();
        hanging.spawn(async move {
            let body = json!({ "duration_seconds": 900 + n });
            let patient = ada.request(Method::POST, "/v1/connectors/deploy/credentials").header("prefer", "wait=60");
            Answer::of(patient.json(&body)).await.status
        });
    }
    tests::world::soon("all of them to hang", async || (world.sim.faults().happened() >= HANGING).then_some(())).await;
    for n in 0..THROUGH {
        ada.vended("other-key", &json!({ "duration_seconds": 900 + n })).await;
        assert!(hanging.try_join_next().is_none(), "they hang all the while: after {n}");
    }
    let by_second = world.calls("AssumeRole").into_iter().filter(|call| call.access_key_id.as_deref() == Some(SECOND));
    assert_eq!(by_second.count(), THROUGH);
    // A trouble of one connector's key is none of the door's: others sign in, and look around.
    world.person("eve").await.get("/v1/connectors").await.good();
    assert!(hanging.try_join_next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_that_one_account_has_used_up_are_there_for_another() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    world.sim.faults().always(Calls::of("AssumeRole").by(KEY), Fault::Throttle);
    let mut throttled = JoinSet::new();
    for n in 0..HANGING {
        let ada = ada.clone();
        throttled.spawn(async move { ada.vend("deploy", &json!({ "duration_seconds": 900 + n })).await.status });
    }
    assert!(throttled.join_all().await.iter().all(|status| *status == 503));
    let asked = world.sim.faults().happened();
    assert!(asked < 3 * HANGING, "{asked} calls: an account that is throttled is not asked on and on");
    world.sim.faults().times(2, Calls::of("AssumeRole").by(SECOND), Fault::Throttle);
    ada.vended("other-key", &json!({ "fresh": true })).await;
}

const FOR_EVER: Duration = Duration::from_hours(1);
const HANGING: usize = 100;
const THROUGH: usize = 50;
