//! Connectors tried out by an administrator.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{ACCOUNT, Answer, World, soon};

#[tokio::test]
async fn trying_says_whom_the_credentials_act_as_and_never_gives_them() {
    let world = World::open().await;
    let root = world.person("root").await;
    for (connector, whom) in [
        ("deploy", "assumed-role/deploy/root"),
        ("reports", "federated-user/root"),
        ("raw", "user/broker"),
        ("ci", "assumed-role/deploy/root"),
    ] {
        let before = world.sim.calls().len();
        let answer = root.post(&format!("/v1/admin/connectors/{connector}/try"), &json!({})).await;
        let body = answer.good();
        let identity = &body["caller_identity"];
        assert_eq!((&identity["account"], body.as_object().unwrap().len()), (&json!(ACCOUNT), 1), "{connector}");
        assert!(identity["arn"].as_str().unwrap().ends_with(whom), "{identity}");
        assert_eq!(identity.as_object().unwrap().len(), 3, "{identity}");
        let calls: Vec<String> = world.sim.calls().split_off(before).into_iter().map(|call| call.action).collect();
        // In the background the daemon asks whose its keys are by the same call.
        assert_eq!(calls.iter().filter(|call| *call != "GetCallerIdentity").count(), 1, "{calls:?}");
        assert!(calls.last().is_some_and(|call| call == "GetCallerIdentity"), "{calls:?}");
        assert_eq!(tried(&world, connector), ["person:corp/root success"], "{connector}");
    }
    // It opens no way to the credentials of a connector that is for jobs.
    root.vend("ci", &json!({})).await.problem("404 not_found");
    root.post("/v1/admin/connectors/none/try", &json!({})).await.problem("404 not_found");
    root.post("/v1/admin/connectors/No%20Name/try", &json!({})).await.problem("404 not_found");
}

#[tokio::test]
async fn a_trial_is_neither_given_again_nor_made_of_what_was_given() {
    let world = World::open().await;
    let root = world.person("root").await;
    let vended = root.vended("deploy", &json!({})).await;
    root.post("/v1/admin/connectors/deploy/try", &json!({})).await.good();
    assert_eq!(world.calls("AssumeRole").len(), 2, "the trial asks anew");
    let again = root.vended("deploy", &json!({})).await;
    assert_eq!((&again["access_key_id"], &again["reused"]), (&vended["access_key_id"], &json!(true)));
    let trial = world.trail().into_iter().find(|record| record["action"] == "connector_tried").unwrap();
    assert_eq!((&trial["outcome"], &trial["reused"]), (&json!("success"), &json!(false)));
    assert_eq!((&trial["session_name"], &trial["connector"]), (&json!("root"), &json!("deploy")));
    assert_ne!(trial["access_key_id"], vended["access_key_id"]);
    assert!(trial["access_key_id"].as_str().unwrap().starts_with("ASIA"), "{trial}");
}

#[tokio::test]
async fn aws_s_own_refusal_is_told_and_recorded() {
    let world = World::open().await;
    let root = world.person("root").await;
    let problem = root.post("/v1/admin/connectors/closed/try", &json!({})).await.problem("502 aws_refused");
    assert_eq!(problem["aws"]["code"], "AccessDenied");
    assert!(problem["aws"]["message"].as_str().unwrap().contains("sts:AssumeRole"), "{problem}");
    let record = world.trail().into_iter().find(|record| record["action"] == "connector_tried").unwrap();
    assert_eq!((&record["actor"], &record["outcome"]), (&json!("person:corp/root"), &json!("failed")));
    assert!(record["reason"].as_str().unwrap().contains("AccessDenied"), "{record}");
}

#[tokio::test]
async fn a_connector_that_wants_to_know_why_wants_it_of_administrators_too() {
    let more = "[[connector]]\nname = 'asked'\naccess_key = 'main'\nscope = 'system'\nrequire_reason = true\n\
                [connector.principal.assume_role]\nrole_arn = 'arn:aws:iam::111111111111:role/deploy'\n";
    let world = World::prepare().await.connectors(more).serve();
    let root = world.person("root").await;
    let path = "/v1/admin/connectors/asked/try";
    // An empty body is fine, and says nothing.
    let empty = Answer::of(root.request(Method::POST, path)).await;
    assert_eq!(empty.problem("400 invalid_request")["field"], "reason");
    root.post(path, &json!({ "reason": "ticket 4711" })).await.good();
    let record = world.trail().into_iter().rfind(|record| record["action"] == "connector_tried").unwrap();
    assert_eq!(record["reason"], "ticket 4711");
    let problem = root.post(path, &json!({ "duration_seconds": 900 })).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "duration_seconds", "{problem}");
    let problem = root.post(&format!("{path}?format=env"), &json!({})).await.problem("400 invalid_request");
    assert_eq!(problem["field"], "format", "{problem}");
}

#[tokio::test]
async fn whoever_has_left_by_the_time_that_aws_answers_is_told_nothing() {
    let world = World::open().await;
    let root = world.person("root").await;
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(4)));
    let trying = {
        let root = root.clone();
        tokio::spawn(async move { root.post("/v1/admin/connectors/deploy/try", &json!({})).await })
    };
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    assert_eq!(root.delete("/v1/session").await.status, 204);
    trying.await.unwrap().problem("401 unauthenticated");
    let told = |record: &Value| record["action"] == "connector_tried" && record["outcome"] == "success";
    assert!(!world.trail().iter().any(told), "{:?}", world.trail());
}

#[tokio::test]
async fn trials_count_as_vends_do() {
    let world = World::prepare().await.with("limits = { vends_per_minute = 2 }").serve();
    let root = world.person("root").await;
    for _ in 0..2 {
        root.post("/v1/admin/connectors/deploy/try", &json!({})).await.good();
    }
    root.post("/v1/admin/connectors/deploy/try", &json!({})).await.problem("429 rate_limited");
}

/// What came of the trials of a connector: `ACTOR OUTCOME`.
fn tried(world: &World, connector: &str) -> Vec<String> {
    let trials =
        world.trail().into_iter().filter(|it| it["connector"] == connector && it["action"] == "connector_tried");
    trials.map(|it| format!("{} {}", it["actor"].as_str().unwrap(), it["outcome"].as_str().unwrap())).collect()
}
