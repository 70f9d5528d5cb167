//! A record that is written only if its caller still is as read: the very commit sees it.

use broker_core::as_read::AsRead;
use broker_core::epoch::Epoch;
use broker_core::id::SessionId;
use broker_core::session::Session;
use broker_core::store::{Store, TrailFilter};
use broker_core::trail::{Action, verify};
use jiff::{SignedDuration, Timestamp};
use tests::stores::{Hands, Storehouse, entry};
use tests::where_others_reach_in;
use tokio::task::JoinSet;

use crate::Desk;
use crate::service_tokens::added;
use crate::sessions::signed_in;

fn as_read(session: &Session) -> AsRead {
    AsRead::of_session(session.id, session.checked_at, session.epoch, session.checked_at..session.expires_at)
}

impl Desk {
    /// Whether it is written.
    async fn is_recorded(&self, as_read: &AsRead) -> bool {
        let records = async || self.store.newest_links(&TrailFilter::default(), None, 1_000).await.unwrap().len();
        let before = records().await;
        let recorded = self.trail.record_if(as_read.clone(), entry(Action::Vend), "credentials").await.unwrap();
        assert_eq!(records().await, before + usize::from(recorded.is_ok()));
        if let Err(value) = &recorded {
            assert_eq!(*value, "credentials", "what is not recorded comes back");
        }
        recorded.is_ok()
    }
}

/// Counts the statements that insert into the trail from now on, whatever becomes of them: a sequence is not rolled back.
async fn count_tries(hands: &mut Hands) -> i64 {
    hands.run("CREATE SEQUENCE tries").await;
    hands.run("CREATE FUNCTION count_try() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''tries''); RETURN NULL; END'").await;
    hands.run("CREATE TRIGGER count_tries AFTER INSERT ON trail FOR EACH STATEMENT EXECUTE FUNCTION count_try()").await;
    hands.number("SELECT nextval('tries')").await
}

where_others_reach_in! {
    async fn a_session_is_as_read_until_it_ends_or_the_directory_said_something_new(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let ((ada, token), (bob, _)) = (signed_in(&desk, "ada").await, signed_in(&desk, "bob").await);
        assert!(desk.is_recorded(&as_read(&ada)).await);
        let later = Session { checked_at: ada.checked_at + SignedDuration::from_secs(300), ..ada.clone() };
        desk.store.refresh_session(&later, &token, &ada).await.unwrap();
        assert!(!desk.is_recorded(&as_read(&ada)).await, "with other groups, perhaps");
        assert!(desk.is_recorded(&as_read(&later)).await);
        desk.store.touch_session(ada.id, Timestamp::MAX.into()).await.unwrap();
        assert!(desk.is_recorded(&as_read(&later)).await, "to have been seen changes nothing");
        desk.commit(vec![Store::end_session(ada.id)]).await.unwrap();
        assert!(!desk.is_recorded(&as_read(&later)).await);
        assert!(desk.is_recorded(&as_read(&bob)).await);
        assert_eq!(verify(&desk.store).await.unwrap().breaks, []);
    }

    async fn a_service_token_is_as_read_until_it_is_revoked(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (nightly, _) = added(&desk, "nightly").await;
        let as_read = AsRead::of_service_token(nightly.id, nightly.epoch, nightly.expires_at);
        assert!(desk.is_recorded(&as_read).await);
        desk.commit(vec![Store::revoke_service_token(nightly.id)]).await.unwrap();
        assert!(!desk.is_recorded(&as_read).await);
    }

    async fn nobody_is_as_read_in_another_epoch(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, _) = signed_in(&desk, "ada").await;
        let (nightly, _) = added(&desk, "nightly").await;
        let all = [as_read(&ada), AsRead::of_service_token(nightly.id, nightly.epoch, nightly.expires_at)];
        let mut hands = house.hands().await;
        hands.run("UPDATE installation SET epoch = 2").await;
        for as_read in &all {
            assert!(!desk.is_recorded(as_read).await, "{as_read:?}");
        }
        // Nor with rows that somebody took along.
        hands.run("UPDATE sessions SET epoch = 2").await;
        hands.run("UPDATE service_tokens SET epoch = 2").await;
        for as_read in &all {
            assert!(!desk.is_recorded(as_read).await, "{as_read:?}");
        }
    }

    async fn nobody_is_as_read_once_this_process_knows_of_another_epoch(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, _) = signed_in(&desk, "ada").await;
        assert!(desk.is_recorded(&as_read(&ada)).await);
        desk.store.know_epoch(Epoch::FIRST.next(ada.created_at));
        assert!(!desk.is_recorded(&as_read(&ada)).await, "though the store does not say so yet");
    }

    async fn however_many_are_not_as_read_the_trail_is_not_kept_busy(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, _) = signed_in(&desk, "ada").await;
        desk.commit(vec![Store::end_session(ada.id)]).await.unwrap();
        let mut hands = house.hands().await;
        let tries = if house.is_sqlite() { 0 } else { count_tries(&mut hands).await };
        let mut asking = JoinSet::new();
        for number in 0..400 {
            let (trail, as_read) = (desk.trail.clone(), as_read(&ada));
            asking.spawn(async move {
                // Those of somebody else wait among them.
                if number % 100 == 7 {
                    return trail.record(entry(Action::Vend), ()).await.is_ok();
                }
                trail.record_if(as_read, entry(Action::Vend), ()).await.unwrap().is_err()
            });
        }
        assert!(asking.join_all().await.into_iter().all(|as_it_must_be| as_it_must_be));
        if !house.is_sqlite() {
            let tries = hands.number("SELECT nextval('tries')").await - tries;
            assert!(tries < 50, "{tries} statements for 400 records");
        }
        assert_eq!(verify(&desk.store).await.unwrap().breaks, []);
    }

    async fn of_many_at_once_only_those_are_left_out_who_are_not_as_read(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, _) = signed_in(&desk, "ada").await;
        let gone = || AsRead::of_session(SessionId::random(), ada.checked_at, Epoch::FIRST, ada.checked_at..ada.expires_at);
        let mut asking = JoinSet::new();
        for number in 0..300 {
            let as_read = if number % 97 == 5 { gone() } else { as_read(&ada) };
            let trail = desk.trail.clone();
            asking.spawn(async move { trail.record_if(as_read, entry(Action::Vend), number).await.unwrap().err() });
        }
        let mut left_out: Vec<usize> = asking.join_all().await.into_iter().flatten().collect();
        left_out.sort_unstable();
        assert_eq!(left_out, [5, 102, 199, 296]);
        let records = desk.store.newest_links(&TrailFilter::default(), None, 1_000).await.unwrap();
        assert_eq!(records.iter().filter(|link| link.action == "vend").count(), 296);
        let report = verify(&desk.store).await.unwrap();
        assert_eq!(report.breaks, []);
        assert_eq!(report.chains, 1, "a refusal breaks no chain off");
    }
}
