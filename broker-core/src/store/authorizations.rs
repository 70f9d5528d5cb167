//! Rows of what people allowed AWS's own clients, each read together with the session that it came of.

use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::access_keys::encode;
use super::epochs::EpochWhenAsked;
use super::gathered::{Key, Query};
use super::heard::heard;
use super::sessions::{self, COLUMNS};
use super::{Change, Rows, Store, StoreError, on, proves};
use crate::authorization::{Authorization, Authorized, Stage};
use crate::clock::Millis;
use crate::id::{AuthorizationId, SessionId};
use crate::vault::Mac;

/// A session, the present epoch, and an authorization.
macro_rules! read {
    () => {
        "SELECT sessions.id, token, person, sessions.created_at, expires_at, checked_at, last_seen_at, sessions.mac,
                sessions.epoch, installation.epoch, epoch_mac, second_factor, password_mark,
                authorizations.id AS authorization_id, code, terms, authorizations.created_at, generation, rotated_at,
                authorizations.mac
         FROM authorizations, sessions, installation WHERE singleton = 1 AND sessions.id = authorizations.session"
    };
}

impl Store {
    /// An authorization by its id, with its session. None where either is over or was of an epoch before.
    pub async fn authorization(&self, id: AuthorizationId) -> Result<Option<Authorized>, StoreError> {
        let asked = self.ask_epoch();
        let row = self.reads.authorization_by_id.find(Key::Text(id.to_string())).await?;
        row.map_or(Ok(None), |row| self.read_authorization(&row, asked))
    }

    /// The authorization that a code stands for, by the code's keyed hash; the same.
    pub async fn authorization_by_code(&self, code: &Mac) -> Result<Option<Authorized>, StoreError> {
        const SQL: &str = concat!(read!(), " AND code = $1");
        let asked = self.ask_epoch();
        let row: Option<Row> =
            heard!(&self.pool, pool => sqlx::query_as(SQL).bind(code.as_slice()).fetch_optional(pool).await)?;
        row.map_or(Ok(None), |row| self.read_authorization(&row, asked))
    }

    /// Writes down what a person allowed. `InUse` where their session ended meanwhile.
    pub fn add_authorization(&self, authorization: &Authorization, code: &Mac) -> Result<Change, StoreError> {
        const SQL: &str =
            "INSERT INTO authorizations (id, session, code, terms, created_at, generation, rotated_at, mac)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (id, session, terms) = (authorization.id.to_string(), authorization.session, encode(&authorization.terms)?);
        let (generation, rotated_at) = authorization.stage.written(authorization.created_at);
        let times = [authorization.created_at, rotated_at].map(|time| Millis::from(time).0);
        let mac = self.authorization_mac(&id, session, code, &terms, generation, times);
        let [created_at, rotated_at] = times;
        let values = vec![
            id.into(),
            session.to_string().into(),
            code.as_slice().into(),
            terms.into(),
            created_at.into(),
            generation.into(),
            rotated_at.into(),
            mac.as_slice().into(),
        ];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    /// Goes on to the next generation, of which `next` is, its terms among it, unless somebody else just did or it is over: then it is `Stale`.
    pub fn rotate_authorization(&self, seen: &Authorized, next: &Authorization) -> Result<Change, StoreError> {
        const SQL: &str = "UPDATE authorizations SET generation = $3, rotated_at = $4, mac = $5, terms = $6
                           WHERE id = $1 AND generation = $2";
        let (id, terms) = (next.id.to_string(), encode(&next.terms)?);
        let (before, _) = seen.authorization.stage.written(seen.authorization.created_at);
        let (generation, rotated_at) = next.stage.written(next.created_at);
        let times = [next.created_at, rotated_at].map(|time| Millis::from(time).0);
        let mac = self.authorization_mac(&id, next.session, &seen.code, &terms, generation, times);
        let values =
            vec![id.into(), before.into(), generation.into(), times[1].into(), mac.as_slice().into(), terms.into()];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    /// Ends it, code and tokens, at once and on every node.
    pub fn end_authorization(id: AuthorizationId) -> Change {
        const SQL: &str = "DELETE FROM authorizations WHERE id = $1";
        Change { sql: SQL, values: vec![id.to_string().into()], rows: Rows::One, announces: false }
    }

    /// Ends whatever clients of AWS's a session let in.
    pub(crate) fn end_authorizations_of(session: SessionId) -> Change {
        const SQL: &str = "DELETE FROM authorizations WHERE session = $1";
        Change { sql: SQL, values: vec![session.to_string().into()], rows: Rows::Any, announces: false }
    }

    /// Forgets codes that nobody came for. Families end with their sessions.
    pub async fn sweep_codes(&self, made_before: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM authorizations WHERE generation = 0 AND created_at < $1";
        Ok(on!(&self.pool, pool => sqlx::query(SQL).bind(made_before.0).execute(pool).await?.rows_affected()))
    }

    fn read_authorization(&self, row: &Row, asked: EpochWhenAsked) -> Result<Option<Authorized>, StoreError> {
        let Some(session) = self.read_session(&row.session, asked)? else { return Ok(None) };
        let times = [row.created_at, row.rotated_at];
        let expected = self.authorization_mac(&row.id, session.id, &row.code, &row.terms, row.generation, times);
        let (Ok(token), Ok(code)) = (row.session.token.as_slice().try_into(), row.code.as_slice().try_into()) else {
            return Ok(None);
        };
        if !proves(TABLE, &row.id, &expected, &row.mac) {
            return Ok(None);
        }
        let parsed = || -> Option<Authorization> {
            Some(Authorization {
                id: row.id.parse().ok()?,
                session: session.id,
                terms: serde_json::from_str(&row.terms).ok()?,
                created_at: Millis(row.created_at).into(),
                stage: Stage::read(row.generation, Millis(row.rotated_at).into()),
            })
        };
        let Some(authorization) = parsed() else {
            let row = &row.id;
            tracing::error!(table = TABLE, row, "a row cannot be read by this release and is out of service");
            return Ok(None);
        };
        Ok(Some(Authorized { authorization, session, token, code }))
    }

    fn authorization_mac(
        &self,
        id: &str,
        session: SessionId,
        code: &[u8],
        terms: &str,
        generation: i64,
        times: [i64; 2],
    ) -> Mac {
        let [created_at, rotated_at] = times.map(i64::to_be_bytes);
        let parts: [&[u8]; 8] = [
            TABLE.as_bytes(),
            id.as_bytes(),
            session.as_bytes(),
            code,
            terms.as_bytes(),
            &generation.to_be_bytes(),
            &created_at,
            &rotated_at,
        ];
        self.seals.mac(crate::vault::Purpose::Row, &parts)
    }
}

/// An authorization's row behind its session's.
#[derive(Debug)]
pub(super) struct Row {
    session: sessions::Row,
    id: String,
    code: Vec<u8>,
    terms: String,
    created_at: i64,
    generation: i64,
    rotated_at: i64,
    mac: Vec<u8>,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for Row
where
    sessions::Row: FromRow<'r, R>,
    usize: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            session: sessions::Row::from_row(row)?,
            id: row.try_get(COLUMNS)?,
            code: row.try_get(COLUMNS + 1)?,
            terms: row.try_get(COLUMNS + 2)?,
            created_at: row.try_get(COLUMNS + 3)?,
            generation: row.try_get(COLUMNS + 4)?,
            rotated_at: row.try_get(COLUMNS + 5)?,
            mac: row.try_get(COLUMNS + 6)?,
        })
    }
}

/// By the authorization's id.
pub(super) const BY_ID: Query =
    Query { sql: concat!(read!(), " AND authorizations.id IN"), column: "authorization_id" };
const TABLE: &str = "authorizations";
