//! The plan as changes of rows, and as what the trail records of them.

use serde_json::{Map, Value};

use super::difference::{difference, written};
use super::{Plan, Steps};
use crate::permission::Administrator;
use crate::store::{Change, Store, StoreError};
use crate::trail::{Action, Entry, Trail, TrailError, Vec1};

/// One thing that the plan does, for the trail.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedChange {
    pub kind: PlannedKind,
    pub name: String,
    pub action: PlannedAction,
    /// By field: `{"from": …, "to": …}`; a secret is only said to have changed.
    pub changes: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedKind {
    AccessKey,
    Connector,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedAction {
    Added,
    Changed,
    Removed,
}

impl Plan {
    /// Makes all changes and records each, or none. `Stale` means that somebody was faster: plan again.
    pub async fn apply(&self, store: &Store, trail: &Trail, by: &Administrator) -> Result<(), TrailError> {
        // Where nothing is done, there is nothing to record; and where nothing is recorded, nothing is done.
        let Ok(entries) = Vec1::try_from_vec(self.entries(by)) else { return Ok(()) };
        let changes = self.to_changes(store).map_err(TrailError::Change)?;
        trail.commit(changes, entries).await
    }

    /// In an order in which no connector is ever without its key.
    pub fn to_changes(&self, store: &Store) -> Result<Vec<Change>, StoreError> {
        let Self { keys, connectors } = self;
        let mut changes = Vec::new();
        for key in &keys.added {
            changes.push(store.add_access_key(key)?);
        }
        for step in &keys.changed {
            changes.push(store.replace_access_key(&step.new, step.seen)?);
        }
        for connector in &connectors.removed {
            changes.push(Store::remove_connector(connector.id, connector.revision));
        }
        for step in &connectors.changed {
            changes.push(store.replace_connector(&step.new, step.seen)?);
        }
        for connector in &connectors.added {
            changes.push(store.add_connector(connector)?);
        }
        changes.extend(keys.removed.iter().map(|key| Store::remove_access_key(key.id)));
        Ok(changes)
    }

    /// What the plan does, one by one.
    pub fn changes(&self) -> Vec<PlannedChange> {
        let keys = of(&self.keys, PlannedKind::AccessKey, |key| key.name.to_string(), |key| written(&key.details));
        let connectors = of(
            &self.connectors,
            PlannedKind::Connector,
            |connector| connector.name.to_string(),
            |connector| written(&connector.spec),
        );
        keys.into_iter().chain(connectors).collect()
    }

    /// A record for each change.
    pub fn entries(&self, by: &Administrator) -> Vec<Entry> {
        let entry = |change: PlannedChange| {
            let entry = by.did(change.trail_action());
            let mut changes = change.changes;
            match change.kind {
                // A record has no field for the key's name.
                PlannedKind::AccessKey => {
                    changes.insert("access_key".to_owned(), change.name.into());
                    entry.changes(changes.into())
                }
                PlannedKind::Connector => Entry { connector: Some(change.name), ..entry }.changes(changes.into()),
            }
        };
        self.changes().into_iter().map(entry).collect()
    }
}

impl PlannedChange {
    fn trail_action(&self) -> Action {
        match (self.kind, self.action) {
            (PlannedKind::AccessKey, PlannedAction::Added) => Action::AccessKeyAdded,
            (PlannedKind::AccessKey, PlannedAction::Changed) => Action::AccessKeyChanged,
            (PlannedKind::AccessKey, PlannedAction::Removed) => Action::AccessKeyRemoved,
            (PlannedKind::Connector, PlannedAction::Added) => Action::ConnectorAdded,
            (PlannedKind::Connector, PlannedAction::Changed) => Action::ConnectorChanged,
            (PlannedKind::Connector, PlannedAction::Removed) => Action::ConnectorRemoved,
        }
    }
}

fn of<T>(
    steps: &Steps<T>,
    kind: PlannedKind,
    name: impl Fn(&T) -> String,
    fields: impl Fn(&T) -> Value,
) -> Vec<PlannedChange> {
    let change = |action, thing: &T, changes| PlannedChange { kind, name: name(thing), action, changes };
    let added = steps
        .added
        .iter()
        .map(|thing| change(PlannedAction::Added, thing, difference(&Value::Null, &fields(thing)).to_json()));
    let changed = steps.changed.iter().map(|step| change(PlannedAction::Changed, &step.new, step.difference.to_json()));
    let removed = steps
        .removed
        .iter()
        .map(|thing| change(PlannedAction::Removed, thing, difference(&fields(thing), &Value::Null).to_json()));
    added.chain(changed).chain(removed).collect()
}
