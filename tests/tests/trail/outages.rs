//! While the store cannot be written nothing is handed over; afterwards it goes on, in a chain of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use broker_core::id::SessionId;
use broker_core::store::{Store, StoreError};
use broker_core::trail::{Action, RefusalKind, TrailError, Vec1};
use tests::barrier::Barrier;
use tests::log::logged;
use tests::stores::{Storehouse, entry};
use tests::where_others_reach_in;

use crate::{Desk, entry_of, refusal};

/// Nothing ever comes out of these but by a record.
#[derive(Debug)]
struct Credentials;

where_others_reach_in! {
    async fn what_cannot_be_recorded_is_not_handed_over_and_a_new_chain_goes_on_afterwards(house: Storehouse) {
        let desk = Desk::with_records(&house, 3).await;
        let mut hands = house.hands().await;
        hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
        for number in 3..6 {
            let unwritten = desk.trail.record(entry_of(number), Credentials).await;
            assert!(matches!(unwritten, Err(TrailError::Unwritten(_))), "{unwritten:?}");
        }
        hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
        for number in 6..8 {
            let recorded = desk.trail.record(entry_of(number), Credentials).await.unwrap();
            let Credentials = recorded.into_value();
        }
        let report = desk.verified().await;
        assert_eq!((report.chains, report.records, report.breaks), (2, 5, vec![]));
        let actors: Vec<_> = desk.records().await.into_iter().map(|record| record.actor).collect();
        assert_eq!(actors, [0, 1, 2, 6, 7].map(|number| format!("operator:by-{number}")));
    }

    async fn what_may_wait_is_written_when_the_store_is_back(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let mut hands = house.hands().await;
        hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
        for _ in 0..3 {
            desk.trail.record_later(Vec1::new(entry(Action::SignOut)));
        }
        desk.trail.record(entry_of(0), Credentials).await.unwrap_err();
        hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
        let written = tokio::time::timeout(Duration::from_mins(1), async {
            while desk.verified().await.records < 3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        written.await.expect("it is written in the end");
        let records = desk.records().await;
        assert!(records.len() == 3 && records.iter().all(|record| record.action == Action::SignOut), "each once");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn what_still_waits_is_tried_once_more_when_the_trail_is_closed(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let mut hands = house.hands().await;
        hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
        desk.trail.record_later(Vec1::new(entry(Action::SignOut)));
        // By then it waits for seconds before it tries again.
        tokio::time::sleep(Duration::from_secs(2)).await;
        hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
        desk.trail.close().await;
        let actions: Vec<_> = desk.records().await.iter().map(|record| record.action).collect();
        assert_eq!(actions, [Action::SignOut]);
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn somebody_who_takes_our_place_in_the_chain_stops_one_commit_and_no_more(house: Storehouse) {
        let desk = Desk::with_records(&house, 1).await;
        house.hands().await.run(
            "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
             SELECT '0190a5c8-7f4e-7b3a-9d2c-000000000000', chain, 1, at, actor, action, outcome, connector, record, hash FROM trail",
        ).await;
        let unwritten = desk.trail.record(entry_of(1), Credentials).await;
        assert!(matches!(unwritten, Err(TrailError::Unwritten(_))), "{unwritten:?}");
        desk.trail.record(entry_of(2), Credentials).await.unwrap();
        assert_eq!(desk.verified().await.breaks.len(), 1);
    }

    async fn a_close_comes_to_its_end_though_nothing_can_be_written(house: Storehouse) {
        let desk = Desk::open(&house).await;
        house.hands().await.run("ALTER TABLE trail RENAME TO elsewhere").await;
        desk.trail.record_later(Vec1::new(entry(Action::SignOut)));
        for _ in 0..100 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        tokio::time::timeout(Duration::from_mins(1), desk.trail.close()).await.unwrap();
        assert!(matches!(desk.trail.record(entry_of(0), Credentials).await, Err(TrailError::Closed)));
    }
}

/// A lock that nobody gives back, as a hanging server: the connection is there and the answer is not.
#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_so_long_and_no_longer() {
    let house = Storehouse::on_postgres("hanging");
    let desk = Desk::with_records(&house, 1).await;
    let mut hands = house.hands().await;
    hands.run("BEGIN").await;
    hands.run("LOCK TABLE trail IN ACCESS EXCLUSIVE MODE").await;
    let late = tokio::time::timeout(Duration::from_mins(1), desk.trail.record(entry_of(1), Credentials)).await.unwrap();
    assert!(matches!(late, Err(TrailError::Unwritten(_))), "{late:?}");
    hands.run("ROLLBACK").await;
    desk.trail.record(entry_of(2), Credentials).await.unwrap();
    let report = desk.verified().await;
    assert_eq!((report.chains, report.records, report.breaks), (2, 2, vec![]));
}

/// The trail does not take the record; the second commit, which only takes away, waits for a lock when the server falls silent.
#[tokio::test]
async fn what_only_takes_away_is_given_up_as_well_when_a_server_falls_silent_in_the_middle() {
    let behind = Storehouse::on_postgres("silent-ending");
    let mut url = behind.url().clone();
    let barrier = Barrier::before(url.port().unwrap()).await;
    url.set_port(Some(barrier.port())).unwrap();
    let house = Storehouse::at(url.as_str());
    let desk = Desk::with_records(&house, 1).await;
    let (mut hands, mut watch) = (behind.hands().await, behind.hands().await);
    hands.run("BEGIN").await;
    hands.run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let trail = desk.trail.clone();
    let taking = tokio::spawn(async move {
        trail.take_away(vec![Store::end_session(SessionId::random())], Vec1::new(entry(Action::SignOut))).await
    });
    let mut waiters = BTreeSet::new();
    while waiters.len() < 2 {
        let begun = "SELECT COALESCE(MAX(EXTRACT(EPOCH FROM xact_start) * 1000), 0)::bigint FROM pg_stat_activity
                     WHERE wait_event_type = 'Lock' AND datname = current_database()";
        waiters.extend(Some(watch.number(begun).await).filter(|begun| *begun > 0));
        assert!(!taking.is_finished(), "it was over before the second commit waited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    barrier.fall_silent_after(0);
    let taken = tokio::time::timeout(Duration::from_mins(1), taking).await.expect("it is given up").unwrap();
    assert!(matches!(taken, Err(StoreError::Away(_) | StoreError::Database(_))), "{taken:?}");
}

/// On one thread, as the log is heard on one.
#[tokio::test]
async fn what_the_trail_never_takes_is_told_to_the_log_whole() {
    let house = Storehouse::on_sqlite("told whole");
    let desk = Desk::open(&house).await;
    house.hands().await.run("ALTER TABLE trail RENAME TO elsewhere").await;
    let changes = serde_json::json!({ "access_key": "main" });
    let removed = entry_of(7).changes(changes);
    let request = removed.origin.request_id.to_string();
    let (log, ()) = logged(async {
        desk.trail.record_later(Vec1::new(removed));
        desk.trail.close().await;
    })
    .await;
    let lost = log.lines().find(|line| line.contains("note it down by hand")).unwrap_or_else(|| panic!("{log}"));
    for told in ["alarm", "operator:by-7", "vend", r#"{"access_key":"main"}"#, &request] {
        assert!(lost.replace('\\', "").contains(told), "{told}: {lost}");
    }
}

/// The last try has no answer, and the end does not wait for it.
#[tokio::test]
async fn what_a_silent_server_may_not_have_taken_is_told_to_the_log_too() {
    let behind = Storehouse::on_postgres("silent-end");
    let mut url = behind.url().clone();
    let barrier = Barrier::before(url.port().unwrap()).await;
    url.set_port(Some(barrier.port())).unwrap();
    let house = Storehouse::at(url.as_str());
    let desk = Desk::with_records(&house, 1).await;
    barrier.fall_silent_after(0);
    let (log, ended) = logged(async {
        desk.trail.record_later(Vec1::new(entry(Action::SignOut)));
        tokio::time::timeout(Duration::from_mins(1), desk.trail.close()).await
    })
    .await;
    ended.expect("it comes to its end");
    let lost = log.lines().find(|line| line.contains("note it down by hand")).unwrap_or_else(|| panic!("{log}"));
    assert!(lost.contains("sign_out"), "{lost}");
}
