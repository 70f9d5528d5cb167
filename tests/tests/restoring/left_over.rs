//! What SQLite keeps beside a file and what a refused start might leave there: a backup that is put back is not destroyed by it.

use std::fs;

use serde_json::json;
use tests::brokerd::Installation;
use tests::process::Signal;
use tests::stores::Hands;
use tests::world::{World, trail};

const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];
const COMMANDS: [&[&str]; 5] =
    [&["serve"], &["key", "list"], &["restored", "--yes"], &["token", "list"], &["audit", "verify"]];

/// Which of the store's three files are there.
fn there(here: &Installation) -> Vec<&'static str> {
    SUFFIXES.into_iter().filter(|suffix| here.path(&format!("brokerd.db{suffix}")).exists()).collect()
}

/// Served and stopped, with something in the trail.
async fn used() -> Installation {
    let world = World::open().await;
    world.person("ada").await.vended("deploy", &json!({})).await;
    world.brokerd.stop()
}

/// Served once more, with a backup from before the end, and killed: so that there is a log.
async fn killed() -> Installation {
    let mut world = {
        let World { sim, brokerd } = World::open().await;
        let here = brokerd.stop();
        World { sim, brokerd: here.serve() }
    };
    let ada = world.person("ada").await;
    let here = world.brokerd.installation();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    hands.run(&format!("VACUUM INTO '{}'", here.path("backup.db").display())).await;
    drop(hands);
    for _ in 0..10 {
        ada.vended("deploy", &json!({ "fresh": true })).await;
    }
    world.brokerd.process().signal(Signal::KILL);
    let here = world.brokerd.stop();
    assert_eq!(there(&here), SUFFIXES, "nobody has put it in order");
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_writes_nothing_and_the_only_backup_survives_it() {
    let here = used().await;
    let records = trail(&here).len();
    fs::rename(here.path("brokerd.db"), here.path("only-backup.db")).unwrap();
    for command in COMMANDS {
        let said = here.run(command, "").failed();
        assert!(said.contains("no installation is in it"), "{command:?}: {said}");
        assert_eq!(there(&here), [] as [&str; 0], "{command:?}");
    }
    // Nor is an empty file taken for a store.
    here.write("brokerd.db", "");
    for command in COMMANDS {
        assert!(here.run(command, "").failed().contains("no installation is in it"), "{command:?}");
        assert_eq!((there(&here), here.read("brokerd.db").as_str()), (vec![""], ""), "{command:?}");
    }
    fs::rename(here.path("only-backup.db"), here.path("brokerd.db")).unwrap();
    here.run(&["restored", "--yes"], "").succeeded();
    let restored = trail(&here).len();
    assert!(records > 0 && restored >= records, "{restored} of {records}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_the_log_of_another_file_is_refused_before_it_is_touched() {
    let here = killed().await;
    let records = trail(&copied(&here)).len();
    let backup = fs::read(here.path("backup.db")).unwrap();
    let log = fs::read(here.path("brokerd.db-wal")).unwrap();
    // Into the same file, as `cp` does.
    fs::write(here.path("brokerd.db"), &backup).unwrap();
    for command in COMMANDS {
        let said = here.run(command, "").failed();
        for word in ["brokerd.db-wal beside it is not its own", "take the files -wal and -shm away", "brokerd restored"]
        {
            assert!(said.contains(word), "{command:?}: {word}: {said}");
        }
        assert!(fs::read(here.path("brokerd.db")).unwrap() == backup, "{command:?}");
        assert!(fs::read(here.path("brokerd.db-wal")).unwrap() == log, "{command:?}");
    }
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(here.path(&format!("brokerd.db{suffix}"))).unwrap();
    }
    here.run(&["restored", "--yes"], "").succeeded();
    let restored = trail(&here).len();
    assert!(restored > 0 && restored < records, "{restored} of {records}");
    here.serve();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_file_is_left_alone_and_told() {
    let here = killed().await;
    fs::rename(here.path("brokerd.db"), here.path("aside.db")).unwrap();
    let log = fs::read(here.path("brokerd.db-wal")).unwrap();
    for command in COMMANDS {
        let said = here.run(command, "").failed();
        assert!(
            said.contains("it is not there, or empty, and its log") && said.contains("-shm"),
            "{command:?}: {said}"
        );
        assert!(fs::read(here.path("brokerd.db-wal")).unwrap() == log, "{command:?}");
        assert!(!here.path("brokerd.db").exists(), "{command:?}");
    }
    // With its file it is worth something.
    fs::rename(here.path("aside.db"), here.path("brokerd.db")).unwrap();
    let vends = trail(&here).iter().filter(|record| record["action"] == "vend").count();
    assert_eq!(vends, 10);
    here.run(&["audit", "verify"], "").succeeded();
}

/// The same store elsewhere, looked into without a trace here.
fn copied(here: &Installation) -> Installation {
    let there = Installation::new("", "");
    for name in
        ["brokerd.toml", "connectors.toml", "master.key", "brokerd.db", "brokerd.db-wal", "keys/main", "keys/second"]
    {
        if let Some(folder) = there.path(name).parent() {
            fs::create_dir_all(folder).unwrap();
        }
        fs::copy(here.path(name), there.path(name)).unwrap();
    }
    there
}
