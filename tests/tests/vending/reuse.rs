//! The same caller asking the very same again gets live credentials again, and nobody else ever does.

use aws_sim::{Calls, Fault};
use broker_core::clock::after;
use serde_json::json;
use tests::world::{World, now, seconds_until, soon};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_same_credentials_and_a_record_of_its_own() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (connector, action) in [("deploy", "AssumeRole"), ("reports", "GetFederationToken"), ("raw", "GetSessionToken")]
    {
        let first = ada.vended(connector, &json!({})).await;
        let again = ada.vended(connector, &json!({ "reason": "again" })).await;
        assert_eq!((&first["reused"], &again["reused"]), (&json!(false), &json!(true)), "{connector}");
        for field in ["access_key_id", "secret_access_key", "session_token", "expiration", "arn"] {
            assert_eq!(first[field], again[field], "{connector}");
        }
        assert_ne!(first["vend_id"], again["vend_id"]);
        assert_eq!(world.record(&again["vend_id"])["reused"], true);
        assert_eq!(world.calls(action).len(), 1);

        let other_session = world.person("ada").await;
        assert_eq!(other_session.vended(connector, &json!({})).await["reused"], true, "a person is a person");

        let fresh = ada.vended(connector, &json!({ "fresh": true })).await;
        assert_ne!(fresh["access_key_id"], first["access_key_id"]);
        assert_eq!((&fresh["reused"], world.calls(action).len()), (&json!(false), 2));
        let after_fresh = ada.vended(connector, &json!({})).await;
        assert_eq!(after_fresh["access_key_id"], fresh["access_key_id"], "the newest are given on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_duration_policy_or_connector_never_shares() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let deny =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "s3:*", "Resource": "*" }] });
    let mut seen = vec![ada.vended("deploy", &json!({})).await];
    seen.push(world.person("eve").await.vended("deploy", &json!({})).await);
    seen.push(ada.vended("deploy", &json!({ "duration_seconds": 900 })).await);
    seen.push(ada.vended("deploy", &json!({ "policy": deny })).await);
    seen.push(ada.vended("deploy", &json!({ "policy": deny, "duration_seconds": 900 })).await);
    seen.push(ada.vended("other-key", &json!({})).await);
    seen.push(ada.vended("brief", &json!({})).await);
    // Session tokens say nothing of whose they are: there, sharing would not even show.
    seen.push(ada.vended("raw", &json!({})).await);
    seen.push(world.person("eve").await.vended("raw", &json!({})).await);
    let mut keys: Vec<&str> = seen.iter().map(|vended| vended["access_key_id"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), seen.len());
    assert!(seen.iter().all(|vended| vended["reused"] == false));
    assert_eq!(
        ada.vended("deploy", &json!({ "duration_seconds": 3_600 })).await["reused"],
        true,
        "the default, said aloud"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reuse_can_be_switched_off() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let (one, two) = (ada.vended("anew", &json!({})).await, ada.vended("anew", &json!({})).await);
    assert_ne!(one["access_key_id"], two["access_key_id"]);
    assert_eq!((&two["reused"], world.calls("AssumeRole").len()), (&json!(false), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_given_again_only_while_the_minimum_share_of_their_life_is_left() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    // In the world of AWS it is a quarter of an hour ago, but for twenty seconds: that is how long what it issues lives by our clock.
    let late = after(now(), 20).saturating_sub(jiff::SignedDuration::from_secs(900)).unwrap();
    world.sim.clock().set(late);
    let first = ada.vended("deploy", &json!({ "duration_seconds": 900 })).await;
    let next = soon("new credentials", async || {
        let vended = ada.vended("deploy", &json!({ "duration_seconds": 900 })).await;
        if vended["reused"] == true {
            assert_eq!(vended["access_key_id"], first["access_key_id"]);
            assert!(seconds_until(&vended["expiration"]) >= 8, "half of its twenty seconds are left: {vended}");
            return None;
        }
        Some(vended)
    })
    .await;
    assert_ne!(next["access_key_id"], first["access_key_id"]);
    assert!(seconds_until(&first["expiration"]) >= 6, "long before they ended: {first}");
    assert_eq!(world.calls("AssumeRole").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_a_changed_connector_are_not_given_again() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let old = ada.vended("deploy", &json!({})).await;
    let kept = ada.vended("limited", &json!({})).await;
    let installation = world.brokerd.installation();
    installation.edit("connectors.toml", "Deploys to production", "Deploys to production, with care");
    world.run(&["apply", "--yes"], "").succeeded();
    let new = soon("the change", async || {
        let vended = ada.vended("deploy", &json!({})).await;
        (vended["reused"] == false).then_some(vended)
    })
    .await;
    assert_ne!(new["access_key_id"], old["access_key_id"]);
    assert_eq!(ada.vended("limited", &json!({})).await["access_key_id"], kept["access_key_id"], "others are untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_connector_gets_nothing_again_though_credentials_lie_ready() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    assert_eq!(ada.vended("deploy", &json!({})).await["reused"], true);
    let installation = world.brokerd.installation();
    // The first connector of the file.
    installation.edit("connectors.toml", "corp/release", "corp/finance");
    world.run(&["apply", "--yes"], "").succeeded();
    soon("the change", async || (ada.vend("deploy", &json!({})).await.status == 404).then_some(())).await;
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_out_gets_nothing_again_though_credentials_lie_ready() {
    let world = World::open().await;
    let (here, there) = (world.person("ada").await, world.person("ada").await);
    here.vended("deploy", &json!({})).await;
    assert_eq!(there.vended("deploy", &json!({})).await["reused"], true);
    assert_eq!(there.delete("/v1/session").await.status, 204);
    assert_eq!(there.vend("deploy", &json!({})).await.status, 401);
    assert_eq!(here.vended("deploy", &json!({})).await["reused"], true, "the other session goes on");
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_never_given_again() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let refusal = Fault::Refusal { status: 403, code: "AccessDenied", message: "not now".to_owned() };
    world.sim.faults().once(Calls::of("AssumeRole"), refusal);
    ada.vend("deploy", &json!({})).await.problem("502 aws_refused");
    assert_eq!(ada.vended("deploy", &json!({})).await["reused"], false);
}
