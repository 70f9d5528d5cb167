//! Connectors that want to know why: nothing without a reason, and each record with the reason that was given for it.

use serde_json::{Value, json};
use tests::world::{Answer, World};

const ASKING: &str = r#"
[[connector]]
name = "emergency"
access_key = "main"
groups = ["corp/release"]
require_reason = true
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "ci-emergency"
access_key = "main"
scope = "system"
require_reason = true
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
"#;

async fn world() -> World {
    World::prepare().await.connectors(ASKING).serve()
}

/// What the trail says of the newest use of a connector.
fn newest(world: &World, connector: &str) -> Value {
    world.trail().into_iter().rfind(|record| record["connector"] == connector).unwrap()
}

fn refused(answer: &Answer) {
    let problem = answer.problem("400 invalid_request");
    assert_eq!(problem["field"], "reason", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("why"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_say_why_gets_nothing_in_any_way() {
    let world = world().await;
    let ada = world.person("ada").await;
    for blank in [json!({}), json!({ "reason": "" }), json!({ "reason": "  " }), json!({ "reason": "…" })] {
        refused(&ada.vend("emergency", &blank).await);
        refused(&ada.post("/v1/connectors/emergency/console-url", &blank).await);
    }
    refused(&ada.post("/v1/connectors/emergency/credentials?format=process", &json!({})).await);
    for query in ["", "?reason=", "?reason=%20"] {
        refused(&ada.get(&format!("/v1/connectors/emergency/caller-identity{query}")).await);
    }
    refused(&world.person("root").await.vend("emergency", &json!({})).await);
    assert_eq!(world.calls("AssumeRole").len(), 0, "AWS has not even been asked");
    let record = newest(&world, "emergency");
    assert_eq!((&record["action"], &record["outcome"]), (&json!("vend"), &json!("refused")));
    assert!(record["reason"].as_str().unwrap().contains("wants to know why"), "{record}");

    let stranger = world.person("bob").await;
    stranger.vend("emergency", &json!({})).await.problem("404 not_found");
    let shown = ada.get("/v1/connectors/emergency").await.good();
    assert_eq!(shown["require_reason"], true, "clients can know beforehand");
    assert_eq!(ada.get("/v1/connectors/deploy").await.good()["require_reason"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_has_its_own_reason_and_aws_hears_none() {
    let world = world().await;
    let ada = world.person("ada").await;
    let first = ada.vended("emergency", &json!({ "reason": "  ticket 4711 " })).await;
    let again = ada.vended("emergency", &json!({ "reason": "ticket 4712" })).await;
    assert_eq!(again["reused"], true, "another reason is no other request");
    assert_eq!(again["access_key_id"], first["access_key_id"]);
    assert_eq!(world.record(&first["vend_id"])["reason"], "ticket 4711");
    assert_eq!(world.record(&again["vend_id"])["reason"], "ticket 4712");

    ada.post("/v1/connectors/emergency/console-url", &json!({ "reason": "to look" })).await.good();
    let record = newest(&world, "emergency");
    assert_eq!((&record["action"], &record["reason"]), (&json!("console_url"), &json!("to look")));
    ada.get("/v1/connectors/emergency/caller-identity?reason=who%20am%20I").await.good();
    let record = newest(&world, "emergency");
    assert_eq!((&record["action"], &record["reason"]), (&json!("caller_identity"), &json!("who am I")));
    let sent = format!("{:?}", world.sim.calls());
    assert!(!sent.contains("ticket") && !sent.contains("to look") && !sent.contains("who am I"), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_say_why_as_well() {
    let world = world().await;
    let made = world.run(&["token", "create", "ci", "--connector", "ci-emergency"], "");
    let made = made.succeeded();
    let token = made.split_whitespace().find(|word| word.starts_with("bkt_")).unwrap();
    let job = world.stranger().with_token(token);
    refused(&job.vend("ci-emergency", &json!({})).await);
    let vended = job.vended("ci-emergency", &json!({ "reason": "build 12" })).await;
    assert_eq!(world.record(&vended["vend_id"])["reason"], "build 12");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_is_rubbish_is_named_wherever_it_is_given() {
    let world = world().await;
    let ada = world.person("ada").await;
    for bad in ["two\nlines".to_owned(), "x".repeat(501)] {
        for route in ["credentials", "console-url"] {
            let answer = ada.post(&format!("/v1/connectors/deploy/{route}"), &json!({ "reason": bad })).await;
            assert_eq!(answer.problem("400 invalid_request")["field"], "reason", "{route}");
        }
    }
    for query in ["reason=a%0ab", "reason=%ff%0a", "why=x", "reason=a&reason=b"] {
        ada.get(&format!("/v1/connectors/deploy/caller-identity?{query}")).await.problem("400 invalid_request");
    }
    assert_eq!(world.calls("AssumeRole").len(), 0);
}
