//! Connectors of the API come, change and go; those of the file are left to it.

use serde_json::Value;

use super::access_keys::may_serve;
use super::{Administration, Removed};
use crate::access_key::CannotServe;
use crate::catalog::{Difference, difference, written};
use crate::connector::{Connector, ConnectorSpec, ManagedBy};
use crate::id::ConnectorId;
use crate::name::{AccessKeyName, ConnectorName};
use crate::permission::Administrator;
use crate::store::{Store, StoreError};
use crate::trail::{Action, Entry, TakenAway, TrailError, Vec1};

/// Which form of a connector somebody has looked at. A name that was given again is another connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenConnector {
    pub id: ConnectorId,
    pub revision: i64,
}

/// Why a change to a connector was not made. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorChangeError {
    #[error("no connector is called `{0}`")]
    Unknown(ConnectorName),
    #[error("there is a connector called `{0}` already: take another name, or change that one")]
    Taken(ConnectorName),
    #[error("connector `{0}` belongs to the connectors file: change it there, then apply the file")]
    ReadOnly(ConnectorName),
    #[error("no access key is called `{0}`")]
    UnknownAccessKey(AccessKeyName),
    #[error(transparent)]
    CannotServe(#[from] CannotServe),
    #[error("someone else changed connector `{0}` meanwhile: look at it again")]
    Stale(ConnectorName),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl Administration {
    /// Puts a connector into service under a name that is free.
    pub async fn add_connector(
        &self,
        name: ConnectorName,
        spec: ConnectorSpec,
        by: &Administrator,
    ) -> Result<Connector, ConnectorChangeError> {
        if self.find_connector(&name).await?.is_some() {
            return Err(ConnectorChangeError::Taken(name));
        }
        let connector = Connector { id: ConnectorId::random(), name, revision: 1, managed_by: ManagedBy::Api, spec };
        self.check_access_key(&connector).await?;
        let fields = difference(&Value::Null, &written(&connector.spec));
        let entry = changed(by, Action::ConnectorAdded, &connector.name, &fields);
        let committed = self.trail.commit(vec![self.store.add_connector(&connector)?], Vec1::new(entry)).await;
        committed.map_err(|error| of_commit(error, &connector))?;
        Ok(connector)
    }

    /// Puts another form in the place of a connector; its id stays, and with it the service tokens that name it. `seen` must still
    /// be there.
    pub async fn replace_connector(
        &self,
        name: &ConnectorName,
        spec: ConnectorSpec,
        seen: Option<SeenConnector>,
        by: &Administrator,
    ) -> Result<Connector, ConnectorChangeError> {
        let stored = self.changeable_connector(name, seen).await?;
        let fields = difference(&written(&stored.spec), &written(&spec));
        let revision = stored.revision.saturating_add(1);
        let connector = Connector { revision, spec, ..stored };
        self.check_access_key(&connector).await?;
        let entry = changed(by, Action::ConnectorChanged, name, &fields);
        let change = self.store.replace_connector(&connector, stored.revision)?;
        self.trail.commit(vec![change], Vec1::new(entry)).await.map_err(|error| of_commit(error, &connector))?;
        Ok(connector)
    }

    /// Takes a connector out of service, whether or not that can be recorded at this moment. `seen` must still be there.
    pub async fn remove_connector(
        &self,
        name: &ConnectorName,
        seen: Option<SeenConnector>,
        by: &Administrator,
    ) -> Result<Removed, ConnectorChangeError> {
        let stored = self.changeable_connector(name, seen).await?;
        let fields = difference(&written(&stored.spec), &Value::Null);
        let entry = changed(by, Action::ConnectorRemoved, name, &fields);
        let change = Store::remove_connector(stored.id, stored.revision);
        match self.trail.take_away(vec![change], Vec1::new(entry)).await {
            Ok(TakenAway::Recorded) => Ok(Removed { recorded: true }),
            Ok(TakenAway::Unrecorded) => Ok(Removed { recorded: false }),
            Ok(TakenAway::Nothing) => Err(ConnectorChangeError::Stale(stored.name)),
            Err(error) => Err(of_commit(TrailError::Change(error), &stored)),
        }
    }

    async fn find_connector(&self, name: &ConnectorName) -> Result<Option<Connector>, StoreError> {
        Ok(self.store.connectors().await?.into_iter().find(|connector| connector.name == *name))
    }

    async fn changeable_connector(
        &self,
        name: &ConnectorName,
        seen: Option<SeenConnector>,
    ) -> Result<Connector, ConnectorChangeError> {
        let stored = self.find_connector(name).await?.ok_or_else(|| ConnectorChangeError::Unknown(name.clone()))?;
        let present = SeenConnector { id: stored.id, revision: stored.revision };
        match (stored.managed_by, seen) {
            (ManagedBy::File, _) => Err(ConnectorChangeError::ReadOnly(name.clone())),
            (ManagedBy::Api, Some(seen)) if seen != present => Err(ConnectorChangeError::Stale(name.clone())),
            (ManagedBy::Api, _) => Ok(stored),
        }
    }

    /// Whether the access key that the connector names may be behind it. Looked at again at every vend.
    async fn check_access_key(&self, connector: &Connector) -> Result<(), ConnectorChangeError> {
        let name = connector.spec.access_key();
        let key = self.find_access_key(name).await?;
        let key = key.ok_or_else(|| ConnectorChangeError::UnknownAccessKey(name.clone()))?;
        Ok(may_serve(&key, connector)?)
    }
}

fn changed(by: &Administrator, action: Action, name: &ConnectorName, fields: &Difference) -> Entry {
    by.did(action).connector(name).changes(fields.to_json().into())
}

fn of_commit(error: TrailError, connector: &Connector) -> ConnectorChangeError {
    match error {
        TrailError::Change(StoreError::Taken) => ConnectorChangeError::Taken(connector.name.clone()),
        TrailError::Change(StoreError::Stale) => ConnectorChangeError::Stale(connector.name.clone()),
        // A connector's row refers to nothing but its key, which went away in this very moment.
        TrailError::Change(StoreError::InUse) => {
            ConnectorChangeError::UnknownAccessKey(connector.spec.access_key().clone())
        }
        TrailError::Change(error @ (StoreError::Forged { .. } | StoreError::Away(_) | StoreError::Database(_))) => {
            error.into()
        }
        error @ (TrailError::Unwritten(_) | TrailError::Closed) => ConnectorChangeError::Trail(error),
    }
}
