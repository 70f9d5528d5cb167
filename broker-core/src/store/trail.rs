//! Links of the audit trail: only ever inserted and read.

use std::sync::LazyLock;

use sqlx::FromRow;

use super::change::{BeginWrite, Keeps, Value};
use super::heard::heard;
use super::link::{NotALink, Place, Row, TrailLink, as_far, link, ours};
use super::{Change, Page, Rows, Store, StoreError, on, readable};
use crate::as_read::{AsRead, ReadRow};
use crate::clock::Millis;
use crate::id::{ChainId, RecordId};

/// Which links to read. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub outcome: Option<String>,
    pub connector: Option<String>,
}

/// The newest first, where something holds that an index knows.
macro_rules! newest {
    ($indexed:literal) => {
        concat!(
            "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail WHERE ",
            $indexed,
            " AND id < $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3) AND ($4 = '' OR outcome = $4)
              AND ($5 = '' OR connector = $5) ORDER BY id DESC LIMIT $6"
        )
    };
}

impl Store {
    /// Appends links; each pair of chain and sequence is there once or never. As many as can be share a statement: each statement is a
    /// journey, to SQLite's own thread or to a server.
    ///
    /// Where a caller that one of them is about is not as read any more, nothing of its statement is appended, which is
    /// [`StoreError::Stale`].
    pub(crate) fn append_links(links: Vec<(TrailLink, Option<AsRead>)>) -> Vec<Change> {
        let mut changes = Vec::with_capacity(links.len().div_ceil(MOST));
        let mut links = links.into_iter().peekable();
        while links.peek().is_some() {
            let values: Vec<Value> = links.by_ref().take(MOST).flat_map(values).collect();
            let rows = values.len() / VALUES;
            // There is one for each number of rows up to the most.
            if let Some(sql) = rows.checked_sub(1).and_then(|index| INSERTS.get(index)) {
                changes.push(Change { sql, values, rows: Rows::Inserted(rows as u64), announces: false });
            }
        }
        changes
    }

    /// Whether a caller still is as read.
    pub(crate) async fn is_as_read(&self, caller: &AsRead) -> Result<bool, StoreError> {
        let (id, checked_at, epoch) = found_by(caller);
        let found: i64 = heard!(&self.pool, pool => {
            let query = sqlx::query_scalar(IS_AS_READ.as_str()).bind(id).bind(checked_at).bind(epoch);
            query.fetch_one(pool).await?
        });
        Ok(found > 0)
    }

    /// Whether the trail takes a record, which is taken back.
    pub(crate) async fn probe_trail(&self) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, record, hash)
                           VALUES ($1, $1, 0, 0, '', '', '', $2, $3)";
        on!(&self.pool, pool => {
            let mut connection = pool.acquire().await?;
            let mut transaction = connection.begin_write(Keeps::All).await?;
            let probe = sqlx::query(SQL).bind("probe").bind("as long as a record ".repeat(200)).bind(vec![0_u8; 32]);
            probe.execute(&mut *transaction).await?;
            transaction.rollback().await?;
        });
        Ok(())
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

    /// The same, with rows that are no links among them, and the place of each that has one: whatever somebody wrote there, the next page
    /// goes on behind the last of them.
    pub(crate) async fn rows_in_order(
        &self,
        after: Option<&Place>,
        limit: i64,
    ) -> Result<Vec<(Option<Place>, Result<TrailLink, NotALink>)>, StoreError> {
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE chain > $1 OR (chain = $1 AND sequence > $2) ORDER BY chain, sequence LIMIT $3";
        let (chain, sequence) = after.map_or(("", i64::MIN), |place| (place.chain.as_str(), place.sequence));
        let rows = heard!(&self.pool, pool => {
            as_far(sqlx::query(SQL).bind(chain).bind(sequence).bind(limit).fetch_all(pool).await?)
        });
        Ok(rows.into_iter().map(|row| (row.place(), link(row))).collect())
    }

    /// One record by its place; nothing as well where what is there cannot be read at all, which is reported.
    pub async fn link_at(&self, chain: ChainId, sequence: i64) -> Result<Option<TrailLink>, StoreError> {
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE chain = $1 AND sequence = $2";
        let rows = heard!(&self.pool, pool => {
            as_far(sqlx::query(SQL).bind(chain.to_string()).bind(sequence).fetch_all(pool).await?)
        });
        Ok(rows.into_iter().next().map(link).transpose()?)
    }

    /// Whether there is anything at this place.
    pub(crate) async fn is_link_there(&self, chain: ChainId, sequence: i64) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT count(*) FROM trail WHERE chain = $1 AND sequence = $2";
        let there: i64 = heard!(&self.pool, pool => {
            sqlx::query_scalar(SQL).bind(chain.to_string()).bind(sequence).fetch_one(pool).await?
        });
        Ok(there > 0)
    }

    /// Rows of a chain up to this place, the last first.
    pub(crate) async fn links_up_to(
        &self,
        chain: ChainId,
        sequence: i64,
        limit: i64,
    ) -> Result<Vec<(Place, Result<TrailLink, NotALink>)>, StoreError> {
        const SQL: &str = "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail
                           WHERE chain = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT $3";
        let rows = heard!(&self.pool, pool => {
            as_far(sqlx::query(SQL).bind(chain.to_string()).bind(sequence).bind(limit).fetch_all(pool).await?)
        });
        Ok(rows.into_iter().filter_map(|row| Some((row.place()?, link(row)))).collect())
    }

    /// The places, among those of a chain after one and up to another, whose predecessor is not there.
    pub(crate) async fn ends_of_gaps(&self, chain: ChainId, after: i64, upto: i64) -> Result<Vec<i64>, StoreError> {
        const SQL: &str =
            "SELECT sequence FROM trail AS here WHERE chain = $1 AND sequence > $2 AND sequence <= $3 AND sequence > 0
                           AND NOT EXISTS (SELECT 1 FROM trail AS before
                                           WHERE before.chain = here.chain AND before.sequence = here.sequence - 1)
                           ORDER BY sequence LIMIT $4";
        Ok(heard!(whole, &self.pool, pool => {
            let query = sqlx::query_scalar(SQL).bind(chain.to_string()).bind(after).bind(upto);
            query.bind(MOST_GAPS).fetch_all(pool).await?
        }))
    }

    /// Records after this one, by id, whose predecessor in their chain is not there.
    pub(crate) async fn ends_of_gaps_since(&self, after: RecordId) -> Result<Vec<TrailLink>, StoreError> {
        const SQL: &str =
            "SELECT id, chain, sequence, at, actor, action, outcome, connector, record, hash FROM trail AS here
                           WHERE id > $1 AND sequence > 0
                           AND NOT EXISTS (SELECT 1 FROM trail AS before
                                           WHERE before.chain = here.chain AND before.sequence = here.sequence - 1)
                           ORDER BY chain, sequence LIMIT $2";
        let rows = heard!(whole, &self.pool, pool => {
            as_far(sqlx::query(SQL).bind(after.to_string()).bind(MOST_GAPS).fetch_all(pool).await?)
        });
        Ok(rows.into_iter().filter_map(|row| link(row).ok()).collect())
    }

    /// The chains that have records after this one, and how far each goes. What is no chain of ours is reported and left out.
    pub async fn chains_since(&self, after: Option<RecordId>) -> Result<Vec<(ChainId, i64)>, StoreError> {
        // Ids begin with their time, so that only what is new is looked at.
        const SQL: &str = "SELECT chain, MAX(sequence) FROM trail WHERE id > $1 GROUP BY chain";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, i64)> = heard!(whole, &self.pool, pool => {
            let rows = sqlx::query(SQL).bind(after).fetch_all(pool).await?;
            readable("trail", rows.iter().map(<(String, i64)>::from_row))
        });
        let chain = |(chain, sequence): (String, i64)| {
            let ours = ours(&chain);
            if ours.is_none() {
                tracing::error!(table = "trail", row = %chain, alarm = "forged_row", "rows of the trail are in no chain of ours");
            }
            Some((ours?, sequence))
        };
        Ok(rows.into_iter().filter_map(chain).collect())
    }

    /// Chains that begin with records from before that time: the first that is there, and the last before a younger one.
    pub async fn chains_older_than(&self, time: Millis) -> Result<Vec<(ChainId, i64, i64)>, StoreError> {
        const SQL: &str = "SELECT chain, MIN(sequence), MAX(sequence), MIN(CASE WHEN at >= $1 THEN sequence END)
                           FROM trail GROUP BY chain ORDER BY chain";
        let rows: Vec<(String, i64, i64, Option<i64>)> = heard!(whole, &self.pool, pool => {
            let rows = sqlx::query(SQL).bind(time.0).fetch_all(pool).await?;
            readable("trail", rows.iter().map(FromRow::from_row))
        });
        let prefix = |(chain, first, last, young): (String, i64, i64, Option<i64>)| {
            let upto = young.map_or(last, |young| young.saturating_sub(1));
            Some((ours(&chain)?, first, upto)).filter(|(_, first, upto)| first <= upto)
        };
        Ok(rows.into_iter().filter_map(prefix).collect())
    }

    /// The newest links first; `before` goes on from the last of an earlier page.
    pub async fn newest_links(
        &self,
        filter: &TrailFilter,
        before: Option<RecordId>,
        limit: i64,
    ) -> Result<Vec<TrailLink>, StoreError> {
        let before = before.map(|id| id.to_string());
        let rows = self.newest_rows(filter, before.as_deref(), limit).await?;
        Ok(rows.into_iter().map(link).collect::<Result<_, _>>()?)
    }

    /// One page of the same. A row that is no link is reported and left out.
    pub(crate) async fn trail_page(
        &self,
        filter: &TrailFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<TrailLink>, StoreError> {
        let rows = self.newest_rows(filter, after, Page::<Row>::to_read(limit)).await?;
        Page::of(rows, limit, |row| row.id.clone()).filter_map(|row| {
            Ok(link(row)
                .inspect_err(|NotALink { id }| {
                    tracing::error!(table = "trail", row = %id, alarm = "forged_row", "a row of the trail is no link of it");
                })
                .ok())
        })
    }

    /// By the index of that part of the filter which leaves least: there are few of an actor, and most end well.
    async fn newest_rows(
        &self,
        filter: &TrailFilter,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = match filter {
            TrailFilter { actor: Some(_), .. } => newest!("actor = $2"),
            TrailFilter { connector: Some(_), .. } => newest!("connector = $5"),
            // To the letter as the index says it.
            TrailFilter { outcome: Some(outcome), .. } if outcome != "success" => newest!("outcome <> 'success'"),
            TrailFilter { action: Some(_), .. } => newest!("action = $3"),
            TrailFilter { .. } => newest!("1 = 1"),
        };
        // Ids begin with their time, so their order is the trail's; the highest text there is comes after all of them.
        let before = before.unwrap_or("g");
        let [actor, action, outcome, connector] = [&filter.actor, &filter.action, &filter.outcome, &filter.connector]
            .map(|word| word.clone().unwrap_or_default());
        Ok(heard!(&self.pool, pool => {
            let query = sqlx::query(sql).bind(before).bind(actor).bind(action).bind(outcome).bind(connector);
            as_far(query.bind(limit).fetch_all(pool).await?)
        }))
    }
}

/// As many gaps as are told at once; there are none where nobody laid hands on the trail.
const MOST_GAPS: i64 = 1_000;

static IS_AS_READ: LazyLock<String> =
    LazyLock::new(|| format!("SELECT count(*) FROM installation WHERE {}", as_read("$1", "$2", "$3")));

/// The statements that insert one row, two rows, and so on: whatever comes together stays prepared.
static INSERTS: LazyLock<Vec<String>> = LazyLock::new(|| (1..=MOST).map(insert).collect());

fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=COLUMNS).map(|column| format!("${}", row * VALUES + column)).collect();
        format!("({})", numbers.join(", "))
    };
    let is_as_read = |row: usize| {
        let [id, checked_at, epoch] = [1, 2, 3].map(|value| format!("${}", row * VALUES + COLUMNS + value));
        format!("({id} IS NULL OR {})", as_read(&id, &checked_at, &epoch))
    };
    let all_are: Vec<String> = (0..rows).map(is_as_read).collect();
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, connector, record, hash)
         SELECT * FROM (VALUES {}) AS links WHERE {}",
        rows.join(", "),
        all_are.join(" AND ")
    )
}

/// Whether a caller's row is there, as it was read and in the present epoch.
fn as_read(id: &str, checked_at: &str, epoch: &str) -> String {
    format!(
        "(EXISTS (SELECT 1 FROM sessions, installation WHERE sessions.id = {id} AND checked_at = {checked_at}
                  AND sessions.epoch = {epoch} AND singleton = 1 AND installation.epoch = {epoch})
          OR EXISTS (SELECT 1 FROM authorizations, sessions, installation
                     WHERE authorizations.id = {id} AND sessions.id = authorizations.session AND checked_at = {checked_at}
                     AND sessions.epoch = {epoch} AND singleton = 1 AND installation.epoch = {epoch})
          OR EXISTS (SELECT 1 FROM service_tokens, installation WHERE service_tokens.id = {id}
                     AND service_tokens.epoch = {epoch} AND singleton = 1 AND installation.epoch = {epoch}))"
    )
}

/// By what a caller's row is found.
fn found_by(as_read: &AsRead) -> (String, Option<i64>, i64) {
    let (id, checked_at) = match as_read.row() {
        ReadRow::Session { id, checked_at } => (id.to_string(), Some(Millis::from(checked_at).0)),
        ReadRow::Authorization { id, checked_at } => (id.to_string(), Some(Millis::from(checked_at).0)),
        ReadRow::ServiceToken { id } => (id.to_string(), None),
    };
    (id, checked_at, as_read.epoch().number())
}

fn values((link, as_read): (TrailLink, Option<AsRead>)) -> [Value; VALUES] {
    let (row, checked_at, epoch) = match as_read.as_ref().map(found_by) {
        Some((row, checked_at, epoch)) => (Some(row), checked_at, Some(epoch)),
        None => (None, None, None),
    };
    let TrailLink { id, chain, sequence, at, actor, action, outcome, connector, record, hash } = link;
    [
        id.to_string().into(),
        chain.to_string().into(),
        sequence.into(),
        at.0.into(),
        actor.into(),
        action.into(),
        outcome.into(),
        connector.into(),
        record.into(),
        hash.as_slice().into(),
        row.into(),
        checked_at.into(),
        epoch.into(),
    ]
}

const COLUMNS: usize = 10;
/// And by what the caller is known who must be as read.
const VALUES: usize = COLUMNS + 3;
/// 832 values, of 32,766 that SQLite binds and 65,535 of PostgreSQL. Of each number of rows a statement stays prepared.
const MOST: usize = 64;
