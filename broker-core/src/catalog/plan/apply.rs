//! The plan as changes of rows, and as what the trail records of them.

use serde_json::{Map, Value, json};

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
    /// Put in the place of a row that did not prove to be ours.
    Repaired,
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
        let Self { keys, connectors, left_damaged: _ } = self;
        let mut changes = Vec::new();
        for (key, row) in &keys.repaired {
            changes.push(store.repair_access_key(key, row)?);
        }
        for key in &keys.added {
            changes.push(store.add_access_key(key)?);
        }
        for step in &keys.changed {
            changes.push(store.replace_access_key(&step.new, step.seen)?);
        }
        for connector in &connectors.removed {
            changes.push(Store::remove_connector(connector.id, connector.revision));
        }
        for (connector, row) in &connectors.repaired {
            changes.push(store.repair_connector(connector, row)?);
        }
        for step in &connectors.changed {
            changes.push(store.replace_connector(&step.new, step.seen)?);
        }
        for connector in &connectors.added {
            changes.push(store.add_connector(connector)?);
        }
        changes.extend(keys.removed.iter().map(|key| Store::remove_access_key(key.id, key.generation)));
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
            let entry = match change.action {
                PlannedAction::Repaired => entry.reason(&REPAIRED),
                PlannedAction::Added | PlannedAction::Changed | PlannedAction::Removed => entry,
            };
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

impl PlannedKind {
    /// As the plan calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::Connector => "connector",
        }
    }
}

impl PlannedChange {
    fn trail_action(&self) -> Action {
        match (self.kind, self.action) {
            (PlannedKind::AccessKey, PlannedAction::Added | PlannedAction::Repaired) => Action::AccessKeyAdded,
            (PlannedKind::AccessKey, PlannedAction::Changed) => Action::AccessKeyChanged,
            (PlannedKind::AccessKey, PlannedAction::Removed) => Action::AccessKeyRemoved,
            (PlannedKind::Connector, PlannedAction::Added | PlannedAction::Repaired) => Action::ConnectorAdded,
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
    let repaired = steps.repaired.iter().map(|(thing, row)| {
        let mut fields = difference(&Value::Null, &fields(thing)).to_json();
        fields.insert("damaged_row".to_owned(), json!({ "from": row.shown_id() }));
        change(PlannedAction::Repaired, thing, fields)
    });
    let changed = steps.changed.iter().map(|step| change(PlannedAction::Changed, &step.new, step.difference.to_json()));
    let removed = steps
        .removed
        .iter()
        .map(|thing| change(PlannedAction::Removed, thing, difference(&fields(thing), &Value::Null).to_json()));
    added.chain(repaired).chain(changed).chain(removed).collect()
}

/// Why something was added under a name that was taken.
pub(crate) const REPAIRED: &str = "it took the place of a row that did not prove to be ours";
