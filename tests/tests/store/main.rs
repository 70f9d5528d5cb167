//! Every method of the store, and its daily life, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod as_read;
mod changes;
mod encrypted;
mod epochs;
mod forgeries;
mod installations;
mod local_users;
mod inventory;
mod postgresql;
mod rubbish;
mod service_tokens;
mod sessions;
mod sqlite;
mod throttles;

use broker_core::connector::Connector;
use broker_core::store::{Change, Opened, Store, StoreError};
use broker_core::trail::{Action, Trail, TrailError, Vec1};
use tests::stores::{Storehouse, access_key, connector, entry};

/// A handle on the store with a trail beside it, as every process has.
struct Desk {
    opened: Opened,
    store: Store,
    trail: Trail,
}

impl Desk {
    async fn open(house: &Storehouse) -> Self {
        let opened = house.open().await;
        Self { store: opened.store.clone(), trail: house.trail(&opened), opened }
    }

    /// With a key `main` and nothing else.
    async fn with_a_key(house: &Storehouse) -> Self {
        let desk = Self::open(house).await;
        let key = access_key(&desk.opened, "main");
        desk.commit(vec![desk.store.add_access_key(&key).unwrap()]).await.unwrap();
        desk
    }

    /// Adds a connector behind the key `main`.
    async fn connector(&self, name: &str) -> Connector {
        let connector = connector(name, "main");
        self.commit(vec![self.store.add_connector(&connector).unwrap()]).await.unwrap();
        connector
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        match self.trail.commit(changes, Vec1::new(entry(Action::ConnectorChanged))).await {
            Ok(()) => Ok(()),
            Err(TrailError::Change(error)) => Err(error),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => panic!("{error:?}"),
        }
    }

    async fn connectors(&self) -> Vec<String> {
        self.store.connectors().await.unwrap().iter().map(|connector| connector.name.to_string()).collect()
    }

    async fn access_keys(&self) -> Vec<String> {
        self.store.access_keys().await.unwrap().iter().map(|key| key.name.to_string()).collect()
    }

    async fn close(self) {
        self.trail.close().await;
        self.store.close().await;
    }
}

/// What is logged while something is asked of the store.
async fn logged<T>(ask: impl AsyncFnOnce(Store) -> T, store: &Store) -> (String, T) {
    tests::log::logged(ask(store.clone())).await
}
