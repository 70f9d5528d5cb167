//! What a node holds in memory follows what any handle on the store did.

use std::time::Duration;

use broker_core::inventory::Inventory;
use broker_core::name::ConnectorName;
use broker_core::store::Store;
use tests::stores::{Storehouse, access_key, connector};
use tests::{on_every_engine, where_others_reach_in};

use crate::Desk;

fn names(inventory: &Inventory) -> Vec<String> {
    inventory.snapshot().connectors().map(|connector| connector.name.to_string()).collect()
}

mod own_changes {
    use super::*;

    on_every_engine! {
        async fn a_refresh_shows_our_own_change_and_leaves_snapshots_as_they_were(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            let inventory = Inventory::open(desk.store.clone()).await.unwrap();
            let before = inventory.snapshot();
            let deploy = desk.connector("deploy").await;
            inventory.refresh().await.unwrap();
            let after = inventory.snapshot();
            let name = ConnectorName::try_from("deploy".to_owned()).unwrap();
            assert_eq!(after.connector(&name).map(|connector| &**connector), Some(&deploy));
            assert_eq!(after.access_key(deploy.spec.access_key()).unwrap().name.as_str(), "main");
            assert!(before.connector(&name).is_none());
        }

        async fn of_many_who_refresh_at_once_none_goes_back_in_time(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            let inventory = Inventory::open(desk.store.clone()).await.unwrap();
            for count in 1..=20 {
                desk.connector(&format!("connector-{count}")).await;
                let refreshing = (0..4).map(|_| {
                    let inventory = inventory.clone();
                    tokio::spawn(async move {
                        inventory.refresh().await.unwrap();
                        names(&inventory).len()
                    })
                });
                for seen in refreshing.collect::<Vec<_>>() {
                    assert_eq!(seen.await.unwrap(), count);
                }
            }
        }
    }
}

mod others_changes {
    use super::*;

    where_others_reach_in! {
        async fn another_handles_changes_are_seen_within_a_second(house: Storehouse) {
            let (node, other) = (Desk::with_a_key(&house).await, Desk::open(&house).await);
            let inventory = Inventory::open(node.store.clone()).await.unwrap();
            let following = tokio::spawn(inventory.clone().follow());
            let becomes = async |expected: &[&str]| {
                tokio::time::timeout(A_SECOND_ON_A_BUSY_MACHINE, async {
                    while names(&inventory) != expected {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                })
                .await
                .unwrap_or_else(|_| panic!("{:?} are in service instead of {expected:?}", names(&inventory)));
            };
            let mut deploy = other.connector("deploy").await;
            becomes(&["deploy"]).await;
            (deploy.name, deploy.revision) = (connector("renamed", "main").name, 2);
            other.commit(vec![other.store.replace_connector(&deploy, 1).unwrap()]).await.unwrap();
            becomes(&["renamed"]).await;
            other.commit(vec![Store::remove_connector(deploy.id, 2)]).await.unwrap();
            becomes(&[]).await;
            following.abort();
        }

        async fn a_restored_backup_is_followed_though_its_revision_is_lower(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            desk.connector("kept").await;
            desk.connector("made-after-the-backup").await;
            let inventory = Inventory::open(desk.store.clone()).await.unwrap();
            let mut hands = house.hands().await;
            hands.run("DELETE FROM connectors WHERE name = 'made-after-the-backup'").await;
            hands.run("UPDATE installation SET revision = revision - 1").await;
            inventory.refresh().await.unwrap();
            assert_eq!(names(&inventory), ["kept"]);
        }

        async fn what_was_removed_leaves_service_though_the_revision_is_held_back(house: Storehouse) {
            let (node, other) = (Desk::with_a_key(&house).await, Desk::open(&house).await);
            let gone = node.connector("gone").await;
            node.connector("kept").await;
            let inventory = Inventory::open(node.store.clone()).await.unwrap();
            hold_revision_back(&house).await;
            let following = tokio::spawn(inventory.clone().follow());
            other.commit(vec![Store::remove_connector(gone.id, 1)]).await.unwrap();
            inventory.refresh().await.unwrap();
            assert_eq!(names(&inventory).len(), 2, "the counter says nothing");
            tokio::time::timeout(HALF_A_MINUTE_ON_A_BUSY_MACHINE, async {
                while names(&inventory) != ["kept"] {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
            .await
            .unwrap_or_else(|_| panic!("{:?} are in service", names(&inventory)));
            following.abort();
        }

        async fn a_fingerprint_moves_with_every_change_of_what_is_in_service_and_with_nothing_else(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            let mut seen = vec![desk.store.fingerprint().await.unwrap()];
            let mut deploy = desk.connector("deploy").await;
            seen.push(desk.store.fingerprint().await.unwrap());
            deploy.revision = 2;
            desk.commit(vec![desk.store.replace_connector(&deploy, 1).unwrap()]).await.unwrap();
            seen.push(desk.store.fingerprint().await.unwrap());
            let mut key = access_key(&desk.opened, "other");
            desk.commit(vec![desk.store.add_access_key(&key).unwrap()]).await.unwrap();
            seen.push(desk.store.fingerprint().await.unwrap());
            key.generation = 2;
            desk.commit(vec![desk.store.replace_access_key(&key, 1).unwrap()]).await.unwrap();
            seen.push(desk.store.fingerprint().await.unwrap());
            for (number, one) in seen.iter().enumerate() {
                assert!(!seen[..number].contains(one), "{number}");
            }
            desk.commit(vec![Store::remove_access_key(key.id, 2)]).await.unwrap();
            assert_eq!(desk.store.fingerprint().await.unwrap(), seen[2], "as before that key");
            desk.store.note_key_health(key.id, key.generation, &broker_core::access_key::KeyHealth::default()).await.unwrap();
            desk.store.probe().await.unwrap();
            assert_eq!(desk.store.fingerprint().await.unwrap(), seen[2]);
        }

        async fn a_forged_row_is_out_of_service_and_the_others_are_served(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            desk.connector("kept").await;
            desk.connector("forged").await;
            let mut hands = house.hands().await;
            hands.run("UPDATE connectors SET spec = replace(spec, 'release', 'everybody') WHERE name = 'forged'").await;
            let inventory = Inventory::open(desk.store.clone()).await.unwrap();
            assert_eq!(names(&inventory), ["kept"]);
        }
    }
}

/// It looks four times a second; the rest is for machines that do much else meanwhile.
const A_SECOND_ON_A_BUSY_MACHINE: Duration = Duration::from_secs(10);
/// It looks each half a minute.
const HALF_A_MINUTE_ON_A_BUSY_MACHINE: Duration = Duration::from_mins(3);

/// As somebody does who can write to the database, and wants that other nodes hear of no change.
async fn hold_revision_back(house: &Storehouse) {
    let statements: &[&str] = if house.is_sqlite() {
        &["CREATE TRIGGER held_back AFTER UPDATE OF revision ON installation
           BEGIN UPDATE installation SET revision = old.revision WHERE singleton = 1; END"]
    } else {
        &[
            "CREATE FUNCTION hold_back() RETURNS trigger LANGUAGE plpgsql
             AS 'BEGIN new.revision := old.revision; RETURN new; END'",
            "CREATE TRIGGER held_back BEFORE UPDATE ON installation FOR EACH ROW EXECUTE FUNCTION hold_back()",
        ]
    };
    for statement in statements {
        house.hands().await.run(statement).await;
    }
}
