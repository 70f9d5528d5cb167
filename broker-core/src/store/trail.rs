//! Links of the audit trail: only ever inserted and read.

use super::{Change, Rows, Store, StoreError, on};
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

/// Which links to read. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub outcome: Option<String>,
    pub connector: Option<String>,
}

/// Where a row of the trail stands, by its own words.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    chain: String,
    sequence: i64,
}

/// A row that has no id or no chain of ours.
#[derive(Debug)]
pub(crate) struct NotALink {
    pub(crate) id: String,
}

impl Store {
    /// Appends a link; the pair of chain and sequence is there once or never.
    pub(crate) fn append_link(link: &TrailLink) -> Change {
        const SQL: &str = "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let values = vec![
            link.id.to_string().into(),
            link.chain.to_string().into(),
            link.sequence.into(),
            link.at.0.into(),
            link.actor.as_str().into(),
            link.action.as_str().into(),
            link.outcome.as_str().into(),
            link.connector.clone().into(),
            link.record.as_str().into(),
            link.hash.as_slice().into(),
        ];
        Change { sql: SQL, values, rows: Rows::One, announces: false }
    }

    /// Links in the order of chains and, within each, of sequence: the order in which they prove each other.
    pub async fn links_in_order(
        &self,
        after: Option<(ChainId, i64)>,
        limit: i64,
    ) -> Result<Vec<TrailLink>, StoreError> {
        let after = after.map(|(chain, sequence)| Place { chain: chain.to_string(), sequence });
        Ok(self
            .rows_in_order(after.as_ref(), limit)
            .await?
            .into_iter()
            .map(|(_, link)| link)
            .collect::<Result<_, _>>()?)
    }

    /// The same, with rows that are no links among them, and the place of each: whatever somebody wrote there, the next page goes on
    /// behind it.
    pub(crate) async fn rows_in_order(
        &self,
        after: Option<&Place>,
        limit: i64,
    ) -> Result<Vec<(Place, Result<TrailLink, NotALink>)>, StoreError> {
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE chain > $1 OR (chain = $1 AND sequence > $2) ORDER BY chain, sequence LIMIT $3";
        let (chain, sequence) = after.map_or(("", i64::MIN), |place| (place.chain.as_str(), place.sequence));
        let rows: Vec<Row> = on!(&self.pool, pool => {
            sqlx::query_as(SQL).bind(chain).bind(sequence).bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(|row| (Place { chain: row.1.clone(), sequence: row.2 }, link(row))).collect())
    }

    /// The newest links first; `before` goes on from the last of an earlier page.
    pub async fn newest_links(
        &self,
        filter: &TrailFilter,
        before: Option<RecordId>,
        limit: i64,
    ) -> Result<Vec<TrailLink>, StoreError> {
        // Ids begin with their time, so their order is the trail's; the highest text there is comes after all of them.
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE id < $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3)
                           AND ($4 = '' OR outcome = $4) AND ($5 = '' OR connector = $5) ORDER BY id DESC LIMIT $6";
        let before = before.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let [actor, action, outcome, connector] = [&filter.actor, &filter.action, &filter.outcome, &filter.connector]
            .map(|word| word.clone().unwrap_or_default());
        let rows: Vec<Row> = on!(&self.pool, pool => {
            let query = sqlx::query_as(SQL).bind(before).bind(actor).bind(action).bind(outcome).bind(connector);
            query.bind(limit).fetch_all(pool).await?
        });
        Ok(rows.into_iter().map(link).collect::<Result<_, _>>()?)
    }
}

fn link(row: Row) -> Result<TrailLink, NotALink> {
    let (id, chain, sequence, at, actor, action, outcome, connector, record, hash) = row;
    let (Some(parsed), Some(chain)) = (ours(&id), ours(&chain)) else { return Err(NotALink { id }) };
    Ok(TrailLink { id: parsed, chain, sequence, at: Millis(at), actor, action, outcome, connector, record, hash })
}

/// An id as we write it. There are other ways to write a UUID, which sort elsewhere.
fn ours<Kind>(text: &str) -> Option<Id<Kind>> {
    text.parse().ok().filter(|id: &Id<Kind>| id.to_string() == text)
}

impl From<NotALink> for StoreError {
    fn from(NotALink { id }: NotALink) -> Self {
        Self::Forged { table: "trail", id }
    }
}

type Row = (String, String, i64, i64, String, String, String, Option<String>, String, Vec<u8>);
