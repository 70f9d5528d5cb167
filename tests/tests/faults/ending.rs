//! Sessions end, and connectors and keys go, while the trail cannot be written: at once, for that takes rights away; and the trail says so
//! when it can be written again.

use serde_json::{Value, json};
use tests::postgres;
use tests::stores::Hands;
use tests::world::{ACCOUNT, Asker, SECOND, SECOND_SECRET, World, soon};

use crate::store::{on_postgres, on_sqlite};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_on_sqlite_though_nothing_can_be_recorded() {
    let (world, hands) = on_sqlite().await;
    a_session_ends(world, hands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_on_postgresql_though_nothing_can_be_recorded() {
    let (world, hands) = on_postgres(&postgres::database("ending")).await;
    a_session_ends(world, hands).await;
}

async fn a_session_ends(world: World, mut hands: Hands) {
    let (ada, eve, otto) = (world.person("ada").await, world.person("eve").await, world.person("otto").await);
    let of_eve = id_of_the_session(&otto, "eve").await;
    hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
    assert_eq!(ada.delete("/v1/session").await.status, 204, "somebody signs out");
    ada.get("/v1/session").await.problem("401 unauthenticated");
    let ended = otto.delete(&format!("/v1/admin/sessions/{of_eve}")).await;
    assert_eq!(ended.status, 204, "an operator ends a session");
    // Enough to note it down by hand, should the daemon stop before the trail takes it.
    let request = ended.headers["x-request-id"].to_str().unwrap().to_owned();
    let line = soon("it to be said", async || {
        let log = world.brokerd.log();
        let waits = |line: &&str| line.contains("a record waits for the trail") && line.contains("session_ended");
        log.lines().find(waits).map(str::to_owned)
    });
    let line = line.await;
    for part in ["person:corp/otto", "corp/eve", &of_eve, &format!("request.id={request}"), "success"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    eve.get("/v1/session").await.problem("401 unauthenticated");
    eve.vend("deploy", &Value::Null).await.problem("401 unauthenticated");

    hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
    let ended = soon("both in the trail", async || {
        let mut records = world.trail();
        records.retain(|it| ["sign_out", "session_ended"].contains(&it["action"].as_str().unwrap()));
        (records.len() >= 2).then_some(records)
    })
    .await;
    let mut said: Vec<String> =
        ended.iter().map(|it| format!("{} {}", it["actor"], it["action"]).replace('"', "")).collect();
    said.sort();
    assert_eq!(said, ["person:corp/ada sign_out", "person:corp/otto session_ended"], "each once");
    let by_otto = ended.iter().find(|it| it["action"] == "session_ended").unwrap();
    assert_eq!(
        (&by_otto["changes"]["session_id"], &by_otto["changes"]["person"]),
        (&of_eve.into(), &"corp/eve".into())
    );
    assert!(world.run(&["audit", "verify"], "").succeeded().contains("result: whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_and_its_key_go_on_sqlite_though_nothing_can_be_recorded() {
    let (world, hands) = on_sqlite().await;
    a_connector_and_its_key_go(world, hands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_and_its_key_go_on_postgresql_though_nothing_can_be_recorded() {
    let (world, hands) = on_postgres(&postgres::database("going")).await;
    a_connector_and_its_key_go(world, hands).await;
}

async fn a_connector_and_its_key_go(world: World, mut hands: Hands) {
    let add = ["key", "add", "spare", "--access-key-id", SECOND, "--region", "eu-central-1", "--skip-validation"];
    world.run(&add, SECOND_SECRET).succeeded();
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
    let wanted = json!({ "name": "fresh", "access_key": "spare", "groups": ["release"],
        "principal": { "assume_role": { "role_arn": role } } });
    assert_eq!(root.post("/v1/admin/connectors", &wanted).await.status, 201);
    ada.vended("fresh", &json!({})).await;

    hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
    let mut again = wanted.clone();
    again["name"] = json!("again");
    root.post("/v1/admin/connectors", &again).await.problem("503 audit_unavailable");
    root.delete("/v1/admin/access-keys/spare").await.problem("409 conflict");
    assert_eq!(root.delete("/v1/admin/connectors/fresh").await.status, 204);
    root.get("/v1/admin/connectors/fresh").await.problem("404 not_found");
    assert_eq!(root.delete("/v1/admin/access-keys/spare").await.status, 204);
    root.get("/v1/admin/access-keys/spare").await.problem("404 not_found");

    hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
    ada.vend("fresh", &json!({})).await.problem("404 not_found");
    let gone = soon("both in the trail", async || {
        let mut records = world.trail();
        records.retain(|it| ["connector_removed", "access_key_removed"].contains(&it["action"].as_str().unwrap()));
        (records.len() >= 2).then_some(records)
    })
    .await;
    let mut said: Vec<String> =
        gone.iter().map(|it| format!("{} {}", it["actor"], it["action"]).replace('"', "")).collect();
    said.sort();
    assert_eq!(said, ["person:corp/root access_key_removed", "person:corp/root connector_removed"], "each once");
    assert!(world.run(&["audit", "verify"], "").succeeded().contains("result: whole"));
}

async fn id_of_the_session(operator: &Asker, username: &str) -> String {
    let list = operator.get("/v1/admin/sessions").await.good();
    let items = list["items"].as_array().unwrap();
    let found = items.iter().find(|session| session["identity"]["name"] == username).unwrap();
    found["id"].as_str().unwrap().to_owned()
}
