//! Rows that are out of service: what they are called, so that somebody can put something in their place or take them away.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::{Change, Rows, Store, StoreError};

/// Where a damaged row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    AccessKeys,
    Connectors,
    ServiceTokens,
    LocalUsers,
    LocalGroups,
}

/// What keeps a row out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nobody with our keys wrote it as it is now. Putting ours in its place loses nothing that could be trusted.
    NotOurs,
    /// It is ours, but this release cannot read it: a newer one wrote it, and still can.
    Unreadable,
    /// It is not there at all, though connectors name it: somebody took it away past the database's own rules. Only access keys are named.
    Gone,
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
            Self::LocalUsers => "local_users",
            Self::LocalGroups => "local_groups",
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

    /// An access key that connectors name by this word. Its id went with it.
    pub(super) fn gone(name: &str) -> Self {
        let row = Self::new(Table::AccessKeys, Damage::Gone, name, name);
        let key = row.shown_name();
        tracing::error!(
            table = row.table.as_str(),
            row = key,
            alarm = "forged_row",
            "the row of an access key that connectors name is not there, and they are out of service"
        );
        row
    }

    /// The id as found, to be written into a statement's condition.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Store {
    /// Every row that is out of service. Each has raised an alarm in the log.
    pub async fn damaged_rows(&self) -> Result<Vec<DamagedRow>, StoreError> {
        let mut damaged = self.all_access_keys().await?.damaged;
        damaged.extend(self.all_connectors().await?.damaged);
        damaged.extend(self.all_service_tokens().await?.damaged);
        damaged.extend(self.all_local_users().await?.damaged);
        damaged.extend(self.all_local_groups().await?.damaged);
        Ok(damaged)
    }

    /// Takes a damaged row away.
    pub fn remove_damaged(row: &DamagedRow) -> Change {
        // SQLite takes any type in any column.
        const ACCESS_KEY: &str = "DELETE FROM access_keys WHERE CAST(id AS TEXT) = $1";
        const CONNECTOR: &str = "DELETE FROM connectors WHERE CAST(id AS TEXT) = $1";
        const SERVICE_TOKEN: &str = "DELETE FROM service_tokens WHERE CAST(id AS TEXT) = $1";
        const LOCAL_USER: &str = "DELETE FROM local_users WHERE CAST(id AS TEXT) = $1";
        const LOCAL_GROUP: &str = "DELETE FROM local_groups WHERE CAST(id AS TEXT) = $1";
        let sql = match row.table {
            Table::AccessKeys => ACCESS_KEY,
            Table::Connectors => CONNECTOR,
            Table::ServiceTokens => SERVICE_TOKEN,
            Table::LocalUsers => LOCAL_USER,
            Table::LocalGroups => LOCAL_GROUP,
        };
        Change { sql, values: vec![row.id().into()], rows: Rows::One, announces: true }
    }
}

impl<T> Default for Found<T> {
    /// An empty table.
    fn default() -> Self {
        Self { good: Vec::new(), damaged: Vec::new() }
    }
}

impl<T> Found<T> {
    /// Takes a row in, as what it means where it proves to be ours. One that cannot be read at all is reported, and takes no other with
    /// it.
    pub(super) fn add<'r, R, U>(&mut self, table: Table, row: &'r R, prove: impl Fn(U) -> Result<T, DamagedRow>)
    where
        R: Row,
        U: FromRow<'r, R>,
        String: Decode<'r, R::Database> + Type<R::Database>,
        &'static str: ColumnIndex<R>,
    {
        let proved = U::from_row(row).map_err(|error| {
            tracing::error!(table = table.as_str(), %error, alarm = "forged_row", "a row cannot be read and is out of service");
            let text = |column: &'static str| row.try_get_unchecked::<String, _>(column).unwrap_or_default();
            DamagedRow::new(table, Damage::NotOurs, &text("id"), &text("name"))
        });
        match proved.and_then(prove) {
            Ok(good) => self.good.push(good),
            Err(damaged) => self.damaged.push(damaged),
        }
    }
}

/// All rows of a table, each proved as it comes: there may be a hundred thousand, and those who answer requests are not kept waiting.
macro_rules! found {
    ($pool:expr, $table:expr, $sql:expr, $prove:expr) => {{
        let mut found = $crate::store::Found::default();
        $crate::store::heard::heard!($pool, pool => {
            let mut rows = sqlx::query($sql).fetch(pool);
            let mut count = 0_usize;
            while let Some(row) = futures_util::TryStreamExt::try_next(&mut rows).await? {
                found.add($table, &row, $prove);
                count += 1;
                if count.is_multiple_of($crate::store::damaged::AT_ONCE) {
                    tokio::task::yield_now().await;
                }
            }
        });
        found
    }};
}
pub(super) use found;

/// A fraction of a millisecond's work.
pub(super) const AT_ONCE: usize = 16;

/// Our names and ids are plain ASCII; whatever else somebody wrote must not reach a terminal.
fn shown(text: &str) -> String {
    let plain = |char: char| if char.is_ascii_graphic() { char } else { char::REPLACEMENT_CHARACTER };
    text.chars().take(MAX_SHOWN).map(plain).collect()
}

const MAX_SHOWN: usize = 80;
