//! Epochs: what was let in before a backup was restored does not count after it, and nobody with the database alone sets one.

use broker_core::administration::Administration;
use broker_core::clock::{Clock, Millis};
use broker_core::epoch::Epoch;
use broker_core::permission::Permission;
use broker_core::store::StoreError;
use broker_core::trail::{Anchoring, Losses};
use broker_core::vault::Purpose;
use tests::stores::{Hands, Storehouse};
use tests::where_others_reach_in;

use crate::throttles::is_familiar;
use crate::{Desk, logged, service_tokens, sessions};

pub(crate) fn administration(desk: &Desk, house: &Storehouse) -> Administration {
    let clock = house.clock.clone();
    Administration::new(desk.store.clone(), desk.opened.vault.clone(), desk.trail.clone(), clock)
}

pub(crate) fn by<P: Permission>() -> P {
    P::on_the_host("root")
}

async fn begin(desk: &Desk, house: &Storehouse) -> Epoch {
    administration(desk, house).restored(&Losses::default(), &by()).await.unwrap().begun.unwrap().epoch
}

/// Bytes as a word of SQL.
fn bytes(house: &Storehouse, bytes: &[u8]) -> String {
    let hex = hex::encode(bytes);
    if house.is_sqlite() { format!("X'{hex}'") } else { format!("decode('{hex}', 'hex')") }
}

/// A session as the release with the first migration alone writes it.
async fn session_of_the_release_before(desk: &Desk, house: &Storehouse, hands: &mut Hands, username: &str) -> [u8; 32] {
    let (session, token) = sessions::session(&desk.store, username);
    let (id, person) = (session.id.to_string(), serde_json::to_string(&session.person).unwrap());
    let times = [session.created_at, session.expires_at, session.checked_at].map(|time| Millis::from(time).0);
    let [created, expires, checked] = times.map(i64::to_be_bytes);
    let parts: [&[u8]; 7] = [b"sessions", id.as_bytes(), &token, person.as_bytes(), &created, &expires, &checked];
    let mac = bytes(house, &desk.store.seals().mac(Purpose::Row, &parts));
    let hash = bytes(house, &token);
    let [created, expires, checked] = times;
    hands
        .run(&format!(
            "INSERT INTO sessions (id, token, person, created_at, expires_at, checked_at, last_seen_at, mac)
             VALUES ('{id}', {hash}, '{person}', {created}, {expires}, {checked}, {checked}, {mac})"
        ))
        .await;
    token
}

/// A service token, likewise.
async fn token_of_the_release_before(desk: &Desk, house: &Storehouse, hands: &mut Hands, name: &str) -> [u8; 32] {
    let (token, hash) = service_tokens::token(&desk.store, name);
    let (id, terms) = (token.id.to_string(), serde_json::to_string(&token.terms).unwrap());
    let times = [token.created_at, token.expires_at].map(|time| Millis::from(time).0);
    let [created, expires] = times.map(i64::to_be_bytes);
    let parts: [&[u8]; 7] =
        [b"service_tokens", id.as_bytes(), name.as_bytes(), &hash, terms.as_bytes(), &created, &expires];
    let mac = bytes(house, &desk.store.seals().mac(Purpose::Row, &parts));
    let (stored, [created, expires]) = (bytes(house, &hash), times);
    hands
        .run(&format!(
            "INSERT INTO service_tokens (id, name, token, terms, created_at, expires_at, mac)
             VALUES ('{id}', '{name}', {stored}, '{terms}', {created}, {expires}, {mac})"
        ))
        .await;
    hash
}

where_others_reach_in! {
    async fn a_new_epoch_ends_sessions_and_familiar_networks_and_lets_tokens_wait(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, ada_token) = sessions::session(&desk.store, "ada");
        let (ci, ci_hash) = service_tokens::token(&desk.store, "ci");
        let (nightly, nightly_hash) = service_tokens::token(&desk.store, "nightly");
        let changes = vec![
            desk.store.add_session(&ada, &ada_token).unwrap(),
            desk.store.add_service_token(&ci, &ci_hash).unwrap(),
            desk.store.add_service_token(&nightly, &nightly_hash).unwrap(),
        ];
        desk.commit(changes).await.unwrap();
        let now = Millis::from(house.clock.now());
        desk.store.note_familiar("account", "192.0.2.1", now).await.unwrap();
        assert_eq!(desk.store.epoch().await.unwrap(), Epoch::FIRST);

        let administration = administration(&desk, &house);
        let begun = administration.restored(&Losses::default(), &by()).await.unwrap().begun.unwrap();
        assert_eq!((begun.epoch.began_at(), begun.tokens_waiting), (Some(house.clock.now()), 2));
        assert_eq!(desk.store.epoch().await.unwrap(), begun.epoch);
        assert_eq!(desk.store.session(ada.id).await.unwrap(), None);
        assert_eq!(desk.store.session_by_token(&ada_token).await.unwrap(), None);
        assert!(!is_familiar(&desk.store, "account", "192.0.2.1", now).await);
        assert!(desk.store.service_token(&ci_hash).await.unwrap().unwrap().awaits_confirmation);

        let confirmed = administration.confirm_service_tokens(&[ci.id], &by()).await.unwrap();
        assert_eq!(confirmed.iter().map(|token| token.id).collect::<Vec<_>>(), [ci.id]);
        let ci = desk.store.service_token(&ci_hash).await.unwrap().unwrap();
        assert_eq!((ci.awaits_confirmation, ci.epoch), (false, begun.epoch));
        assert!(desk.store.service_token_by_id(nightly.id).await.unwrap().unwrap().awaits_confirmation);
        assert_eq!(administration.confirm_service_tokens(&[ci.id], &by()).await.unwrap(), [], "it does not wait");

        // What begins now is of this epoch, and of no other.
        let (mut bob, bob_token) = sessions::session(&desk.store, "bob");
        bob.epoch = begun.epoch;
        desk.commit(vec![desk.store.add_session(&bob, &bob_token).unwrap()]).await.unwrap();
        assert_eq!(desk.store.session_by_token(&bob_token).await.unwrap(), Some(bob.clone()));
        begin(&desk, &house).await;
        assert_eq!(desk.store.session_by_token(&bob_token).await.unwrap(), None);
        assert!(desk.store.service_token(&ci_hash).await.unwrap().unwrap().awaits_confirmation, "once more");
    }

    async fn an_epoch_comes_after_the_one_that_an_anchor_tells_of(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let known = Epoch::FIRST.next(house.clock.now()).next(house.clock.now());
        let losses = Losses { epoch: Some(known), ..Losses::default() };
        let begun = administration(&desk, &house).answer_losses(&losses, &by()).await.unwrap().unwrap();
        assert!(begun.epoch > known);
        assert_eq!(administration(&desk, &house).answer_losses(&losses, &by()).await.unwrap(), None, "answered");
    }

    async fn what_the_release_before_wrote_counts_in_the_first_epoch_and_not_in_the_next(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let mut hands = house.hands().await;
        for back in [
            "DROP TABLE authorizations", "DROP TABLE device_codes", "DROP TABLE dpop_proofs",
            "DROP TABLE second_factors", "DROP TABLE recovery_codes", "DROP TABLE passkey_questions",
            "ALTER TABLE sessions DROP COLUMN second_factor",
            "ALTER TABLE sessions DROP COLUMN password_mark",
            "DROP TABLE local_users", "DROP TABLE local_groups", "ALTER TABLE installation DROP COLUMN people_revision",
            "ALTER TABLE installation DROP COLUMN epoch", "ALTER TABLE installation DROP COLUMN epoch_mac",
            "ALTER TABLE sessions DROP COLUMN epoch", "ALTER TABLE service_tokens DROP COLUMN epoch",
            "DROP TABLE trail_marks", "DROP INDEX trail_by_actor", "DROP INDEX trail_by_connector", "DROP INDEX trail_by_action",
            "DROP INDEX trail_of_trouble", "DROP INDEX sessions_by_subject", "ALTER TABLE sessions DROP COLUMN subject",
            "DELETE FROM _sqlx_migrations WHERE version > 1",
        ] {
            hands.run(back).await;
        }
        let before = session_of_the_release_before(&desk, &house, &mut hands, "ada").await;
        let token = token_of_the_release_before(&desk, &house, &mut hands, "ci").await;
        desk.close().await;

        let desk = Desk::open(&house).await;
        assert_eq!(desk.store.session_by_token(&before).await.unwrap().unwrap().person.username, "ada");
        assert!(!desk.store.service_token(&token).await.unwrap().unwrap().awaits_confirmation);
        // A node of that release still serves beside this one.
        let beside = session_of_the_release_before(&desk, &house, &mut hands, "bob").await;
        assert_eq!(desk.store.session_by_token(&beside).await.unwrap().unwrap().person.username, "bob");

        begin(&desk, &house).await;
        assert_eq!(hands.number("SELECT count(*) FROM sessions").await, 0, "that node forgets them as well");
        let late = session_of_the_release_before(&desk, &house, &mut hands, "eve").await;
        assert_eq!(desk.store.session_by_token(&late).await.unwrap(), None);
        assert!(desk.store.service_token(&token).await.unwrap().unwrap().awaits_confirmation);
    }

    async fn an_epoch_that_is_over_does_not_come_back(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ci, ci_hash) = service_tokens::token(&desk.store, "ci");
        desk.commit(vec![desk.store.add_service_token(&ci, &ci_hash).unwrap()]).await.unwrap();
        let mut hands = house.hands().await;
        let second = begin(&desk, &house).await;
        hands.run("CREATE TABLE kept AS SELECT epoch, epoch_mac FROM installation").await;
        let third = begin(&desk, &house).await;
        assert!(desk.store.service_token(&ci_hash).await.unwrap().unwrap().awaits_confirmation);

        let of_second = "epoch = (SELECT epoch FROM kept), epoch_mac = (SELECT epoch_mac FROM kept)";
        for over in [of_second, "epoch = 1, epoch_mac = NULL"] {
            hands.run(&format!("UPDATE installation SET {over}")).await;
            let (log, found) = logged(async |store| store.service_token(&ci_hash).await, &desk.store).await;
            assert!(matches!(found, Err(StoreError::Forged { table: "installation", .. })), "{over}: {found:?}");
            assert!(log.contains("forged_row") && log.contains("the store says an epoch that is over"), "{log}");
        }
        assert_eq!(hands.number("SELECT epoch FROM kept").await, second.number());

        // Who comes after knows by the trail, without a file; and a false record there changes nothing.
        hands
            .run(
                "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, record, hash)
                 SELECT 'f' || substr(id, 2), chain, sequence + 1000, at, actor, action, outcome,
                 replace(record, '\"to\":', '\"to\":9'), hash FROM trail WHERE action = 'epoch_begun'",
            )
            .await;
        let next = Desk::open(&house).await;
        let anchoring = Anchoring::new(next.store.clone(), next.trail.clone(), house.clock.clone(), "node-1", None);
        let losses = anchoring.losses().await.unwrap();
        assert_eq!((losses.epoch, losses.heads.len()), (Some(third), 0));
        assert!(matches!(next.store.service_token(&ci_hash).await, Err(StoreError::Forged { .. })));
        let begun = administration(&next, &house).answer_losses(&losses, &by()).await.unwrap().unwrap();
        assert!(begun.epoch > third);
        for store in [&desk.store, &next.store] {
            assert!(store.service_token(&ci_hash).await.unwrap().unwrap().awaits_confirmation);
        }
    }

    async fn nobody_with_the_database_alone_sets_an_epoch(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ada, ada_token) = sessions::session(&desk.store, "ada");
        let (ci, ci_hash) = service_tokens::token(&desk.store, "ci");
        let epoch = begin(&desk, &house).await;
        let changes = vec![
            desk.store.add_session(&ada, &ada_token).unwrap(),
            desk.store.add_service_token(&ci, &ci_hash).unwrap(),
        ];
        desk.commit(changes).await.unwrap();
        assert_eq!(desk.store.session(ada.id).await.unwrap(), None, "of an earlier one");

        // Moved into the present epoch, the rows prove nothing any more.
        let mut hands = house.hands().await;
        for table in ["sessions", "service_tokens"] {
            hands.run(&format!("UPDATE {table} SET epoch = {}", epoch.number())).await;
        }
        let (log, found) = logged(async |store| store.session(ada.id).await.unwrap(), &desk.store).await;
        assert!(found.is_none() && log.contains("forged_row"), "{log}");
        assert_eq!(desk.store.service_token(&ci_hash).await.unwrap(), None);

        // Nor does the epoch itself, with the hash of another or with none.
        for table in ["sessions", "service_tokens"] {
            hands.run(&format!("UPDATE {table} SET epoch = 1")).await;
        }
        for forged in ["epoch = 1", "epoch = 5, epoch_mac = NULL", "epoch = epoch + 1"] {
            hands.run(&format!("UPDATE installation SET {forged}")).await;
            for refused in [
                desk.store.session(ada.id).await.map(drop),
                desk.store.service_token(&ci_hash).await.map(drop),
                desk.store.service_tokens().await.map(drop),
                desk.store.epoch().await.map(drop),
                desk.store.newcomer(&ada.person.subject, 1, Millis(0), Millis(0)).await.map(drop),
            ] {
                assert!(matches!(refused, Err(StoreError::Forged { table: "installation", .. })), "{forged}: {refused:?}");
            }
        }
        // A new one mends it.
        let mended = begin(&desk, &house).await;
        assert_eq!(desk.store.epoch().await.unwrap(), mended);
        assert!(desk.store.service_token(&ci_hash).await.unwrap().unwrap().awaits_confirmation);
    }
}
