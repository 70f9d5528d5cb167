//! The trail's end, with anchors and real daemons: kill -9, hands in the database, and lines that somebody forged.

use std::fs;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tests::brokerd::Installation;
use tests::process::Signal;
use tests::stage::{Door, Stage};

const ANCHORS: &str = "kept/elsewhere.jsonl";

async fn stage() -> Stage {
    Stage::set().await.configured(&format!("audit = {{ anchor_file = \"{ANCHORS}\" }}\n"), "")
}

fn verified(here: &Installation) -> tests::ended::Ended {
    here.run(&["audit", "verify", "--anchor", here.path(ANCHORS).to_str().unwrap()], "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_nine_everything_that_was_anchored_is_there_and_no_epoch_begins() {
    let stage = stage().await;
    let here = stage.on_sqlite();
    here.write(ANCHORS, "");
    // Subcommands anchor what they write; so does the daemon, from its start on.
    here.run(&["apply", "--yes"], "").succeeded();
    assert_eq!(here.read(ANCHORS).lines().count(), 1);
    let mut broker = here.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    for _ in 0..3 {
        assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    }
    broker.process().signal(Signal::KILL);
    let here = broker.stop();
    let said = verified(&here).succeeded();
    assert!(said.contains("tail proven up to the anchors: ") && said.contains("result: whole"), "{said}");

    let broker = here.serve();
    assert!(!broker.log().contains("missing") && !broker.log().contains("a new epoch"), "{}", broker.log());
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "the session is none the worse");
    let here = broker.stop();
    // Now the killed daemon's chain is anchored, too.
    let said = verified(&here).succeeded();
    let chains = said.lines().next().unwrap().strip_prefix("chains: ").unwrap();
    assert!(said.contains(&format!("anchors: {chains} of {chains} chains")), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_that_was_cut_and_a_line_that_was_forged_are_found() {
    let stage = stage().await;
    let here = stage.on_sqlite();
    here.write(ANCHORS, "");
    let broker = here.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    let here = broker.stop();
    verified(&here).succeeded();

    let anchors = here.read(ANCHORS);
    here.write(ANCHORS, &format!("rubbish\n{}", anchors.replacen("\"sequence\":", "\"sequence\":1", 1)));
    let ended = verified(&here);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    for broken in ["line 1 of the anchor file: this is no anchor", "line 2 of the anchor file: the signature is not"] {
        assert!(ended.stdout.contains(broken), "{broken}: {ended:?}");
    }
    here.write(ANCHORS, &format!("{anchors}{{\"kind\":\"head\",\"at\""));
    let ended = verified(&here);
    assert!(ended.stderr.contains("last line was torn off"), "{ended:?}");
    ended.succeeded();
    here.write(ANCHORS, &anchors);
    let missing = here.run(&["audit", "verify", "--anchor", "nowhere"], "").failed();
    assert!(missing.contains("the anchor file nowhere cannot be read"), "{missing}");

    let mut hands = SqliteConnection::connect(here.path("brokerd.db").to_str().unwrap()).await.unwrap();
    sqlx::query("DELETE FROM trail WHERE action = 'vend'").execute(&mut hands).await.unwrap();
    hands.close().await.unwrap();
    // Nobody has to name the file that the configuration names.
    let by_itself = here.run(&["audit", "verify"], "");
    let ended = verified(&here);
    assert_eq!((ended.status.code(), &by_itself.stdout), (Some(1), &ended.stdout), "{by_itself:?}");
    assert!(
        ended.stdout.contains("was anchored, and is missing") && ended.stdout.contains("result: BROKEN"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_written_is_an_alarm_and_stops_no_vend() {
    let stage = stage().await;
    let here = stage.on_sqlite();
    fs::create_dir_all(here.path(ANCHORS)).unwrap();
    let broker = here.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    assert!(broker.log().contains("the trail cannot be anchored") && broker.log().contains("is not a regular file"));
}
