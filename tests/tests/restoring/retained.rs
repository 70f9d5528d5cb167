//! `audit.retention_days`: the daemon removes what is old by itself, where its database role may.

use std::sync::Arc;

use broker_core::store::{Location, Store};
use broker_core::trail::{Action, Trail};
use broker_core::vault::MasterKey;
use secrecy::SecretString;
use tests::brokerd::Installation;
use tests::postgres::{self, psql};
use tests::stage::{Door, Stage};
use tests::stores::{Hands, Storehouse, StoryClock, entry};
use url::Url;

/// Writes five records as of a time that is long gone, and one more that is of now.
async fn with_a_past(here: &Installation, location: &Location) {
    let key = MasterKey::parse("test", &SecretString::from(here.read("master.key").trim())).unwrap();
    let clock = Arc::new(StoryClock::default());
    let opened = Store::open(location, vec![key], "test", &*clock).await.unwrap();
    let trail = Trail::start(opened.store.clone(), clock, "node-0");
    for _ in 0..5 {
        trail.record(entry(Action::Vend), ()).await.unwrap();
    }
    trail.close().await;
    opened.store.close().await;
}

async fn count(hands: &mut Hands, node: &str) -> i64 {
    hands.number(&format!("SELECT count(*) FROM trail WHERE record LIKE '%\"node\":\"{node}\"%'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_removes_what_is_old_and_nothing_else() {
    let stage = Stage::set().await.configured("audit = { retention_days = 30 }\n", "");
    let here = stage.on_sqlite();
    with_a_past(&here, &Location::Sqlite(here.path("brokerd.db"))).await;
    here.run(&["apply", "--yes"], "").succeeded();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    let young = hands.number("SELECT count(*) FROM trail WHERE record NOT LIKE '%\"node\":\"node-0\"%'").await;
    assert!(young > 0);
    let mut broker = here.serve();
    let said = broker.process().wait_for_line("removed old records of the trail");
    assert!(said.contains("records=5"), "{said}");
    assert_eq!(count(&mut hands, "node-0").await, 0);
    let here = broker.stop();
    let left = hands.number("SELECT count(*) FROM trail WHERE action <> 'trail_pruned'").await;
    assert!(left >= young, "{left} of {young}");
    assert_eq!(hands.number("SELECT count(*) FROM trail WHERE action = 'trail_pruned' AND actor = 'brokerd'").await, 1);
    assert!(here.read("brokerd.db.anchors").contains("\"kind\":\"pruned\""));
    let anchors = here.path("brokerd.db.anchors");
    let said = here.run(&["audit", "verify", "--anchor", anchors.to_str().unwrap()], "").succeeded();
    assert!(said.contains("records that were pruned: 5\n") && said.ends_with("result: whole\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_word_everything_is_kept() {
    let stage = Stage::set().await;
    let here = stage.on_sqlite();
    with_a_past(&here, &Location::Sqlite(here.path("brokerd.db"))).await;
    let here = here.serve().stop();
    let mut hands = Hands::of_sqlite(&here.path("brokerd.db")).await;
    assert_eq!(count(&mut hands, "node-0").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemons_role_on_postgresql_only_warns_and_the_pruners_role_prunes_and_can_do_no_more() {
    let stage = Stage::set().await.configured("audit = { retention_days = 30 }\n", "");
    let owner = postgres::database("retained");
    let by_owner = stage.on_postgres(&owner);
    with_a_past(&by_owner, &Storehouse::at(&owner).location()).await;
    by_owner.run(&["apply", "--yes"], "").succeeded();
    let of_role = |name: &str| {
        let mut url: Url = owner.parse().unwrap();
        let role = format!("{name}_of_{}", url.path().trim_start_matches('/'));
        url.set_username(&role).unwrap();
        url.set_password(Some("its-own")).unwrap();
        psql(&postgres::admin_url(), &format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'its-own'")).succeeded();
        (role, url)
    };
    let ((daemon, daemons), (pruner, pruners)) = (of_role("daemon"), of_role("pruner"));
    let rights = include_str!("../../../docs/postgresql-roles.sql");
    psql(&owner, &format!("\\set daemon {daemon}\n\\set pruner {pruner}\n{rights}")).succeeded();
    let [by_daemon, by_pruner] = [daemons, pruners.clone()].map(|url| {
        let here = stage.on_postgres(url.as_str());
        for file in ["master.key", "keys/main"] {
            here.write(file, &by_owner.read(file));
        }
        here
    });

    let mut hands = Hands::of_postgres(&owner).await;
    let mut broker = by_daemon.serve();
    broker.process().wait_for_line("this database role may not delete from the trail, so nothing is removed");
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200, "it serves all the same");
    assert_eq!(count(&mut hands, "node-0").await, 5);

    let ended = by_pruner.run(&["audit", "prune", "--yes"], "");
    assert!(ended.stderr.contains("records removed: 5"), "{ended:?}");
    ended.succeeded();
    assert_eq!(count(&mut hands, "node-0").await, 0);
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    let said = broker.run(&["audit", "verify"], "").succeeded();
    assert!(said.contains("records that were pruned: 5\n") && said.contains("result: whole"), "{said}");

    let mut hands = Hands::of_postgres(pruners.as_str()).await;
    for forbidden in [
        "UPDATE trail SET actor = 'somebody else'",
        "TRUNCATE trail",
        "DELETE FROM trail_marks",
        "UPDATE trail_marks SET sequence = 5",
        "UPDATE installation SET epoch = 1",
        "UPDATE installation SET sealed_secret = 'mine'",
        "SELECT * FROM access_keys",
        "SELECT * FROM sessions",
        "INSERT INTO service_tokens SELECT * FROM service_tokens",
        "DELETE FROM connectors",
        "CREATE TABLE another (id BIGINT)",
    ] {
        let error = hands.try_run(forbidden).await.expect_err(forbidden).to_string();
        assert!(error.contains("permission denied"), "{forbidden}: {error}");
    }
    by_pruner.run(&["token", "create", "mine", "--connector", "ci"], "").failed();
}
