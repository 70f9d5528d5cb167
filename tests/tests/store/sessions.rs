//! Sessions: found by their token, refreshed by the fastest, touched forwards only, ended at once, swept when over.

use broker_core::clock::Millis;
use broker_core::epoch::Epoch;
use broker_core::id::SessionId;
use broker_core::session::Session;
use broker_core::store::{Store, StoreError};
use broker_core::vault::{Mac, Purpose};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::on_every_engine;
use tests::stores::Storehouse;

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
    };
    let hash = store.seals().mac(Purpose::Token, &[b"session token of", username.as_bytes()]);
    (session, hash)
}

async fn signed_in(desk: &Desk, username: &str) -> (Session, Mac) {
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

    async fn two_sessions_never_share_a_token(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (_, token) = signed_in(&desk, "ada").await;
        let (bob, _) = session(&desk.store, "bob");
        let refused = desk.commit(vec![desk.store.add_session(&bob, &token).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
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
