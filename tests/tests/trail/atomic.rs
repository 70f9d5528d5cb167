//! A change and its record: both or neither.

use broker_core::store::{Store, StoreError};
use broker_core::trail::{Action, TakenAway, TrailError, Vec1};
use tests::patience::soon;
use tests::stores::{Storehouse, access_key, connector, entry};
use tests::{on_every_engine, where_others_reach_in};

use crate::Desk;

mod refused {
    use super::*;

    on_every_engine! {
        async fn a_change_and_its_records_are_committed_together(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let key = access_key(&desk.opened, "main");
            let changes = vec![
                desk.store.add_access_key(&key).unwrap(),
                desk.store.add_connector(&connector("deploy", "main")).unwrap(),
            ];
            let mut entries = Vec1::new(entry(Action::AccessKeyAdded));
            entries.push(entry(Action::ConnectorAdded));
            desk.trail.commit(changes, entries).await.unwrap();
            assert_eq!(desk.store.connectors().await.unwrap().len(), 1);
            let actions: Vec<_> = desk.records().await.iter().map(|record| record.action).collect();
            assert_eq!(actions, [Action::AccessKeyAdded, Action::ConnectorAdded]);
        }

        async fn a_refused_change_leaves_no_record_and_the_chain_goes_on(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let key = access_key(&desk.opened, "main");
            let add = || desk.store.add_access_key(&key).unwrap();
            let added = || Vec1::new(entry(Action::AccessKeyAdded));
            desk.trail.commit(vec![add()], added()).await.unwrap();
            let stale = desk.trail.commit(vec![desk.store.replace_access_key(&key, 7).unwrap()], added()).await;
            assert!(matches!(stale, Err(TrailError::Change(StoreError::Stale))), "{stale:?}");
            let taken = desk.trail.commit(vec![add()], added()).await;
            assert!(matches!(taken, Err(TrailError::Change(StoreError::Taken))), "{taken:?}");
            desk.trail.record(entry(Action::Vend), ()).await.unwrap();
            let report = desk.verified().await;
            assert_eq!((report.chains, report.records, report.breaks), (1, 2, vec![]));
        }

        async fn a_refused_change_takes_no_vend_with_it(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let key = access_key(&desk.opened, "main");
            let stale = vec![desk.store.replace_access_key(&key, 7).unwrap()];
            let (before, stale, after) = tokio::join!(
                desk.trail.record(entry(Action::Vend), ()),
                desk.trail.commit(stale, Vec1::new(entry(Action::AccessKeyChanged))),
                desk.trail.record(entry(Action::Vend), ()),
            );
            before.unwrap();
            stale.unwrap_err();
            after.unwrap();
            assert_eq!(desk.verified().await.records, 2);
        }
    }
}

mod unwritten {
    use super::*;

    where_others_reach_in! {
        async fn a_record_that_cannot_be_written_leaves_no_change(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let key = access_key(&desk.opened, "main");
            let revision = desk.store.revision().await.unwrap();
            let mut hands = house.hands().await;
            hands.run("ALTER TABLE trail RENAME TO elsewhere").await;
            let unwritten =
                desk.trail.commit(vec![desk.store.add_access_key(&key).unwrap()], Vec1::new(entry(Action::AccessKeyAdded))).await;
            assert!(matches!(unwritten, Err(TrailError::Unwritten(_))), "{unwritten:?}");
            hands.run("ALTER TABLE elsewhere RENAME TO trail").await;
            assert!(desk.store.access_keys().await.unwrap().is_empty());
            assert_eq!(desk.store.revision().await.unwrap(), revision);
            assert_eq!(desk.verified().await.records, 0);
        }

        async fn whoever_takes_the_next_place_in_the_trail_keeps_nobody_in_their_rights(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let key = access_key(&desk.opened, "main");
            let add = desk.store.add_access_key(&key).unwrap();
            desk.trail.commit(vec![add], Vec1::new(entry(Action::AccessKeyAdded))).await.unwrap();
            house
                .hands()
                .await
                .run(
                    "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, record, hash)
                     SELECT 'f' || substr(id, 2), chain, sequence + 1, at, actor, action, outcome, record, hash FROM trail",
                )
                .await;
            let removed = Vec1::new(entry(Action::AccessKeyRemoved));
            let taken = desk.trail.take_away(vec![Store::remove_access_key(key.id, key.generation)], removed).await;
            assert_eq!(taken.unwrap(), TakenAway::Unrecorded);
            assert!(desk.store.access_keys().await.unwrap().is_empty());
            soon("it is recorded in another chain", async || {
                let records = desk.records().await;
                records.iter().any(|record| record.action == Action::AccessKeyRemoved).then_some(())
            })
            .await;
        }
    }
}
