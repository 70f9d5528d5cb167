//! A store that was in use and is empty: nothing begins anew where somebody may have taken everything away.

use std::fs;

use tests::brokerd::Installation;
use tests::stage::{Door, Stage};
use tests::stores::Hands;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_sqlite_store_is_no_new_installation() {
    let stage = Stage::set().await;
    let installation = used(&stage, stage.on_sqlite()).await;
    let file = installation.path("brokerd.db");
    emptied(&mut Hands::of_sqlite(&file).await).await;
    refused(&installation);
    // Nor is a file that is gone.
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(installation.path(&format!("brokerd.db{suffix}")));
    }
    refused(&installation);
    fs::remove_file(installation.path("brokerd.db.anchors")).unwrap();
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "it is a new one because somebody says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_postgresql_store_is_no_new_installation() {
    let stage = Stage::set().await.configured("audit = { anchor_file = \"brokerd.db.anchors\" }\n", "");
    let url = tests::postgres::database("emptied");
    let installation = used(&stage, stage.on_postgres(&url)).await;
    emptied(&mut Hands::of_postgres(&url).await).await;
    refused(&installation);
}

/// Served until something was vended, and stopped.
async fn used(stage: &Stage, installation: Installation) -> Installation {
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    let installation = broker.stop();
    assert!(!installation.read("brokerd.db.anchors").is_empty());
    installation
}

async fn emptied(hands: &mut Hands) {
    for table in ["trail", "trail_marks", "sessions", "service_tokens", "connectors", "access_keys", "installation"] {
        hands.run(&format!("DELETE FROM {table}")).await;
    }
}

fn refused(installation: &Installation) {
    for arguments in [&["serve"][..], &["audit", "tail"], &["token", "list"]] {
        let told = installation.run(arguments, "").failed();
        for word in ["no installation is in it", "brokerd.db.anchors", "brokerd restored", "move the anchor file away"]
        {
            assert!(told.contains(word), "{arguments:?}: {word}: {told}");
        }
    }
}
