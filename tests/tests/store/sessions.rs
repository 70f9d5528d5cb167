//! Sessions: found by their token, refreshed by the fastest, touched forwards only, ended at once, swept when over.

use broker_core::clock::Millis;
use broker_core::epoch::Epoch;
use broker_core::id::SessionId;
use broker_core::session::Session;
use broker_core::store::{Newcomer, Store, StoreError};
use broker_core::vault::{Mac, Purpose};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::stores::Storehouse;
use tests::{on_every_engine, where_others_reach_in};

use crate::Desk;

/// A session for somebody, and the hash of its token.
pub(crate) fn session(store: &Store, username: &str) -> (Session, Mac) {
    let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let person = json!({
        "subject": { "directory": "corp", "id": format!("id-of-{username}") },
        "username": username,
        "email": format!("{username}@corp.example"),
        "groups": ["corp/release", "corp/staff"],
    });
    let session = Session {
        id: SessionId::random(),
        person: serde_json::from_value(person).unwrap(),
        created_at: now,
        expires_at: now + SignedDuration::from_hours(8),
        checked_at: now,
        last_seen_at: now,
        epoch: Epoch::FIRST,
        second_factor: None,
        password_mark: Some([7; 32]),
    };
    let hash = store.seals().mac(Purpose::Token, &[b"session token of", username.as_bytes()]);
    (session, hash)
}

pub(crate) async fn signed_in(desk: &Desk, username: &str) -> (Session, Mac) {
    let (session, hash) = session(&desk.store, username);
    desk.commit(vec![desk.store.add_session(&session, &hash).unwrap()]).await.unwrap();
    (session, hash)
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

on_every_engine! {
    async fn a_session_is_found_by_its_token_and_by_its_id_and_by_nothing_else(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, token) = signed_in(&desk, "ada").await;
        let (bob, _) = signed_in(&desk, "bob").await;
        assert_eq!(desk.store.session_by_token(&token).await.unwrap(), Some(ada.clone()));
        assert_eq!(desk.store.session(ada.id).await.unwrap(), Some(ada));
        assert_eq!(desk.store.session(bob.id).await.unwrap(), Some(bob));
        assert_eq!(desk.store.session_by_token(&[7; 32]).await.unwrap(), None);
        assert_eq!(desk.store.session(SessionId::random()).await.unwrap(), None);
    }

    async fn whoever_asks_after_an_end_sees_it_however_many_asked_before(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for number in 0..20 {
            let (session, token) = signed_in(&desk, &format!("person-{number}")).await;
            let (ended, stop) = tokio::sync::watch::channel(false);
            let crowd = (0..8).map(|_| {
                let (store, stop) = (desk.store.clone(), stop.clone());
                tokio::spawn(async move {
                    while !*stop.borrow() {
                        store.session_by_token(&token).await.unwrap();
                    }
                })
            });
            let crowd: Vec<_> = crowd.collect();
            assert!(desk.store.session_by_token(&token).await.unwrap().is_some());
            desk.commit(vec![Store::end_session(session.id)]).await.unwrap();
            let (by_token, by_id) = tokio::join!(desk.store.session_by_token(&token), desk.store.session(session.id));
            assert_eq!((by_token.unwrap(), by_id.unwrap()), (None, None));
            ended.send(true).unwrap();
            for asker in crowd {
                asker.await.unwrap();
            }
        }
    }

    async fn two_sessions_never_share_a_token(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (_, token) = signed_in(&desk, "ada").await;
        let (bob, _) = session(&desk.store, "bob");
        let refused = desk.commit(vec![desk.store.add_session(&bob, &token).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
    }

    async fn beyond_the_newest_are_the_older_ones_of_that_person_that_are_not_over(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let began: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let mut of_ada = Vec::new();
        for number in 0..6_i64 {
            let (mut ada, _) = session(&desk.store, "ada");
            // One is over, and one was not used for long.
            match number {
                0 => ada.expires_at = began,
                1 => ada.last_seen_at = later(began, -100),
                _ => {}
            }
            let token = desk.store.seals().mac(Purpose::Token, &[b"of ada", &number.to_be_bytes()]);
            desk.commit(vec![desk.store.add_session(&ada, &token).unwrap()]).await.unwrap();
            of_ada.push(ada.id);
        }
        signed_in(&desk, "bob").await;
        let (ada, _) = session(&desk.store, "ada");
        let beyond = async |keep: u32, epoch: Epoch| {
            let (now, idle) = (Millis::from(began), Millis::from(later(began, -100)));
            desk.store.sessions_beyond(keep, &ada.person.subject, epoch, now, idle).await.unwrap()
        };
        assert_eq!(beyond(2, Epoch::FIRST).await, [of_ada[3], of_ada[2]]);
        assert_eq!(beyond(4, Epoch::FIRST).await, []);
        assert_eq!(beyond(0, Epoch::FIRST.next(began)).await, [], "of another epoch");
        desk.commit(vec![Store::make_room(of_ada[2])]).await.unwrap();
        desk.commit(vec![Store::make_room(of_ada[2])]).await.unwrap();
        assert_eq!(beyond(2, Epoch::FIRST).await, [of_ada[3]]);
    }

    async fn of_two_who_refresh_a_session_the_first_is_right(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (seen, token) = signed_in(&desk, "ada").await;
        let mut first = seen.clone();
        first.person.groups.clear();
        first.checked_at = later(seen.checked_at, 60);
        let mut second = seen.clone();
        second.checked_at = later(seen.checked_at, 61);
        desk.store.refresh_session(&first, &token, &seen).await.unwrap();
        desk.store.refresh_session(&second, &token, &seen).await.unwrap();
        assert_eq!(desk.store.session(seen.id).await.unwrap(), Some(first.clone()));
        second.checked_at = later(seen.checked_at, 120);
        desk.store.refresh_session(&second, &token, &first).await.unwrap();
        assert_eq!(desk.store.session_by_token(&token).await.unwrap(), Some(second));
    }

    async fn a_session_that_was_ended_is_not_brought_back_by_a_refresh(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (seen, token) = signed_in(&desk, "ada").await;
        desk.commit(vec![Store::end_session(seen.id)]).await.unwrap();
        let refreshed = Session { checked_at: later(seen.checked_at, 60), ..seen.clone() };
        desk.store.refresh_session(&refreshed, &token, &seen).await.unwrap();
        desk.store.touch_session(seen.id, Millis::from(later(seen.last_seen_at, 60))).await.unwrap();
        assert_eq!(desk.store.session_by_token(&token).await.unwrap(), None);
        let again = desk.commit(vec![Store::end_session(seen.id)]).await;
        assert!(matches!(again, Err(StoreError::Stale)), "there was none any more");
    }

    async fn a_session_is_touched_forwards_only(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, _) = signed_in(&desk, "ada").await;
        let touched = async |seconds| {
            desk.store.touch_session(ada.id, Millis::from(later(ada.last_seen_at, seconds))).await.unwrap();
            desk.store.session(ada.id).await.unwrap().unwrap().last_seen_at
        };
        assert_eq!(touched(60).await, later(ada.last_seen_at, 60));
        assert_eq!(touched(30).await, later(ada.last_seen_at, 60));
        assert_eq!(touched(61).await, later(ada.last_seen_at, 61));
    }

    async fn sessions_that_are_over_or_idle_are_swept_and_no_others(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (mut over, over_token) = session(&desk.store, "over");
        over.expires_at = later(over.created_at, 10);
        over.last_seen_at = later(over.created_at, 1_000);
        desk.commit(vec![desk.store.add_session(&over, &over_token).unwrap()]).await.unwrap();
        let (idle, _) = signed_in(&desk, "idle").await;
        let (alive, _) = signed_in(&desk, "alive").await;
        desk.store.touch_session(alive.id, Millis::from(later(alive.last_seen_at, 100))).await.unwrap();

        let ends = |seconds| Millis::from(later(over.created_at, seconds));
        assert_eq!(desk.store.sweep_sessions(ends(10), ends(0)).await.unwrap(), 0, "not before its time");
        assert_eq!(desk.store.sweep_sessions(ends(11), ends(0)).await.unwrap(), 1);
        assert_eq!(desk.store.session(over.id).await.unwrap(), None);
        assert_eq!(desk.store.sweep_sessions(ends(11), ends(100)).await.unwrap(), 1);
        assert_eq!(desk.store.session(idle.id).await.unwrap(), None);
        assert!(desk.store.session(alive.id).await.unwrap().is_some());
    }
}

mod with_hands {
    use super::*;

    where_others_reach_in! {
        async fn of_a_newcomer_one_read_tells_the_epoch_what_is_enrolled_and_which_sessions_are_beyond(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let mut of_ada = Vec::new();
            for number in 0..4_i64 {
                let (mut ada, _) = session(&desk.store, "ada");
                if number == 0 {
                    ada.epoch = Epoch::FIRST.next(ada.created_at);
                }
                let token = desk.store.seals().mac(Purpose::Token, &[b"of ada", &number.to_be_bytes()]);
                desk.commit(vec![desk.store.add_session(&ada, &token).unwrap()]).await.unwrap();
                of_ada.push(ada);
            }
            signed_in(&desk, "bob").await;
            let (subject, began, ends) = (&of_ada[1].person.subject, of_ada[1].last_seen_at, of_ada[1].expires_at);
            let newcomer = async |keep: u32, now: Timestamp, idle: Timestamp| {
                desk.store.newcomer(subject, keep, now.into(), idle.into()).await.unwrap()
            };
            let long_ago = later(began, -100);
            let beyond = [of_ada[2].id, of_ada[1].id].to_vec();
            let expected = Newcomer { epoch: Epoch::FIRST, is_enrolled: false, beyond };
            assert_eq!(newcomer(1, began, long_ago).await, expected, "not the one of another epoch");
            assert_eq!(newcomer(3, began, long_ago).await.beyond, []);
            assert_eq!(newcomer(0, ends, long_ago).await.beyond, [], "all are over");
            assert_eq!(newcomer(0, began, began).await.beyond, [], "nobody used them for long");

            // Also by a row that is not ours: it opens nothing, and it protects.
            let enrol = |directory: &str| {
                format!(
                    "INSERT INTO second_factors (id, subject, kind, label, sealed, created_at, last_step, mac)
                     VALUES ('{directory}', '{}', 'totp', 'phone', '', 0, 0, {})",
                    subject.to_string().replacen("corp", directory, 1),
                    if house.is_sqlite() { "x'00'" } else { "'\\x00'" }
                )
            };
            let mut hands = house.hands().await;
            hands.run(&enrol("else")).await;
            assert!(!newcomer(0, began, long_ago).await.is_enrolled, "somebody else's");
            hands.run(&enrol("corp")).await;
            assert!(newcomer(0, began, long_ago).await.is_enrolled);
        }

        async fn a_password_mark_is_proved_with_its_row_and_so_is_that_there_is_none(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let (ada, token) = signed_in(&desk, "ada").await;
            let (bob, of_bob) = session(&desk.store, "bob");
            let bob = Session { password_mark: None, ..bob };
            desk.commit(vec![desk.store.add_session(&bob, &of_bob).unwrap()]).await.unwrap();
            let refreshed = Session { checked_at: later(ada.checked_at, 60), ..ada.clone() };
            desk.store.refresh_session(&refreshed, &token, &ada).await.unwrap();
            assert_eq!(desk.store.session(ada.id).await.unwrap(), Some(refreshed));
            assert_eq!(desk.store.session(bob.id).await.unwrap(), Some(bob.clone()), "it began before there were marks");

            let mut hands = house.hands().await;
            let theirs = format!("SELECT password_mark FROM sessions WHERE id = '{}'", ada.id);
            hands.run(&format!("UPDATE sessions SET password_mark = ({theirs}) WHERE id = '{}'", bob.id)).await;
            hands.run(&format!("UPDATE sessions SET password_mark = NULL WHERE id = '{}'", ada.id)).await;
            assert_eq!(desk.store.session(ada.id).await.unwrap(), None, "it was taken away");
            assert_eq!(desk.store.session(bob.id).await.unwrap(), None, "it was given");
        }

        async fn of_a_crowd_that_asks_at_once_each_gets_their_own_answer(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let mut people = Vec::new();
            for number in 0..40 {
                people.push(signed_in(&desk, &format!("person-{number}")).await);
            }
            let is_over = |number: usize| number % 4 == 1;
            for (session, _) in people.iter().skip(1).step_by(4) {
                desk.commit(vec![Store::end_session(session.id)]).await.unwrap();
            }
            let mut hands = house.hands().await;
            let is_forged = |number: usize| number % 4 == 2;
            for (session, _) in people.iter().skip(2).step_by(4) {
                hands.run(&format!("UPDATE sessions SET expires_at = expires_at + 1 WHERE id = '{}'", session.id)).await;
            }
            // SQLite takes any type in any column. A row that cannot be read is nobody's trouble but its owner's.
            let is_unreadable = |number: usize| house.is_sqlite() && number == 3;
            if house.is_sqlite() {
                hands.run(&format!("UPDATE sessions SET expires_at = 'never' WHERE id = '{}'", people[3].0.id)).await;
            }
            let asked = (0..500).map(|turn: usize| {
                let (store, number) = (desk.store.clone(), turn % 50);
                let (id, token) = people.get(number).map_or((SessionId::random(), [7; 32]), |(person, token)| (person.id, *token));
                tokio::spawn(async move { (number, store.session_by_token(&token).await, store.session(id).await) })
            });
            for answered in asked.collect::<Vec<_>>() {
                let (number, by_token, by_id) = answered.await.unwrap();
                if is_unreadable(number) {
                    assert!(matches!((by_token, by_id), (Err(StoreError::Database(_)), Err(StoreError::Database(_)))));
                    continue;
                }
                let there = people.get(number).filter(|_| !is_over(number) && !is_forged(number));
                let expected = there.map(|(session, _)| session.clone());
                assert_eq!((by_token.unwrap(), by_id.unwrap()), (expected.clone(), expected), "{number}");
            }
        }
    }
}
