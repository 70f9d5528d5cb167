//! What only a server can do to us: few rights, weak defaults, lost and hanging connections.

use std::time::Duration;

use broker_core::clock::Millis;
use broker_core::inventory::Inventory;
use broker_core::store::{CountedAttempt, Failures, ProvedAccount, Store, TrailFilter};
use broker_core::trail::{Action, Losses, verify};
use rustix::process::{Pid, Signal, kill_process};
use tests::patience::soon;
use tests::postgres::{self, Postgres, psql};
use tests::stores::{Hands, Storehouse, entry};

use crate::throttles::failures;
use crate::{Desk, epochs, service_tokens, sessions};

#[tokio::test]
async fn a_role_with_the_documented_rights_serves_a_whole_life_and_can_do_no_more() {
    let owner = Storehouse::on_postgres("roles");
    let database = owner.url().path().trim_start_matches('/').to_owned();
    let daemon = format!("daemon_of_{database}");
    let mut url = owner.url().clone();
    url.set_username(&daemon).unwrap();
    url.set_password(Some("the-daemons-own")).unwrap();
    psql(&postgres::admin_url(), &format!("CREATE ROLE \"{daemon}\" LOGIN PASSWORD 'the-daemons-own'")).succeeded();

    let migrated = Desk::with_a_key(&owner).await;
    migrated.close().await;
    let rights = include_str!("../../../docs/postgresql-roles.sql");
    psql(owner.url().as_str(), &format!("\\set daemon {daemon}\n{rights}")).succeeded();

    let house = Storehouse::at(url.as_str());
    whole_life(&house).await;

    let mut hands = house.hands().await;
    for forbidden in [
        "CREATE TABLE another (id BIGINT)",
        "ALTER TABLE connectors ADD COLUMN another TEXT",
        "DROP TABLE throttles",
        "UPDATE trail SET actor = 'somebody else'",
        "DELETE FROM trail",
        "TRUNCATE trail",
        "UPDATE trail_marks SET sequence = 5",
        "DELETE FROM trail_marks",
        "DROP TABLE trail",
        "UPDATE installation SET sealed_secret = 'mine'",
        "DELETE FROM installation",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (2, '', true, '', 0)",
        "CREATE TEMPORARY TABLE another (id BIGINT)",
    ] {
        let error = hands.try_run(forbidden).await.expect_err(forbidden).to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{forbidden}: {error}");
    }
}

/// All that a daemon does with its store.
async fn whole_life(house: &Storehouse) {
    let desk = Desk::open(house).await;
    let inventory = Inventory::open(desk.store.clone()).await.unwrap();
    desk.store.probe().await.unwrap();
    // An administrator.
    let key = tests::stores::access_key(&desk.opened, "second");
    desk.commit(vec![desk.store.add_access_key(&key).unwrap()]).await.unwrap();
    let mut deploy = desk.connector("deploy").await;
    deploy.revision = 2;
    desk.commit(vec![desk.store.replace_connector(&deploy, 1).unwrap()]).await.unwrap();
    inventory.refresh().await.unwrap();
    assert_eq!(inventory.snapshot().connectors().count(), 1);
    desk.commit(vec![Store::remove_connector(deploy.id, 2), Store::remove_access_key(key.id, key.generation)])
        .await
        .unwrap();
    let (token, hash) = service_tokens::token(&desk.store, "ci");
    desk.commit(vec![desk.store.add_service_token(&token, &hash).unwrap()]).await.unwrap();
    // Somebody signs in at the second attempt, vends, and goes.
    let failed = |count| Failures { count, last: Some(Millis(count)) };
    let first = CountedAttempt { subject: "ada", before: Failures::default(), now: failed(1) };
    assert!(desk.store.count_attempt(first).await.unwrap());
    let second = CountedAttempt { subject: "ada", before: failed(1), now: failed(2) };
    assert!(desk.store.count_attempt(second).await.unwrap());
    desk.store.forgive_attempt(second).await.unwrap();
    desk.store.forgive("ada").await.unwrap();
    desk.store.note_familiar("ada", "192.0.2.0/24", Millis(2)).await.unwrap();
    let typed = ProvedAccount { account: "ada", counter: "ada", is_noted: false };
    desk.store.attempt_was_right(typed, None, "192.0.2.0/24", first, Millis(3)).await.unwrap();
    let (session, hash) = sessions::session(&desk.store, "ada");
    desk.commit(vec![desk.store.add_session(&session, &hash).unwrap()]).await.unwrap();
    desk.store.refresh_session(&session, &hash, &session).await.unwrap();
    desk.store.touch_session(session.id, Millis(i64::MAX)).await.unwrap();
    desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    let key = desk.store.access_keys().await.unwrap().remove(0);
    desk.store.note_key_health(key.id, key.generation, &key.health).await.unwrap();
    desk.commit(vec![Store::end_session(session.id)]).await.unwrap();
    // A job vends, until its token is revoked.
    desk.store.touch_service_token(token.id, Millis(3)).await.unwrap();
    // A backup was restored.
    let administration = epochs::administration(&desk, house);
    administration.restored(&Losses::default(), &epochs::by()).await.unwrap();
    administration.confirm_service_tokens(&[token.id], &epochs::by()).await.unwrap();
    desk.commit(vec![Store::revoke_service_token(token.id)]).await.unwrap();
    // The sweeper, and whoever reads the trail.
    desk.store.sweep_sessions(Millis(i64::MAX), Millis(i64::MAX)).await.unwrap();
    desk.store.sweep_throttles(Millis(i64::MAX), Millis(i64::MAX)).await.unwrap();
    assert!(!desk.store.newest_links(&TrailFilter::default(), None, 10).await.unwrap().is_empty());
    assert_eq!(verify(&desk.store).await.unwrap().breaks, []);
    desk.close().await;
}

#[tokio::test]
async fn a_commit_is_durable_though_the_servers_default_is_not_and_a_count_is_not_though_it_is() {
    let house = Storehouse::on_postgres("durable");
    let role = house.url().username().to_owned();
    house.hands().await.run(&format!("ALTER ROLE \"{role}\" SET synchronous_commit = off")).await;
    let desk = Desk::with_a_key(&house).await;
    let mut hands = house.hands().await;
    assert_eq!(hands.text("SHOW synchronous_commit").await, "off");
    hands.run("CREATE TABLE seen (setting TEXT)").await;
    hands
        .run(
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
        )
        .await;
    hands.run("CREATE TRIGGER look BEFORE INSERT ON trail FOR EACH ROW EXECUTE FUNCTION look()").await;
    desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    desk.connector("deploy").await;
    assert_eq!(hands.text("SELECT string_agg(setting, ',') FROM seen").await, "on,on");
    // What attempts are counted in waits for no disk, whatever the server's default is.
    hands.run("DELETE FROM seen").await;
    hands.run(&format!("ALTER ROLE \"{role}\" SET synchronous_commit = on")).await;
    hands.run("CREATE TRIGGER look BEFORE INSERT ON throttles FOR EACH ROW EXECUTE FUNCTION look()").await;
    let desk = Desk::open(&house).await;
    let now = Failures { count: 1, last: Some(Millis(1)) };
    let attempt = CountedAttempt { subject: "ada", before: Failures::default(), now };
    assert!(desk.store.count_attempt(attempt).await.unwrap());
    desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    assert_eq!(hands.text("SELECT string_agg(setting, ',') FROM seen").await, "off,on");
}

#[tokio::test]
async fn the_server_gives_up_who_freezes_in_the_middle_of_a_commit_so_that_others_do_not_wait_for_its_locks() {
    let house = Storehouse::on_postgres("frozen");
    let desk = Desk::open(&house).await;
    let mut hands = house.hands().await;
    hands.run("CREATE TABLE seen (setting TEXT)").await;
    hands
        .run(
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN
                   INSERT INTO seen SELECT current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout');
                   RETURN NEW;
                 END $$",
        )
        .await;
    hands.run("CREATE TRIGGER look BEFORE INSERT ON throttles FOR EACH ROW EXECUTE FUNCTION look()").await;
    let now = Failures { count: 1, last: Some(Millis(1)) };
    let attempt = CountedAttempt { subject: "ada", before: Failures::default(), now };
    assert!(desk.store.count_attempt(attempt).await.unwrap());
    assert_eq!(hands.text("SELECT setting FROM seen").await, "9s 15s");
}

#[tokio::test]
async fn connections_that_the_server_ends_are_made_anew() {
    let house = Storehouse::on_postgres("ended");
    let desk = Desk::with_a_key(&house).await;
    let mut hands = house.hands().await;
    for _ in 0..3 {
        let ended = hands
            .number(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE usename = current_user AND pid <> pg_backend_pid()",
            )
            .await;
        assert!(ended > 0);
        desk.store.probe().await.unwrap();
        desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    }
    assert_eq!(verify(&desk.store).await.unwrap().breaks, []);
}

#[tokio::test]
async fn connections_are_there_before_anybody_needs_them() {
    const OURS: &str = "FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()";
    let house = Storehouse::on_postgres("warm");
    let desk = Desk::with_a_key(&house).await;
    let mut hands = house.hands().await;
    for _ in 0..2 {
        desk.store.warm().await;
        assert_eq!(hands.number(&format!("SELECT count(*) {OURS}")).await, 16);
        hands.number(&format!("SELECT count(pg_terminate_backend(pid)) {OURS}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_hang_do_not_use_up_the_store() {
    let server = Postgres::start();
    let house = Storehouse::at(&server.database("hangs"));
    let desk = Desk::with_a_key(&house).await;
    // As many as the store ever has, all in use, none of which will ever answer again.
    let mut holder = house.hands().await;
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE throttles IN ACCESS EXCLUSIVE MODE").await;
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let store = desk.store.clone();
            tokio::spawn(async move { store.standing(["ada"], "ada", "", Millis(0)).await.map(drop) })
        })
        .collect();
    let mut hands = house.hands().await;
    let stopped = waiting(&mut hands, 16).await;
    for pid in &stopped {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    for asked in asking {
        asked.abort(); // as a request does that took too long
    }

    let answers = tokio::time::timeout(Duration::from_mins(1), async { while desk.store.probe().await.is_err() {} });
    answers.await.unwrap();
    desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    for pid in stopped {
        kill_process(pid, Signal::CONT).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_nobody_can_read_hold_up_no_service_token() {
    let house = Storehouse::on_postgres("held_up");
    let desk = Desk::with_a_key(&house).await;
    let (ada, session) = sessions::signed_in(&desk, "ada").await;
    let (ci, token) = service_tokens::added(&desk, "ci").await;
    let (mut holder, mut hands) = (house.hands().await, house.hands().await);
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let store = desk.store.clone();
    let asking = tokio::spawn(async move { store.session_by_token(&session).await });
    waiting(&mut hands, 1).await;
    for _ in 0..20 {
        assert_eq!(desk.store.service_token(&token).await.unwrap().as_ref(), Some(&ci));
    }
    assert!(!asking.is_finished(), "the session is still being waited for");
    holder.run("COMMIT").await;
    assert_eq!(asking.await.unwrap().unwrap(), Some(ada));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_by_a_connection_that_hangs_has_an_answer_by_another() {
    let server = Postgres::start();
    let house = Storehouse::at(&server.database("one_hangs"));
    let desk = Desk::with_a_key(&house).await;
    let (ada, session) = sessions::signed_in(&desk, "ada").await;
    let (mut holder, mut hands) = (house.hands().await, house.hands().await);
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let store = desk.store.clone();
    let asking = tokio::spawn(async move { store.session_by_token(&session).await });
    let stopped = waiting(&mut hands, 1).await;
    for pid in &stopped {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    holder.run("COMMIT").await;
    assert_eq!(asking.await.unwrap().unwrap(), Some(ada));

    // Those that are back in the pool it asks whether they are well, for a moment only.
    let resting = "FROM pg_stat_activity WHERE usename = current_user AND state = 'idle' AND query LIKE 'SELECT subject, failures%'";
    failures(&desk.store, "ada").await;
    while hands.number(&format!("SELECT count(*) {resting}")).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let idle = pids(&mut hands, resting).await;
    for pid in &idle {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    failures(&desk.store, "ada").await;
    for pid in stopped.into_iter().chain(idle) {
        kill_process(pid, Signal::CONT).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_follows_the_others_though_the_connection_hangs_that_it_asks_by() {
    let server = Postgres::start();
    let house = Storehouse::at(&server.database("follows"));
    let desk = Desk::with_a_key(&house).await;
    let inventory = Inventory::open(desk.store.clone()).await.unwrap();
    let following = tokio::spawn(inventory.clone().follow());
    let (mut holder, mut hands) = (house.hands().await, house.hands().await);
    holder.run("BEGIN").await;
    holder.run("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE").await;
    let stopped = waiting(&mut hands, 1).await;
    for pid in &stopped {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    holder.run("COMMIT").await;
    desk.connector("deploy").await;
    soon("the connector is in service", async || inventory.snapshot().connectors().next().is_some().then_some(()))
        .await;
    following.abort();
    for pid in stopped {
        kill_process(pid, Signal::CONT).unwrap();
    }
}

/// Whoever waits for a lock, once as many do.
async fn waiting(hands: &mut Hands, count: i64) -> Vec<Pid> {
    const WAITING: &str = "FROM pg_stat_activity WHERE usename = current_user AND wait_event_type = 'Lock'";
    while hands.number(&format!("SELECT count(*) {WAITING}")).await < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pids(hands, WAITING).await
}

async fn pids(hands: &mut Hands, from: &str) -> Vec<Pid> {
    let pids = hands.text(&format!("SELECT string_agg(pid::text, ',') {from}")).await;
    pids.split(',').map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect()
}
