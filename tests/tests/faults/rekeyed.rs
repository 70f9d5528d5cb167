//! `rekey` before a daemon was restarted with the new key: what is wrong is said by its name, and the daemon was noticed.

use serde_json::json;
use tests::world::{World, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_daemon_does_not_know_yet_is_named() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    let here = world.brokerd.installation();
    here.write("new.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let old = "id = \"test\"\nseals = true\nsource = { file = \"master.key\" }\n";
    let new = "[[master_key]]\nid = \"2027\"\nseals = true\nsource = { file = \"new.key\" }\n";
    here.edit("brokerd.toml", old, &format!("{}{new}", old.replace("seals = true\n", "")));

    let warning = "a daemon serves from this store: unless it was started with a configuration that has `2027`";
    let asked = world.run(&["rekey"], "");
    assert!(asked.stderr.contains(warning) && !asked.status.success(), "{asked:?}");
    ada.vended("deploy", &json!({ "fresh": true })).await;
    let moved = world.run(&["rekey", "--yes"], "");
    assert!(moved.stderr.contains(warning), "{moved:?}");
    moved.succeeded();

    let said = "sealed with master key `2027`";
    soon("the daemon to miss the key", async || {
        (ada.vend("deploy", &json!({ "fresh": true })).await.status == 500).then_some(())
    })
    .await;
    let log = world.brokerd.log();
    assert!(log.contains(said) && log.contains("which this process does not know"), "{log}");
    let report = soon("readiness to see it", async || {
        let answer = world.stranger().get("/readyz").await;
        (answer.status == 503).then(|| answer.json())
    })
    .await;
    let cause = report["causes"]["seal"].as_str().unwrap();
    assert!(cause.contains("has been sealed with master key `2027` meanwhile") && cause.contains("restart"), "{cause}");

    let brokerd = world.brokerd.stop().serve();
    assert!(!brokerd.run(&["rekey", "--yes"], "").stderr.contains(warning), "there is nothing to move");
    let again = tests::world::Asker::at(&brokerd.url()).signed_in("ada").await;
    again.vended("deploy", &json!({})).await;
}
