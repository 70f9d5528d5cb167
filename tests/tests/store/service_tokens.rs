//! Service tokens: found by their hash, noted when used, revoked for good.

use std::collections::BTreeSet;

use broker_core::clock::Millis;
use broker_core::epoch::Epoch;
use broker_core::id::{ConnectorId, ServiceTokenId};
use broker_core::session::{ServiceToken, TokenTerms};
use broker_core::store::{Store, StoreError};
use broker_core::vault::{Mac, Purpose};
use jiff::{SignedDuration, Timestamp};
use tests::on_every_engine;
use tests::stores::Storehouse;

use crate::Desk;

/// A token for a job, and its hash.
pub(crate) fn token(store: &Store, name: &str) -> (ServiceToken, Mac) {
    let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let terms = TokenTerms {
        connectors: BTreeSet::from([ConnectorId::random()]),
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        created_by: "corp/ada".to_owned(),
        created_by_id: Some("1".to_owned()),
    };
    let token = ServiceToken {
        id: ServiceTokenId::random(),
        name: name.to_owned().try_into().unwrap(),
        terms,
        created_at: now,
        expires_at: now + SignedDuration::from_hours(24 * 90),
        last_used_at: None,
        epoch: Epoch::FIRST,
        awaits_confirmation: false,
    };
    (token, store.seals().mac(Purpose::Token, &[b"service token", name.as_bytes()]))
}

pub(crate) async fn added(desk: &Desk, name: &str) -> (ServiceToken, Mac) {
    let (token, hash) = token(&desk.store, name);
    desk.commit(vec![desk.store.add_service_token(&token, &hash).unwrap()]).await.unwrap();
    (token, hash)
}

on_every_engine! {
    async fn a_token_is_found_by_its_hash_and_listed_by_name(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (nightly, nightly_hash) = added(&desk, "nightly").await;
        let (ci, _) = added(&desk, "ci").await;
        assert_eq!(desk.store.service_token(&nightly_hash).await.unwrap(), Some(nightly.clone()));
        assert_eq!(desk.store.service_token(&[7; 32]).await.unwrap(), None);
        assert_eq!(desk.store.service_tokens().await.unwrap(), [ci, nightly]);
    }

    async fn a_tokens_name_is_given_once(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (first, _) = added(&desk, "ci").await;
        let (second, _) = token(&desk.store, "ci");
        let refused = desk.commit(vec![desk.store.add_service_token(&second, &[1; 32]).unwrap()]).await;
        assert!(matches!(refused, Err(StoreError::Taken)), "{refused:?}");
        assert_eq!(desk.store.service_tokens().await.unwrap(), [first]);
    }

    async fn a_revoked_token_is_gone(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ci, hash) = added(&desk, "ci").await;
        let (other, _) = added(&desk, "other").await;
        desk.commit(vec![Store::revoke_service_token(ci.id)]).await.unwrap();
        assert_eq!(desk.store.service_token(&hash).await.unwrap(), None);
        let again = desk.commit(vec![Store::revoke_service_token(ci.id)]).await;
        assert!(matches!(again, Err(StoreError::Stale)), "there was none any more");
        assert_eq!(desk.store.service_tokens().await.unwrap(), [other]);
    }

    async fn the_last_use_is_noted_forwards_only(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let (ci, hash) = added(&desk, "ci").await;
        let used = async |milliseconds| {
            desk.store.touch_service_token(ci.id, Millis(milliseconds)).await.unwrap();
            desk.store.service_token(&hash).await.unwrap().unwrap().last_used_at
        };
        assert_eq!(used(2_000).await, Some(Timestamp::from_millisecond(2_000).unwrap()));
        assert_eq!(used(1_000).await, Some(Timestamp::from_millisecond(2_000).unwrap()));
        assert_eq!(used(3_000).await, Some(Timestamp::from_millisecond(3_000).unwrap()));
    }
}
