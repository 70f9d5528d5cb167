//! The store's file is taken away or replaced under a daemon that serves: nothing is vended that nobody would find in the trail, and
//! nothing is done to what took its place.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tests::brokerd::Installation;
use tests::stores::Hands;
use tests::world::{Asker, World, soon};
use tokio::task::JoinSet;

use crate::store::{on_sqlite, outage};

const PARTS: [&str; 3] = ["brokerd.db", "brokerd.db-wal", "brokerd.db-shm"];
const ALARM: &str = "the store's file was taken away or replaced under the daemon";

fn fresh() -> Value {
    json!({ "fresh": true })
}

/// As many as want more connections than one.
async fn nobody_gets_anything(asker: &Asker) {
    let mut askers = JoinSet::new();
    for _ in 0..12 {
        let asker = asker.clone();
        askers.spawn(async move { asker.vend("deploy", &fresh()).await });
    }
    askers.join_all().await.iter().for_each(outage);
}

/// What readiness says of the store once it says that it fails.
async fn trouble(asker: &Asker) -> String {
    let report = soon("readiness to see it", async || {
        let answer = asker.get("/readyz").await;
        (answer.status == 503).then(|| answer.json())
    });
    report.await["causes"]["store"].as_str().unwrap().to_owned()
}

fn vends(installation: &Installation) -> usize {
    let records = tests::world::trail(installation);
    records.iter().filter(|record| record["action"] == "vend" && record["outcome"] == "success").count()
}

fn is_there(installation: &Installation) -> [bool; 3] {
    PARTS.map(|part| installation.path(part).exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_part_is_taken_away_nothing_is_vended_until_it_is_back() {
    let world = World::open().await;
    let here = world.brokerd.installation();
    let ada = world.person("ada").await;
    ada.vended("deploy", &fresh()).await;
    for (number, part) in PARTS.into_iter().enumerate() {
        fs::rename(here.path(part), here.path("aside")).unwrap();
        nobody_gets_anything(&ada).await;
        assert!(!here.path(part).exists(), "no other {part} is made");
        if number == 0 {
            let said = trouble(&world.stranger()).await;
            assert!(said.contains("brokerd.db is not there any more") && said.contains("brokerd restored"), "{said}");
        }
        assert_eq!(world.brokerd.log().matches(ALARM).count(), number + 1, "{}", world.brokerd.log());
        fs::rename(here.path("aside"), here.path(part)).unwrap();
        ada.vended("deploy", &fresh()).await;
        assert_eq!(world.brokerd.log().matches("the store's file is back in its place").count(), number + 1);
    }
    assert_eq!(vends(here), 4, "what was handed over, and nothing else");
    world.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_went_into_a_file_which_was_taken_away_meanwhile_counts_for_nothing() {
    let (world, mut hands) = on_sqlite().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &fresh()).await;
    hands.run("BEGIN IMMEDIATE").await;
    let (asker, before) = (ada.clone(), world.calls("AssumeRole").len());
    let waiting = tokio::spawn(async move { asker.vend("deploy", &fresh()).await });
    soon("AWS to have answered", async || (world.calls("AssumeRole").len() > before).then_some(())).await;
    // Until its commit waits for us.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(!waiting.is_finished(), "it waits for the record");
    fs::rename(world.brokerd.installation().path("brokerd.db"), world.brokerd.installation().path("aside")).unwrap();
    hands.run("ROLLBACK").await;
    outage(&waiting.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_removed_is_not_made_anew_and_leaves_nothing_behind() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &fresh()).await;
    let here = world.brokerd.installation();
    for part in PARTS {
        fs::remove_file(here.path(part)).unwrap();
    }
    nobody_gets_anything(&ada).await;
    trouble(&world.stranger()).await;
    assert_eq!(is_there(here), [false; 3]);
    let here = world.brokerd.stop();
    assert_eq!(is_there(&here), [false; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_moved_over_a_store_in_use_stays_as_it_is() {
    let (world, mut hands) = on_sqlite().await;
    let ada = world.person("ada").await;
    ada.vended("deploy", &fresh()).await;
    let here = world.brokerd.installation();
    hands.run(&format!("VACUUM INTO '{}'", here.path("backup.db").display())).await;
    let Hands::Sqlite(connection) = hands else { panic!("an SQLite file") };
    sqlx::Connection::close(connection).await.unwrap();
    for _ in 0..3 {
        ada.vended("deploy", &fresh()).await;
    }
    let backup = fs::read(here.path("backup.db")).unwrap();
    fs::rename(here.path("backup.db"), here.path("brokerd.db")).unwrap();
    nobody_gets_anything(&ada).await;
    let said = trouble(&world.stranger()).await;
    assert!(said.contains("brokerd.db is another file than the one that was opened"), "{said}");
    let here = world.brokerd.stop();
    assert!(fs::read(here.path("brokerd.db")).unwrap() == backup, "nobody has written to it");
    here.run(&["restored", "--yes"], "").succeeded();
    assert_eq!(vends(&here), 1, "what was vended since is not in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_store_is_its_owners_alone_and_one_that_others_may_read_is_told() {
    let prepared = World::prepare().await;
    let folder = prepared.installation.path("");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let world = prepared.serve();
    let here = world.brokerd.installation();
    for part in PARTS {
        assert_eq!(fs::metadata(here.path(part)).unwrap().permissions().mode() & 0o777, 0o600, "{part}");
    }
    let warning = "others may read the store's file";
    assert!(!world.brokerd.log().contains(warning), "{}", world.brokerd.log());
    let here = world.brokerd.stop();
    fs::set_permissions(here.path("brokerd.db"), Permissions::from_mode(0o644)).unwrap();
    let brokerd = here.serve();
    assert!(brokerd.log().contains(warning), "{}", brokerd.log());
    let here = brokerd.stop();
    // Where nobody else gets into the folder, nobody else reads the file.
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let brokerd = here.serve();
    assert!(!brokerd.log().contains(warning), "{}", brokerd.log());
}
