//! Rows that are out of service are shown, and taken away when somebody says so.

use serde_json::json;

use super::Administration;
use crate::permission::Administrator;
use crate::store::{Damage, DamagedRow, Store, StoreError, Table};
use crate::trail::{Action, Entry, TrailError, Vec1};

/// Why a damaged row was not taken away. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRowError {
    #[error(
        "connectors still name this access key: put a good one in its place with `brokerd key add`, or in the connectors file"
    )]
    InUse,
    #[error("a newer release of brokerd wrote this row and can read it: use that release")]
    Unreadable,
    #[error("someone else changed it meanwhile: look at it again")]
    Stale,
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl Administration {
    /// Every row that is out of service.
    pub async fn damaged_rows(&self) -> Result<Vec<DamagedRow>, StoreError> {
        self.store.damaged_rows().await
    }

    /// Takes a row away that does not prove to be ours, and that gave nobody anything.
    pub async fn remove_damaged(&self, row: &DamagedRow, by: &Administrator) -> Result<(), DamagedRowError> {
        match row.damage {
            Damage::NotOurs => {}
            Damage::Unreadable => return Err(DamagedRowError::Unreadable),
            // Nothing of it is there but that connectors name it.
            Damage::Gone => return Err(DamagedRowError::InUse),
        }
        let removed = match row.table {
            Table::AccessKeys => Action::AccessKeyRemoved,
            Table::Connectors => Action::ConnectorRemoved,
            Table::ServiceTokens => Action::ServiceTokenRevoked,
            Table::LocalUsers => Action::LocalUserRemoved,
            Table::LocalGroups => Action::LocalGroupRemoved,
        };
        let entry = about_damaged(by.did(removed), row);
        let mut changes = vec![Store::remove_damaged(row)];
        if matches!(row.table, Table::LocalUsers | Table::LocalGroups) {
            changes.insert(0, Store::announce_people());
        }
        match self.trail.commit(changes, Vec1::new(entry)).await {
            Ok(()) => Ok(()),
            Err(TrailError::Change(StoreError::InUse)) => Err(DamagedRowError::InUse),
            Err(TrailError::Change(StoreError::Stale)) => Err(DamagedRowError::Stale),
            Err(TrailError::Change(error)) => Err(DamagedRowError::Store(error)),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => Err(DamagedRowError::Trail(error)),
        }
    }
}

/// By the words that stood in the row, made fit to be read.
fn about_damaged(entry: Entry, row: &DamagedRow) -> Entry {
    let changes = json!({ "damaged_row": { "from": row.shown_id() }, "name": { "from": row.shown_name() } });
    entry.changes(changes).reason(&"a row that did not prove to be ours was taken away")
}
