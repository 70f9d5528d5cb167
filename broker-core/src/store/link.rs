//! A link of the audit trail, and a row of it as far as it can be read as one.

use sqlx::{ColumnIndex, Decode, Type};

use super::StoreError;
use crate::clock::Millis;
use crate::id::{ChainId, Id, RecordId};

/// One link as the store holds it. `record` is the text that was hashed, to the letter; the other columns repeat some of
/// it for searching, and `verify` compares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLink {
    pub id: RecordId,
    pub chain: ChainId,
    pub sequence: i64,
    pub at: Millis,
    pub actor: String,
    pub action: String,
    pub outcome: String,
    pub connector: Option<String>,
    pub record: String,
    pub hash: Vec<u8>,
}

/// Where a row of the trail stands, by its own words.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) chain: String,
    pub(super) sequence: i64,
}

impl Place {
    /// Where a page begins whose first row may be this record.
    pub(crate) fn before(chain: ChainId, sequence: i64) -> Self {
        Self { chain: chain.to_string(), sequence: sequence.saturating_sub(1) }
    }

    pub(crate) fn sequence(&self) -> i64 {
        self.sequence
    }
}

/// A row that has no id or no chain of ours, or no number in it.
#[derive(Debug)]
pub(crate) struct NotALink {
    pub(crate) id: String,
}

/// A row as far as it can be read: SQLite takes any type in any column. What cannot be read is as no record of ours says it, and so
/// does not prove.
pub(super) struct Row {
    pub(super) id: String,
    chain: Option<String>,
    sequence: Option<i64>,
    at: i64,
    actor: String,
    action: String,
    outcome: String,
    connector: Option<String>,
    record: String,
    hash: Vec<u8>,
}

/// Rows as far as they can be read.
pub(super) fn as_far<R>(rows: Vec<R>) -> Vec<Row>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |row: &R, column: &'static str| row.try_get::<String, _>(column).unwrap_or_default();
    let read = |row: &R| Row {
        id: row.try_get_unchecked("id").unwrap_or_default(),
        chain: row.try_get("chain").ok(),
        sequence: row.try_get("sequence").ok(),
        at: row.try_get("at").unwrap_or_default(),
        actor: text(row, "actor"),
        action: text(row, "action"),
        outcome: text(row, "outcome"),
        // Not as if there were none: of many records that would be true.
        connector: row.try_get("connector").unwrap_or_else(|_| Some(String::new())),
        record: text(row, "record"),
        hash: row.try_get("hash").unwrap_or_default(),
    };
    rows.iter().map(read).collect()
}

impl Row {
    /// Where the next page goes on. A row without a number stands behind all those of its chain that have one, and whatever is like it is
    /// passed over; where not even its chain can be read, it has no place.
    pub(super) fn place(&self) -> Option<Place> {
        let chain = self.chain.as_ref()?;
        Some(match self.sequence {
            Some(sequence) => Place { chain: chain.clone(), sequence },
            None => Place { chain: format!("{chain}\u{1}"), sequence: i64::MIN },
        })
    }
}

pub(super) fn link(row: Row) -> Result<TrailLink, NotALink> {
    let Row { id, chain, sequence, at, actor, action, outcome, connector, record, hash } = row;
    let (Some(parsed), Some(chain), Some(sequence)) = (ours(&id), chain.as_deref().and_then(ours), sequence) else {
        return Err(NotALink { id });
    };
    Ok(TrailLink { id: parsed, chain, sequence, at: Millis(at), actor, action, outcome, connector, record, hash })
}

/// An id as we write it. There are other ways to write a UUID, which sort elsewhere.
pub(super) fn ours<Kind>(text: &str) -> Option<Id<Kind>> {
    text.parse().ok().filter(|id: &Id<Kind>| id.to_string() == text)
}

impl From<NotALink> for StoreError {
    fn from(NotALink { id }: NotALink) -> Self {
        Self::Forged { table: "trail", id }
    }
}
