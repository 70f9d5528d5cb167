//! Links of the audit trail: only ever inserted and read.

use super::{Change, Store, StoreError, on};
use crate::clock::Millis;
use crate::id::{ChainId, RecordId};

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
        Change { sql: SQL, values, announces: false }
    }

    /// Links in the order of chains and, within each, of sequence: the order in which they prove each other.
    pub async fn links_in_order(
        &self,
        after: Option<(ChainId, i64)>,
        limit: i64,
    ) -> Result<Vec<TrailLink>, StoreError> {
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE chain > $1 OR (chain = $1 AND sequence > $2) ORDER BY chain, sequence LIMIT $3";
        let (chain, sequence) = after.map_or_else(|| (String::new(), -1), |(chain, last)| (chain.to_string(), last));
        let rows: Vec<Row> = on!(&self.pool, pool => {
            sqlx::query_as(SQL).bind(chain).bind(sequence).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(link).collect()
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
        rows.into_iter().map(link).collect()
    }
}

fn link(row: Row) -> Result<TrailLink, StoreError> {
    let (id, chain, sequence, at, actor, action, outcome, connector, record, hash) = row;
    let forged = || StoreError::Forged { table: "trail", id: id.clone() };
    Ok(TrailLink {
        id: id.parse().map_err(|_| forged())?,
        chain: chain.parse().map_err(|_| forged())?,
        sequence,
        at: Millis(at),
        actor,
        action,
        outcome,
        connector,
        record,
        hash,
    })
}

type Row = (String, String, i64, i64, String, String, String, Option<String>, String, Vec<u8>);
