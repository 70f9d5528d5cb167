//! Long-term keys come, change hands and go.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::proof::owner_of;
use super::{Administration, NotProved, Proof, Removed};
use crate::access_key::{AccessKey, CannotServe, KeyDetails, KeyHealth, KeyOwner, KeySource};
use crate::catalog::{Difference, REPAIRED, difference, written};
use crate::connector::{Connector, ManagedBy};
use crate::id::AccessKeyId;
use crate::name::{AccessKeyName, ConnectorName};
use crate::permission::{Administrator, Auditor};
use crate::store::{Damage, Found, Store, StoreError};
use crate::trail::{Action, TakenAway, TrailError, Vec1};
use crate::vault::SealBroken;

/// A key as somebody hands it in. What `details` say of its owner does not count: AWS is asked.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    pub name: AccessKeyName,
    pub details: KeyDetails,
    pub secret: SecretString,
}

/// Which form of an access key somebody has looked at. A name that was given again is another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenAccessKey {
    pub id: AccessKeyId,
    pub generation: i64,
}

/// Why a change to an access key was not made. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum AccessKeyError {
    #[error("no access key is called `{0}`")]
    Unknown(AccessKeyName),
    #[error("there is an access key called `{0}` already: take another name, or replace that one")]
    Taken(AccessKeyName),
    #[error(
        "the row of access key `{0}` is out of service: `brokerd key list` says why; put a good key there with `brokerd key add`, or in the connectors file if it is described there"
    )]
    Damaged(AccessKeyName),
    #[error("access key `{0}` belongs to the connectors file: change it there, then apply the file")]
    ReadOnly(AccessKeyName),
    #[error("access key `{name}` is used by {}: give them another key first", listed(.connectors))]
    InUse { name: AccessKeyName, connectors: Vec<ConnectorName> },
    #[error("only the connectors file declares the host's own identity as a key: describe access key `{0}` there")]
    Ambient(AccessKeyName),
    #[error("the secret access key is empty or holds blanks: hand it in whole, as AWS showed it")]
    Secret,
    #[error(transparent)]
    NotProved(#[from] NotProved),
    /// The connectors would act in another account, or as somebody else, without anybody having said so.
    #[error("this key is of {proved}, but `{name}` is of {stored}: add it under a name of its own", proved = .proved.arn, stored = .stored.arn)]
    OtherOwner { name: AccessKeyName, stored: KeyOwner, proved: KeyOwner },
    #[error("connector `{connector}` could not use the key any more: {reason}")]
    CannotServe { connector: ConnectorName, reason: CannotServe },
    #[error("someone else changed access key `{0}` meanwhile: look at it again")]
    Stale(AccessKeyName),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl SeenAccessKey {
    pub fn of(key: &AccessKey) -> Self {
        Self { id: key.id, generation: key.generation }
    }
}

impl Administration {
    /// Every key, and the rows that are out of service, for those who may look at them.
    pub async fn access_keys(&self, _: &Auditor) -> Result<Found<AccessKey>, StoreError> {
        self.store.all_access_keys().await
    }

    /// Takes in a key under a name that is free, or that a row has which does not prove to be ours: then it takes that row's place.
    pub async fn add_access_key(
        &self,
        new: NewAccessKey,
        proof: Proof<'_>,
        by: &Administrator,
    ) -> Result<AccessKey, AccessKeyError> {
        let NewAccessKey { name, details, secret } = new;
        if details.source == KeySource::Ambient {
            return Err(AccessKeyError::Ambient(name));
        }
        whole(&secret)?;
        let stored = self.store.all_access_keys().await?;
        if stored.good.iter().any(|key| key.name == name) {
            return Err(AccessKeyError::Taken(name));
        }
        let damaged = stored.damaged.into_iter().find(|row| row.is_called(name.as_str()));
        let damaged = match damaged.as_ref().map(|row| row.damage) {
            Some(Damage::Unreadable) => return Err(AccessKeyError::Damaged(name)),
            Some(Damage::NotOurs) => damaged,
            // There is nothing whose place it would take.
            Some(Damage::Gone) | None => None,
        };
        let owner = match proof {
            Proof::Required(sts, deadline) => Some(owner_of(sts, deadline, &details, &secret).await?),
            Proof::Skipped => None,
        };
        let details = details.owned(None, owner);
        let id = AccessKeyId::random();
        let sealed = details.seal(&self.vault, id, &secret)?;
        let key = AccessKey {
            id,
            name,
            generation: 1,
            managed_by: ManagedBy::Api,
            details,
            sealed,
            health: KeyHealth::default(),
        };
        let mut fields = difference(&Value::Null, &written(&key.details));
        fields.note_secret();
        let entry = by.did(Action::AccessKeyAdded).changes(about(&key.name, &fields));
        let (change, entry) = match &damaged {
            None => (self.store.add_access_key(&key)?, entry),
            Some(row) => (self.store.repair_access_key(&key, row)?, entry.reason(&REPAIRED)),
        };
        let committed = self.trail.commit(vec![change], Vec1::new(entry)).await;
        committed.map_err(|error| of_commit(error, &key.name))?;
        Ok(key)
    }

    /// Puts another key, or the same one with other details, in the place of a stored one: every connector that names it follows.
    ///
    /// A key that proves to be another account's or user's is refused: here, or when the daemon has asked AWS. Until then an unproved
    /// one signs nothing, unless AWS knows it by the same id. `seen` must still be there.
    pub async fn replace_access_key(
        &self,
        new: NewAccessKey,
        seen: Option<SeenAccessKey>,
        proof: Proof<'_>,
        by: &Administrator,
    ) -> Result<AccessKey, AccessKeyError> {
        let NewAccessKey { name, details, secret } = new;
        if details.source == KeySource::Ambient {
            return Err(AccessKeyError::Ambient(name));
        }
        whole(&secret)?;
        let stored = self.changeable_access_key(&name, seen).await?;
        let details = match proof {
            Proof::Required(sts, deadline) => {
                let proved = owner_of(sts, deadline, &details, &secret).await?;
                let expected = stored.details.rightful_owner().cloned();
                if let Some(stored) = expected.clone().filter(|expected| *expected != proved) {
                    return Err(AccessKeyError::OtherOwner { name, stored, proved });
                }
                details.owned(expected, Some(proved))
            }
            Proof::Skipped => stored.details.replaced_unproved(details),
        };
        let sealed = details.seal(&self.vault, stored.id, &secret)?;
        let generation = stored.generation.saturating_add(1);
        let key = AccessKey { generation, details, sealed, health: KeyHealth::default(), ..stored.clone() };
        for connector in self.connectors_of(&key.name).await? {
            may_serve(&key, &connector)
                .map_err(|reason| AccessKeyError::CannotServe { connector: connector.name.clone(), reason })?;
        }
        let mut fields = difference(&written(&stored.details), &written(&key.details));
        fields.note_secret();
        let entry = by.did(Action::AccessKeyChanged).changes(about(&key.name, &fields));
        let change = self.store.replace_access_key(&key, stored.generation)?;
        self.trail.commit(vec![change], Vec1::new(entry)).await.map_err(|error| of_commit(error, &key.name))?;
        Ok(key)
    }

    /// Forgets a key that no connector uses, whether or not that can be recorded at this moment. `seen` must still be there.
    pub async fn remove_access_key(
        &self,
        name: &AccessKeyName,
        seen: Option<SeenAccessKey>,
        by: &Administrator,
    ) -> Result<Removed, AccessKeyError> {
        let stored = self.changeable_access_key(name, seen).await?;
        self.refuse_if_in_use(name).await?;
        let fields = difference(&written(&stored.details), &Value::Null);
        let entry = by.did(Action::AccessKeyRemoved).changes(about(name, &fields));
        let change = Store::remove_access_key(stored.id, stored.generation);
        match self.trail.take_away(vec![change], Vec1::new(entry)).await {
            Ok(TakenAway::Recorded) => Ok(Removed { recorded: true }),
            Ok(TakenAway::Unrecorded) => Ok(Removed { recorded: false }),
            Ok(TakenAway::Nothing) => Err(AccessKeyError::Stale(name.clone())),
            Err(error) => {
                if matches!(error, StoreError::InUse) {
                    // Somebody was faster, and it is known now who uses it.
                    self.refuse_if_in_use(name).await?;
                }
                Err(of_commit(TrailError::Change(error), name))
            }
        }
    }

    pub(super) async fn connectors_of(&self, name: &AccessKeyName) -> Result<Vec<Connector>, StoreError> {
        let connectors = self.store.connectors().await?.into_iter();
        Ok(connectors.filter(|connector| connector.spec.access_key() == name).collect())
    }

    pub(super) async fn find_access_key(&self, name: &AccessKeyName) -> Result<Option<AccessKey>, StoreError> {
        Ok(self.store.access_keys().await?.into_iter().find(|key| key.name == *name))
    }

    async fn changeable_access_key(
        &self,
        name: &AccessKeyName,
        seen: Option<SeenAccessKey>,
    ) -> Result<AccessKey, AccessKeyError> {
        let stored = self.store.all_access_keys().await?;
        match stored.good.into_iter().find(|key| key.name == *name) {
            None if stored.damaged.iter().any(|row| row.is_called(name.as_str())) => {
                Err(AccessKeyError::Damaged(name.clone()))
            }
            None => Err(AccessKeyError::Unknown(name.clone())),
            Some(key) => match key.managed_by {
                ManagedBy::File => Err(AccessKeyError::ReadOnly(name.clone())),
                ManagedBy::Api if seen.is_some_and(|seen| seen != SeenAccessKey::of(&key)) => {
                    Err(AccessKeyError::Stale(name.clone()))
                }
                ManagedBy::Api => Ok(key),
            },
        }
    }

    async fn refuse_if_in_use(&self, name: &AccessKeyName) -> Result<(), AccessKeyError> {
        let connectors: Vec<_> = self.connectors_of(name).await?.into_iter().map(|connector| connector.name).collect();
        if connectors.is_empty() { Ok(()) } else { Err(AccessKeyError::InUse { name: name.clone(), connectors }) }
    }
}

/// As at every vend, and for the console's page, which has a partition as well.
pub(super) fn may_serve(key: &AccessKey, connector: &Connector) -> Result<(), CannotServe> {
    key.may_serve(connector)?;
    let key_partition = key.partition();
    match connector.spec.partition().filter(|partition| *partition != key_partition) {
        None => Ok(()),
        Some(connector_partition) => {
            Err(CannotServe::Partition { key: key.name.clone(), key_partition, connector_partition })
        }
    }
}

fn whole(secret: &SecretString) -> Result<(), AccessKeyError> {
    let secret = secret.expose_secret();
    let is_whole =
        !secret.is_empty() && secret.len() <= MAX_SECRET && secret.chars().all(|char| char.is_ascii_graphic());
    if is_whole { Ok(()) } else { Err(AccessKeyError::Secret) }
}

/// What changed, and of which key: a record has no field for that.
pub(super) fn about(name: &AccessKeyName, fields: &Difference) -> Value {
    let mut changes = fields.to_json();
    changes.insert("access_key".to_owned(), name.as_str().into());
    changes.into()
}

fn of_commit(error: TrailError, name: &AccessKeyName) -> AccessKeyError {
    match error {
        TrailError::Change(StoreError::Taken) => AccessKeyError::Taken(name.clone()),
        TrailError::Change(StoreError::Stale) => AccessKeyError::Stale(name.clone()),
        // By a connector whose row does not prove to be ours, and that so cannot be named.
        TrailError::Change(StoreError::InUse) => AccessKeyError::InUse { name: name.clone(), connectors: Vec::new() },
        TrailError::Change(error @ (StoreError::Forged { .. } | StoreError::Away(_) | StoreError::Database(_))) => {
            error.into()
        }
        error @ (TrailError::Unwritten(_) | TrailError::Closed) => AccessKeyError::Trail(error),
    }
}

fn listed(connectors: &[ConnectorName]) -> String {
    let names: Vec<String> = connectors.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    match connectors.len().checked_sub(names.len()) {
        _ if names.is_empty() => "a connector that is out of service".to_owned(),
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names.join(", ")),
    }
}

const MAX_SECRET: usize = 256;
const MOST_NAMED: usize = 20;
