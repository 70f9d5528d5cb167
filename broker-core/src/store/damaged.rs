//! Rows that are out of service: what they are called, so that somebody can put something in their place or take them away.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::{Change, Rows, Store, StoreError};

/// Where a damaged row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    AccessKeys,
    Connectors,
    ServiceTokens,
}

/// What keeps a row out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nobody with our keys wrote it as it is now. Putting ours in its place loses nothing that could be trusted.
    NotOurs,
    /// It is ours, but this release cannot read it: a newer one wrote it, and still can.
    Unreadable,
}

/// A row that is out of service, by its own words, which anybody may have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedRow {
    pub table: Table,
    pub damage: Damage,
    id: String,
    name: String,
}

/// What a table holds: what is in service, and what is not.
#[derive(Clone, Debug)]
pub struct Found<T> {
    pub good: Vec<T>,
    pub damaged: Vec<DamagedRow>,
}

impl Table {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessKeys => "access_keys",
            Self::Connectors => "connectors",
            Self::ServiceTokens => "service_tokens",
        }
    }
}

impl DamagedRow {
    pub(super) fn new(table: Table, damage: Damage, id: &str, name: &str) -> Self {
        Self { table, damage, id: id.to_owned(), name: name.to_owned() }
    }

    /// The name as found, fit to be shown.
    pub fn shown_name(&self) -> String {
        shown(&self.name)
    }

    /// The id as found, fit to be shown.
    pub fn shown_id(&self) -> String {
        shown(&self.id)
    }

    /// Whether the row stands where something of this name would.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether somebody who has seen what is shown means this row, by name or by id.
    pub fn is_meant_by(&self, text: &str) -> bool {
        text == self.shown_name() || text == self.shown_id()
    }

    /// The id as found, to be written into a statement's condition.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Store {
    /// Every row that is out of service. Each has raised an alarm in the log.
    pub async fn damaged_rows(&self) -> Result<Vec<DamagedRow>, StoreError> {
        let mut damaged = self.all_access_keys().await?.damaged;
        damaged.extend(self.all_connectors().await?.damaged);
        damaged.extend(self.all_service_tokens().await?.damaged);
        Ok(damaged)
    }

    /// Takes a damaged row away.
    pub fn remove_damaged(row: &DamagedRow) -> Change {
        // SQLite takes any type in any column.
        const ACCESS_KEY: &str = "DELETE FROM access_keys WHERE CAST(id AS TEXT) = $1";
        const CONNECTOR: &str = "DELETE FROM connectors WHERE CAST(id AS TEXT) = $1";
        const SERVICE_TOKEN: &str = "DELETE FROM service_tokens WHERE CAST(id AS TEXT) = $1";
        let sql = match row.table {
            Table::AccessKeys => ACCESS_KEY,
            Table::Connectors => CONNECTOR,
            Table::ServiceTokens => SERVICE_TOKEN,
        };
        Change { sql, values: vec![row.id().into()], rows: Rows::One, announces: true }
    }
}

impl<T> Found<T> {
    /// All rows of a table that can be read at all. One that cannot is reported, and takes no other with it.
    pub(super) fn of<'r, R>(table: Table, rows: &'r [R]) -> Self
    where
        R: Row,
        T: FromRow<'r, R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        &'static str: ColumnIndex<R>,
    {
        let mut found = Self { good: Vec::new(), damaged: Vec::new() };
        for row in rows {
            match T::from_row(row) {
                Ok(row) => found.good.push(row),
                Err(error) => {
                    tracing::error!(table = table.as_str(), %error, alarm = "forged_row", "a row cannot be read and is out of service");
                    let text = |column: &'static str| row.try_get_unchecked::<String, _>(column).unwrap_or_default();
                    found.damaged.push(DamagedRow::new(table, Damage::NotOurs, &text("id"), &text("name")));
                }
            }
        }
        found
    }

    /// The same, with those that prove to be ours as what they mean.
    pub(super) fn proved<U>(self, prove: impl Fn(T) -> Result<U, DamagedRow>) -> Found<U> {
        let mut proved = Found { good: Vec::with_capacity(self.good.len()), damaged: self.damaged };
        for row in self.good {
            match prove(row) {
                Ok(row) => proved.good.push(row),
                Err(damaged) => proved.damaged.push(damaged),
            }
        }
        proved
    }
}

/// Our names and ids are plain ASCII; whatever else somebody wrote must not reach a terminal.
fn shown(text: &str) -> String {
    let plain = |char: char| if char.is_ascii_graphic() { char } else { char::REPLACEMENT_CHARACTER };
    text.chars().take(MAX_SHOWN).map(plain).collect()
}

const MAX_SHOWN: usize = 80;
