//! `brokerd rekey`: dry run, question, a kill in the middle, and what may go afterwards.

use std::time::{Duration, Instant};

use broker_core::clock::SystemClock;
use broker_core::store::{Location, Store};
use broker_core::trail::{Action, Trail, Vec1};
use broker_core::vault::MasterKey;
use secrecy::SecretString;
use tests::brokerd::Installation;
use tests::process::{Process, Signal, new_folder};
use tests::stores::{access_key, entry};

use crate::{add_main, code, installation};

const OLD: &str = "[[master_key]]\nid = \"test\"\nseals = true\nsource = { file = \"master.key\" }\n";

/// Both keys are known, and the new one seals.
fn with_a_new_key(here: &Installation) {
    here.write("new.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let new = "[[master_key]]\nid = \"new\"\nseals = true\nsource = { file = \"new.key\" }\n";
    here.edit("brokerd.toml", OLD, &format!("{}{new}", OLD.replace("seals = true\n", "")));
}

/// Puts so many keys into the store, past the command line.
async fn fill(here: &Installation, count: usize) {
    let key = MasterKey::parse("test", &SecretString::from(here.read("master.key"))).unwrap();
    let location = Location::Sqlite(here.path("brokerd.db"));
    let opened = Store::open(&location, vec![key], "test", &SystemClock).await.unwrap();
    let trail = Trail::start(opened.store.clone(), std::sync::Arc::new(SystemClock), "filler");
    let keys = (0..count).map(|number| access_key(&opened, &format!("key-{number:04}")));
    let changes = keys.map(|key| opened.store.add_access_key(&key).unwrap()).collect();
    trail.commit(changes, Vec1::new(entry(Action::AccessKeyAdded))).await.unwrap();
    trail.close().await;
    opened.store.close().await;
}

#[test]
fn it_shows_asks_moves_and_says_what_may_go() {
    let here = installation();
    add_main(&here);
    let nothing = here.run(&["rekey"], "").succeeded();
    assert!(nothing.contains("0 to move to master key `test`"), "{nothing}");
    here.write("new.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let early = format!("{OLD}[[master_key]]\nid = \"new\"\nsource = {{ file = \"new.key\" }}\n");
    here.edit("brokerd.toml", OLD, &early);
    let too_early = here.run(&["rekey"], "").succeeded();
    assert!(too_early.contains("master key `new`: keep it if it is the next that is to seal"), "{too_early}");
    here.edit("brokerd.toml", &early, OLD);
    with_a_new_key(&here);

    let dry = here.run(&["rekey", "--dry-run"], "");
    let shown = dry.succeeded();
    assert!(shown.contains("2 to move to master key `new`"), "{shown}");
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["access_keys.sealed", "test", "1"])), "{shown}");

    let asked = here.run(&["rekey"], "");
    assert_eq!(code(&asked), 2, "{asked:?}");
    assert!(asked.stderr.contains("1. add `new` to every node's configuration"), "{asked:?}");
    assert!(here.run(&["rekey", "--dry-run"], "").succeeded().contains("2 to move"), "nothing has changed");

    let moved = here.run(&["rekey", "--yes"], "");
    let said = moved.succeeded();
    assert!(said.contains("moved 2, left 0") && said.contains("master key `test` any more"), "{said}");
    here.edit("brokerd.toml", &OLD.replace("seals = true\n", ""), "");
    assert!(here.run(&["rekey", "--dry-run"], "").succeeded().contains("0 to move to master key `new`"));
    here.run(&["audit", "verify"], "").succeeded();
    assert!(here.run(&["audit", "tail"], "").succeeded().contains("secret_resealed"));
}

#[test]
fn a_key_that_is_taken_away_too_early_is_missed_by_its_name() {
    let here = installation();
    add_main(&here);
    with_a_new_key(&here);
    here.edit("brokerd.toml", &OLD.replace("seals = true\n", ""), "");
    for command in [&["serve"][..], &["rekey", "--yes"]] {
        let ended = here.run(command, "");
        assert_eq!(code(&ended), 1, "{ended:?}");
        assert!(
            ended.stderr.contains("sealed with master key `test`, which the configuration does not know"),
            "{ended:?}"
        );
    }
}

/// Killed in the middle and run again, beside a daemon: every secret moves once, and each has its record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_it_goes_on_where_it_was() {
    const KEYS: usize = 1_000;
    let here = installation();
    fill(&here, KEYS).await;
    with_a_new_key(&here);
    here.write("connectors.toml", "");
    let served = here.serve();
    let here = served.installation();

    let mut rekeying = Process::start_in(new_folder(), "rekey", here.command(&["rekey", "--yes"]), Signal::TERM);
    let started = Instant::now();
    let records =
        || here.run(&["audit", "export", "--format", "jsonl"], "").succeeded().matches("secret_resealed").count();
    while records() == 0 {
        assert!(started.elapsed() < Duration::from_mins(1), "nothing moves");
    }
    rekeying.signal(Signal::KILL);
    assert!(!rekeying.wait().success(), "it was killed");
    let before = records();
    assert!((1..=KEYS).contains(&before), "{before} had moved when it was killed: too late");

    let again = here.run(&["rekey", "--yes"], "");
    let said = again.succeeded();
    assert!(said.contains(&format!("moved {}, left 0", KEYS + 1 - before)), "{before} before, then {said}");
    assert_eq!(records(), KEYS + 1, "once each");
    here.run(&["audit", "verify"], "").succeeded();
    here.edit("brokerd.toml", &OLD.replace("seals = true\n", ""), "");
    let left = here.run(&["rekey", "--dry-run"], "").succeeded();
    assert!(left.lines().any(|line| line.split_whitespace().eq(["access_keys.sealed", "new", "1000"])), "{left}");
}
