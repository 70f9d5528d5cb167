//! `brokerd audit prune`, beside the daemon, and by a role that may and one that may not.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tests::brokerd::Installation;
use tests::postgres::{self, psql};
use tests::stage::{Door, Stage};
use url::Url;

fn records(here: &Installation) -> Vec<Value> {
    let export = here.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    export.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// When the last record was written, and how many were before.
fn last_of(records: &[Value]) -> (String, usize) {
    let at = |record: &Value| record["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let last = records.iter().map(at).max().unwrap();
    (last.to_string(), records.iter().filter(|record| at(record) < last).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pruned_beside_the_daemon_is_told_apart_from_what_is_missing() {
    let stage = Stage::set().await;
    let broker = stage.on_sqlite().serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    let here = broker.installation();
    // The daemon's own: it has proved the key that came with the file.
    while !records(here).iter().any(|record| record["action"] == "access_key_changed") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    for (arguments, text) in [
        (&[][..], "say which records: --before or --older-than"),
        (&["--before", "2999-01-01", "--yes"], "is still to come"),
        (&["--before", "yesterday"], "write a day such as 2026-01-31"),
        (&["--older-than", "0"], "0 is not in 1..=36500"),
        (&["--older-than", "5", "--before", "2026-01-31"], "cannot be used with"),
    ] {
        let ended = here.run(&[&["audit", "prune"], arguments].concat(), "");
        assert!(!ended.status.success() && ended.stderr.contains(text), "{ended:?}");
    }
    assert!(here.run(&["audit", "prune", "--older-than", "1", "--yes"], "").succeeded().contains(": 0, of 0 chains"));
    let before = records(here);
    let (now, old) = last_of(&before);
    let dry = here.run(&["audit", "prune", "--before", &now, "--dry-run"], "").succeeded();
    assert!(dry.contains(&format!(": {old}, of ")), "{dry}");
    assert_eq!(records(here), before);
    assert!(old > 3, "{before:?}");

    let ended = here.run(&["audit", "prune", "--before", &now, "--yes"], "");
    assert!(ended.stderr.contains(&format!("records removed: {old}")), "{ended:?}");
    ended.succeeded();
    let after = records(here);
    assert_eq!(after[..after.len() - 1], before[old..]);
    assert_eq!(after.last().unwrap()["action"], "trail_pruned");
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "its chain goes on");
    let here = broker.stop();
    let anchors = here.path("brokerd.db.anchors");
    let said = here.run(&["audit", "verify", "--anchor", anchors.to_str().unwrap()], "").succeeded();
    assert!(said.contains(&format!("records that were pruned: {old}\n")), "{said}");
    assert!(said.ends_with("result: whole\n"), "{said}");
    assert!(here.read("brokerd.db.anchors").contains("\"kind\":\"pruned\""));
    let broker = here.serve();
    assert!(!broker.log().contains("missing"), "{}", broker.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemons_role_on_postgresql_may_not_prune_and_says_so() {
    let stage = Stage::set().await;
    let owner = postgres::database("pruned");
    let mut url: Url = owner.parse().unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    let (daemon, password) = (format!("daemon_of_{name}"), "the-daemons-own");
    url.set_username(&daemon).unwrap();
    url.set_password(Some(password)).unwrap();
    psql(&postgres::admin_url(), &format!("CREATE ROLE \"{daemon}\" LOGIN PASSWORD '{password}'")).succeeded();
    let by_owner = stage.on_postgres(&owner);
    by_owner.run(&["apply", "--yes"], "").succeeded();
    let rights = include_str!("../../../docs/postgresql-roles.sql");
    psql(&owner, &format!("\\set daemon {daemon}\n{rights}")).succeeded();
    let by_daemon = stage.on_postgres(url.as_str());
    for file in ["master.key", "keys/main"] {
        by_daemon.write(file, &by_owner.read(file));
    }
    // Something younger than the rest.
    by_owner.run(&["token", "create", "ci", "--connector", "ci"], "").succeeded();
    let before = records(&by_owner);
    let (now, old) = last_of(&before);
    let ended = by_daemon.run(&["audit", "prune", "--before", &now, "--yes"], "");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("this database role may not delete from the trail, and nothing was removed"),
        "{ended:?}"
    );
    assert_eq!(records(&by_owner), before, "not even that somebody tried");
    by_owner.run(&["audit", "prune", "--before", &now, "--yes"], "").succeeded();
    assert_eq!(records(&by_owner).len(), before.len() - old + 1);
    assert!(by_daemon.run(&["audit", "verify"], "").succeeded().contains("result: whole"));
}
