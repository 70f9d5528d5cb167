//! Rows that are out of service, as the lists show them, and how they are taken away.

use broker_core::connector::Connector;
use broker_core::local_user::{LocalGroup, LocalUser};
use broker_core::session::ServiceToken;
use broker_core::store::{Damage, DamagedRow, Table};
use serde::Serialize;

use super::failure::say;
use super::site::Opened;
use super::{operator, terminal};

/// A damaged row as it is shown: its name and id are what stands there, whoever wrote it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    name: String,
    id: String,
    damaged: &'static str,
}

impl Shown {
    pub(super) fn of(row: &DamagedRow) -> Self {
        let damaged = match row.damage {
            Damage::NotOurs => "not_ours",
            Damage::Unreadable => "unreadable",
            Damage::Gone => "gone",
        };
        Self { name: row.shown_name(), id: row.shown_id(), damaged }
    }
}

/// What is wrong with a row, in a list's column.
pub(super) fn state(row: &DamagedRow) -> String {
    match row.damage {
        Damage::NotOurs => format!("OUT OF SERVICE: the row does not prove to be ours ({})", row.shown_id()),
        Damage::Unreadable => format!("OUT OF SERVICE: a newer release wrote the row ({})", row.shown_id()),
        Damage::Gone => "OUT OF SERVICE: connectors name it, and its row is not there".to_owned(),
    }
}

/// The damaged row of a table that somebody means by its name or id as a list shows them. What is in service and called so is meant
/// first: nobody can hide it behind a row of theirs.
pub(super) async fn find(opened: &Opened, table: Table, text: &str) -> anyhow::Result<Option<DamagedRow>> {
    let store = &opened.house.store;
    let is_good = match table {
        Table::AccessKeys => store.access_keys().await?.iter().any(|key| key.name.as_str() == text),
        Table::ServiceTokens => {
            let is_meant = |token: &ServiceToken| token.name.as_str() == text || token.id.to_string() == text;
            store.service_tokens().await?.iter().any(is_meant)
        }
        Table::LocalUsers => {
            let is_meant = |user: &LocalUser| user.name.as_str() == text || user.id.to_string() == text;
            store.all_local_users().await?.good.iter().any(is_meant)
        }
        Table::LocalGroups => {
            let is_meant = |group: &LocalGroup| group.name.as_str() == text || group.id.to_string() == text;
            store.all_local_groups().await?.good.iter().any(is_meant)
        }
        Table::Connectors => store.connectors().await?.iter().any(|connector| means_connector(text, connector)),
    };
    if is_good {
        return Ok(None);
    }
    let rows = opened.administration.damaged_rows().await?;
    Ok(rows.into_iter().find(|row| row.table == table && row.is_meant_by(text)))
}

/// Whether somebody means this connector, by its name or its id.
pub(super) fn means_connector(text: &str, connector: &Connector) -> bool {
    connector.name.as_str() == text || connector.id.to_string() == text
}

/// Takes a damaged row away, if somebody who is there agrees.
pub(super) async fn remove(opened: &Opened, row: &DamagedRow, yes: bool) -> anyhow::Result<()> {
    let (name, id) = (row.shown_name(), row.shown_id());
    terminal::agrees_if_attended(&format!("Take away the damaged row `{name}` ({id})?"), yes)?;
    opened.administration.remove_damaged(row, &operator::may()).await?;
    say(&format!("the damaged row `{name}` ({id}) is gone; find out who wrote to the database"));
    Ok(())
}
