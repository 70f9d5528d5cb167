//! Connectors and access keys: added, replaced and removed, all or nothing, each change announced.

use broker_core::access_key::KeyHealth;
use broker_core::connector::ManagedBy;
use broker_core::store::{Store, StoreError};
use broker_core::trail::{Action, Vec1};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tests::on_every_engine;
use tests::stores::{Storehouse, access_key, connector, entry};

use crate::Desk;

on_every_engine! {
    async fn what_went_in_comes_out_in_the_order_of_names(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (main, backup) = (access_key(&desk.opened, "main"), access_key(&desk.opened, "backup"));
        let (deploy, audit) = (connector("deploy", "main"), connector("audit", "backup"));
        let added = vec![
            desk.store.add_access_key(&main).unwrap(),
            desk.store.add_access_key(&backup).unwrap(),
            desk.store.add_connector(&deploy).unwrap(),
            desk.store.add_connector(&audit).unwrap(),
        ];
        desk.commit(added).await.unwrap();

        assert_eq!(desk.store.connectors().await.unwrap(), [audit, deploy]);
        let keys = desk.store.access_keys().await.unwrap();
        assert_eq!(format!("{keys:?}"), format!("{:?}", [&backup, &main]));
        assert_eq!(keys[1].open(&desk.opened.vault).unwrap().expose_secret(), "secret of main");
    }

    async fn the_second_of_two_editors_of_a_connector_is_told(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let seen = desk.connector("deploy").await;
        let mut first = connector("first", "main");
        (first.id, first.revision) = (seen.id, 2);
        let mut second = connector("second", "main");
        (second.id, second.revision) = (seen.id, 2);
        desk.commit(vec![desk.store.replace_connector(&first, seen.revision).unwrap()]).await.unwrap();
        let refused = desk.commit(vec![desk.store.replace_connector(&second, seen.revision).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
        let refused = desk.commit(vec![Store::remove_connector(seen.id, seen.revision)]).await;
        assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
        assert_eq!(desk.store.connectors().await.unwrap(), [first]);
    }

    async fn the_second_of_two_editors_of_a_key_is_told(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let mut key = desk.store.access_keys().await.unwrap().remove(0);
        key.generation = 2;
        key.managed_by = ManagedBy::File;
        desk.commit(vec![desk.store.replace_access_key(&key, 1).unwrap()]).await.unwrap();
        key.managed_by = ManagedBy::Api;
        let refused = desk.commit(vec![desk.store.replace_access_key(&key, 1).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
        let keys = desk.store.access_keys().await.unwrap();
        assert_eq!((keys[0].generation, keys[0].managed_by), (2, ManagedBy::File));
    }

    async fn two_editors_at_once_are_not_both_right(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let seen = desk.connector("deploy").await;
        let editors = (0..8).map(|editor| {
            let mut edited = connector(&format!("editor-{editor}"), "main");
            (edited.id, edited.revision) = (seen.id, 2);
            let (trail, store) = (house.trail(&desk.opened), desk.store.clone());
            tokio::spawn(async move {
                let change = store.replace_connector(&edited, 1).unwrap();
                trail.commit(vec![change], Vec1::new(entry(Action::ConnectorChanged))).await
            })
        });
        let mut right = 0;
        for editor in editors.collect::<Vec<_>>() {
            right += u32::from(editor.await.unwrap().is_ok());
        }
        assert_eq!(right, 1);
    }

    async fn a_name_is_given_once(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        desk.connector("deploy").await;
        let again = connector("deploy", "main");
        let refused = desk.commit(vec![desk.store.add_connector(&again).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
        let other = desk.connector("other").await;
        let mut renamed = again;
        (renamed.id, renamed.revision) = (other.id, 2);
        let refused = desk.commit(vec![desk.store.replace_connector(&renamed, 1).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
        let again = access_key(&desk.opened, "main");
        let refused = desk.commit(vec![desk.store.add_access_key(&again).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
        assert_eq!(desk.connectors().await, ["deploy", "other"]);
    }

    async fn a_key_that_a_connector_uses_stays(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let key = desk.store.access_keys().await.unwrap().remove(0);
        let deploy = desk.connector("deploy").await;
        let refused = desk.commit(vec![Store::remove_access_key(key.id, key.generation)]).await;
        assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
        let mut renamed = key.clone();
        (renamed.name, renamed.generation) = ("renamed".to_owned().try_into().unwrap(), 2);
        let refused = desk.commit(vec![desk.store.replace_access_key(&renamed, 1).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
        assert_eq!(desk.access_keys().await, ["main"]);

        desk.commit(vec![Store::remove_connector(deploy.id, 1), Store::remove_access_key(key.id, key.generation)]).await.unwrap();
        assert!(desk.access_keys().await.is_empty() && desk.connectors().await.is_empty());
        let refused = desk.commit(vec![Store::remove_access_key(key.id, key.generation)]).await;
        assert!(matches!(refused, Err(StoreError::Stale)), "it is gone already: {refused:?}");
    }

    async fn a_connector_needs_a_key_that_is_there(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let refused = desk.commit(vec![desk.store.add_connector(&connector("deploy", "no-such-key")).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
        assert!(desk.connectors().await.is_empty());
    }

    async fn all_changes_of_a_commit_are_made_or_none(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let there = desk.connector("there").await;
        let before = desk.store.revision().await.unwrap();
        let changes = vec![
            desk.store.add_connector(&connector("new", "main")).unwrap(),
            Store::remove_connector(there.id, 7),
        ];
        let refused = desk.commit(changes).await;
        assert!(matches!(refused, Err(StoreError::Stale)), "{refused:?}");
        assert_eq!(desk.connectors().await, ["there"]);
        assert_eq!(desk.store.revision().await.unwrap(), before);
    }

    async fn what_aws_said_of_a_key_is_kept_until_the_key_is_replaced(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let key = desk.store.access_keys().await.unwrap().remove(0);
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let refused = KeyHealth { refused: Some((at, "InvalidClientTokenId".to_owned())) };
        desk.store.note_key_health(key.id, key.generation, &refused).await.unwrap();
        assert_eq!(desk.store.access_keys().await.unwrap()[0].health, refused);
        desk.store.note_key_health(key.id, key.generation, &KeyHealth::default()).await.unwrap();
        assert_eq!(desk.store.access_keys().await.unwrap()[0].health, KeyHealth::default());

        desk.store.note_key_health(key.id, key.generation, &refused).await.unwrap();
        let mut next = key;
        next.generation = 2;
        desk.commit(vec![desk.store.replace_access_key(&next, 1).unwrap()]).await.unwrap();
        assert_eq!(desk.store.access_keys().await.unwrap()[0].health, KeyHealth::default());
    }

    async fn the_revision_moves_when_connectors_or_keys_change_and_only_then(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let mut last = desk.store.revision().await.unwrap();
        let mut moved = async |desk: &Desk| {
            let now = desk.store.revision().await.unwrap();
            std::mem::replace(&mut last, now) != now
        };

        let mut deploy = desk.connector("deploy").await;
        assert!(moved(&desk).await, "a connector was added");
        deploy.revision = 2;
        desk.commit(vec![desk.store.replace_connector(&deploy, 1).unwrap()]).await.unwrap();
        assert!(moved(&desk).await, "a connector was replaced");
        desk.commit(vec![Store::remove_connector(deploy.id, 2)]).await.unwrap();
        assert!(moved(&desk).await, "a connector was removed");
        let mut key = access_key(&desk.opened, "other");
        desk.commit(vec![desk.store.add_access_key(&key).unwrap()]).await.unwrap();
        assert!(moved(&desk).await, "a key was added");
        key.generation = 2;
        desk.commit(vec![desk.store.replace_access_key(&key, 1).unwrap()]).await.unwrap();
        assert!(moved(&desk).await, "a key was replaced");
        desk.commit(vec![Store::remove_access_key(key.id, key.generation)]).await.unwrap();
        assert!(moved(&desk).await, "a key was removed");

        desk.commit(vec![Store::remove_access_key(key.id, key.generation)]).await.unwrap_err();
        assert!(!moved(&desk).await, "a refused change");
        desk.store.note_key_health(key.id, key.generation, &KeyHealth::default()).await.unwrap();
        assert!(!moved(&desk).await, "what AWS said of a key");
        let (session, hash) = crate::sessions::session(&desk.store, "ada");
        desk.commit(vec![desk.store.add_session(&session, &hash).unwrap()]).await.unwrap();
        let (token, hash) = crate::service_tokens::token(&desk.store, "ci");
        desk.commit(vec![desk.store.add_service_token(&token, &hash).unwrap()]).await.unwrap();
        desk.commit(vec![Store::end_session(session.id)]).await.unwrap();
        desk.commit(vec![Store::revoke_service_token(token.id)]).await.unwrap();
        assert!(!moved(&desk).await, "sessions and tokens are looked up each time");
    }

    async fn a_closed_store_says_so(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        desk.store.probe().await.unwrap();
        desk.store.close().await;
        assert!(matches!(desk.store.probe().await, Err(StoreError::Database(_))));
    }
}
