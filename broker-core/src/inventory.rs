//! The connectors and access keys in service, held in memory and read again whenever the store's revision moves, or what it
//! counts is not what it was.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::access_key::AccessKey;
use crate::caller::Caller;
use crate::connector::{Audience, Connector};
use crate::entitlement::{Rules, granted};
use crate::id::ConnectorId;
use crate::meter;
use crate::name::{AccessKeyName, ConnectorName, Group};
use crate::store::{Fingerprint, Store, StoreError};

/// What is in service on this node, at most a moment old.
#[derive(Clone, Debug)]
pub struct Inventory {
    store: Store,
    current: Arc<RwLock<Arc<Snapshot>>>,
    /// One reads at a time; so what was read last is the newest, even where a restored backup set the counter back.
    reading: Arc<Mutex<()>>,
}

/// What was in service at one revision. Whoever holds one sees no change until it asks for another.
#[derive(Debug, Default)]
pub struct Snapshot {
    revision: i64,
    fingerprint: Fingerprint,
    /// In the order of names.
    connectors: Vec<Arc<Connector>>,
    by_name: HashMap<ConnectorName, Arc<Connector>>,
    by_id: HashMap<ConnectorId, Arc<Connector>>,
    by_group: HashMap<Group, Vec<Arc<Connector>>>,
    access_keys: HashMap<AccessKeyName, Arc<AccessKey>>,
}

impl Inventory {
    pub async fn open(store: Store) -> Result<Self, StoreError> {
        let first = Snapshot::read(&store).await?;
        first.measure();
        Ok(Self { store, current: Arc::new(RwLock::new(Arc::new(first))), reading: Arc::default() })
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads again if anything changed. Called after our own changes, so that whoever made one sees it at once.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _turn = self.reading.lock().await;
        if self.store.revision().await? != self.snapshot().revision {
            self.read().await?;
        }
        Ok(())
    }

    /// Reads again if what is in the store is not what is in service, whatever the revision says: somebody who can write to the
    /// database could hold it back, and keep in service what was taken out of it.
    async fn look(&self) -> Result<(), StoreError> {
        let in_store = self.store.fingerprint().await?;
        if in_store == self.snapshot().fingerprint {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        // Who had the turn before us may have read it in an ordinary way.
        if in_store == self.snapshot().fingerprint {
            return Ok(());
        }
        let before = self.snapshot().revision;
        if self.read().await?.revision == before {
            tracing::error!(
                revision = before,
                alarm = "revision",
                "connectors or access keys changed and their revision did not: a backup was restored, or somebody else than brokerd writes to the database"
            );
        }
        Ok(())
    }

    /// By whoever has the turn.
    async fn read(&self) -> Result<Arc<Snapshot>, StoreError> {
        let next = Arc::new(Snapshot::read(&self.store).await?);
        next.measure();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&next);
        Ok(next)
    }

    /// Follows other nodes' and the command line's changes for good.
    pub async fn follow(self) {
        tokio::join!(self.follow_revision(), self.follow_contents());
    }

    async fn follow_contents(&self) {
        let mut wait = LOOK_EVERY;
        loop {
            tokio::time::sleep(wait).await;
            let begun = Instant::now();
            if let Err(error) = self.look().await {
                tracing::warn!(%error, source = ?std::error::Error::source(&error), "cannot look whether what is in service still is what the store holds");
            }
            // However many rows there are, a small part of the time goes into this.
            wait = LOOK_EVERY.max(begun.elapsed() * PARTS_OF_TIME);
        }
    }

    async fn follow_revision(&self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            match self.refresh().await {
                Ok(()) => failing = false,
                // Logged once a failure. Nothing is vended meanwhile: the trail is in the same store.
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, source = ?std::error::Error::source(&error), "cannot read which connectors are in service");
                }
                Err(_) => {}
            }
        }
    }
}

impl Snapshot {
    pub fn connector(&self, name: &ConnectorName) -> Option<&Arc<Connector>> {
        self.by_name.get(name)
    }

    pub fn connector_by_id(&self, id: ConnectorId) -> Option<&Arc<Connector>> {
        self.by_id.get(&id)
    }

    /// All of them, in the order of names.
    pub fn connectors(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.iter()
    }

    pub fn access_key(&self, name: &AccessKeyName) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(name)
    }

    pub fn access_keys(&self) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.access_keys.values()
    }

    /// What the caller may use, in the order of names; also what they must show a second factor for.
    pub fn usable_by(&self, caller: &Caller, rules: Rules) -> Vec<Arc<Connector>> {
        let prove = |connector: &Arc<Connector>| granted(caller, connector, rules).ok().map(|_| Arc::clone(connector));
        match caller {
            // Only what somebody is granted is looked at, however many connectors there are.
            Caller::Person(person) if !person.is_administrator() => {
                let granted: BTreeMap<&ConnectorName, &Arc<Connector>> = person
                    .person
                    .groups
                    .iter()
                    .filter_map(|group| self.by_group.get(group))
                    .flatten()
                    .map(|connector| (&connector.name, connector))
                    .collect();
                granted.into_values().filter_map(prove).collect()
            }
            Caller::Service(service) => {
                let named = service.connectors.iter().filter_map(|id| self.by_id.get(id));
                let named: BTreeMap<_, _> = named.map(|connector| (&connector.name, connector)).collect();
                named.into_values().filter_map(prove).collect()
            }
            Caller::Workload(workload) => {
                workload.connectors.iter().filter_map(|name| self.connector(name)).filter_map(prove).collect()
            }
            Caller::Person(_) => self.connectors().filter_map(prove).collect(),
        }
    }

    fn measure(&self) {
        let proved = self.access_keys.values().filter(|key| key.details.owner.is_some()).count();
        meter::in_service(self.connectors.len(), proved, self.access_keys.len().saturating_sub(proved));
    }

    async fn read(store: &Store) -> Result<Self, StoreError> {
        // These first: a change in between is read twice rather than never.
        let (revision, fingerprint) = (store.revision().await?, store.fingerprint().await?);
        let mut connectors: Vec<_> = store.connectors().await?.into_iter().map(Arc::new).collect();
        // An engine may have an order of its own.
        connectors.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let mut by_group: HashMap<Group, Vec<Arc<Connector>>> = HashMap::new();
        for connector in &connectors {
            if let Audience::People(groups) = connector.spec.audience() {
                for group in groups {
                    by_group.entry(group.clone()).or_default().push(Arc::clone(connector));
                }
            }
        }
        let by_id = connectors.iter().map(|connector| (connector.id, Arc::clone(connector))).collect();
        let by_name = connectors.iter().map(|connector| (connector.name.clone(), Arc::clone(connector))).collect();
        let access_keys = store.access_keys().await?.into_iter().map(|key| (key.name.clone(), Arc::new(key))).collect();
        Ok(Self { revision, fingerprint, connectors, by_name, by_id, by_group, access_keys })
    }
}

const FOLLOW_EVERY: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_secs(30);
const PARTS_OF_TIME: u32 = 20;
