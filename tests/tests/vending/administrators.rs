//! "Administrators may use every connector": what it gives, what it leaves behind, and what is left when it is off.

use serde_json::json;
use tests::world::{BRANCH_PASSWORD, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_use_of_others_connectors_has_an_audit_action_of_its_own() {
    let world = World::open().await;
    let root = world.person("root").await;
    assert_eq!(root.get("/v1/session").await.good()["identity"]["admin"], true);
    for connector in ["deploy", "treasury", "vault"] {
        let vended = root.vended(connector, &json!({})).await;
        assert_eq!(world.record(&vended["vend_id"])["action"], "vend_as_administrator", "{connector}");
    }
    let ada = world.person("ada").await;
    ada.vend("vault", &json!({})).await.problem("404 not_found");
    assert_eq!(
        world.trail_of("vault"),
        ["person:corp/root vend_as_administrator success", "person:corp/ada vend refused"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_use_by_the_administrators_rule_can_be_told_from_others() {
    let world = World::open().await;
    let root = world.person("root").await;
    root.get("/v1/connectors/deploy/caller-identity").await.good();
    root.post("/v1/connectors/deploy/console-url", &json!({})).await.good();
    let said = world.trail_of("deploy");
    assert!(said.iter().all(|line| line.contains("as_administrator")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rule_administrators_have_what_is_theirs_and_connectors_without_groups() {
    let world = World::prepare().await.with("administrators_use_every_connector = false").serve();
    let root = world.person("root").await;
    root.vend("deploy", &json!({})).await.problem("404 not_found");
    root.vend("treasury", &json!({})).await.problem("404 not_found");
    let vended = root.vended("vault", &json!({})).await;
    assert_eq!(world.record(&vended["vend_id"])["action"], "vend_as_administrator");
    let list = root.get("/v1/connectors").await.good();
    assert_eq!(list["connectors"].as_array().unwrap().len(), 1, "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_the_same_name_in_another_directory_administers_nothing_and_grants_nothing() {
    let world = World::prepare().await.with_branch().serve();
    let body = json!({ "username": "ada", "password": BRANCH_PASSWORD, "directory": "branch" });
    let answer = world.stranger().sign_in(&body).await;
    let identity = answer.json()["identity"].clone();
    assert_eq!((&identity["admin"], &identity["groups"]), (&json!(false), &json!(["branch/admins", "branch/release"])));
    let other_ada = world.stranger().with_token(answer.json()["token"].as_str().unwrap());
    other_ada.vend("deploy", &json!({})).await.problem("404 not_found");
    other_ada.vend("vault", &json!({})).await.problem("404 not_found");
    assert_eq!(world.trail_of("deploy"), ["person:branch/ada vend refused"]);
}
