//! Rows of people's sessions: found by the keyed hash of their token, proved by a keyed hash over all that decides.

use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::access_keys::encode;
use super::epochs::EpochWhenAsked;
use super::gathered::{Key, Query};
use super::heard::heard;
use super::{Change, Page, Rows, Store, StoreError, on, proves};
use crate::caller::Subject;
use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::id::SessionId;
use crate::name::DirectoryName;
use crate::session::{Session, Username, Whose};
use crate::vault::Mac;

/// A session and the present epoch.
macro_rules! read {
    () => {
        "SELECT sessions.id, token, person, sessions.created_at, expires_at, checked_at, last_seen_at, mac,
                sessions.epoch, installation.epoch, epoch_mac, second_factor, password_mark
         FROM sessions, installation WHERE singleton = 1"
    };
}

impl Store {
    /// The session that a token belongs to, by the token's keyed hash. None where it began before a backup was restored: it is over.
    pub async fn session_by_token(&self, token: &Mac) -> Result<Option<Session>, StoreError> {
        let asked = self.ask_epoch();
        let row = self.reads.session_by_token.find(Key::Bytes(token.to_vec())).await?;
        row.map_or(Ok(None), |row| self.read_session(&row, asked))
    }

    /// A session by its id, to see whether it still lives; the same.
    pub async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let asked = self.ask_epoch();
        let row = self.reads.session_by_id.find(Key::Text(id.to_string())).await?;
        row.map_or(Ok(None), |row| self.read_session(&row, asked))
    }

    /// One page of somebody's sessions that end after `now` and were used since, the newest first.
    pub async fn sessions_newest_first(
        &self,
        whose: &Whose,
        after: Option<&str>,
        limit: usize,
        now: Millis,
        idle_since: Millis,
    ) -> Result<Page<Session>, StoreError> {
        // Ids begin with their time; the highest text there is comes after all of them. What the store finds by its text is looked at again.
        const SQL: &str = concat!(
            read!(),
            " AND sessions.id < $1 AND expires_at > $2 AND last_seen_at > $3 AND sessions.epoch = installation.epoch
             AND person LIKE $5 ESCAPE '!' AND person LIKE $6 ESCAPE '!'
             ORDER BY sessions.id DESC LIMIT $4"
        );
        let directory = field_like("directory", whose.directory.as_ref().map(DirectoryName::as_str))?;
        let person = field_like("username", whose.person.as_ref().map(Username::as_str))?;
        let asked = self.ask_epoch();
        let rows: Vec<Row> = heard!(&self.pool, pool => {
            let query = sqlx::query_as(SQL).bind(after.unwrap_or("g")).bind(now.0).bind(idle_since.0);
            let query = query.bind(Page::<Row>::to_read(limit)).bind(directory.as_str()).bind(person.as_str());
            query.fetch_all(pool).await?
        });
        let its = |session: Option<Session>| session.filter(|session| whose.is(&session.person));
        Page::of(rows, limit, |row| row.id.clone()).filter_map(|row| self.read_session(&row, asked).map(its))
    }

    /// Begins a session.
    pub fn add_session(&self, session: &Session, token: &Mac) -> Result<Change, StoreError> {
        self.add(session, token, Some(&session.person.subject))
    }

    /// Begins one that is for a single request, and counts with nobody's sessions.
    pub fn add_visit(&self, session: &Session, token: &Mac) -> Result<Change, StoreError> {
        self.add(session, token, None)
    }

    fn add(&self, session: &Session, token: &Mac, counted_for: Option<&Subject>) -> Result<Change, StoreError> {
        const SQL: &str =
            "INSERT INTO sessions (id, token, person, created_at, expires_at, checked_at, last_seen_at, mac, epoch, subject,
                                   second_factor, password_mark)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let Written { id, person, times: [created_at, expires_at, checked_at], second_factor, mac } =
            self.written(session, token)?;
        let values = vec![
            id.into(),
            token.as_slice().into(),
            person.into(),
            created_at.into(),
            expires_at.into(),
            checked_at.into(),
            Millis::from(session.last_seen_at).0.into(),
            mac.as_slice().into(),
            session.epoch.number().into(),
            counted_for.map(Subject::to_string).into(),
            second_factor.into(),
            session.password_mark.map(|mark| mark.to_vec()).into(),
        ];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    /// Sessions of one person that are not over, older than the newest `keep` of them; some of them, where there are very many.
    pub async fn sessions_beyond(
        &self,
        keep: u32,
        subject: &Subject,
        epoch: Epoch,
        now: Millis,
        idle_since: Millis,
    ) -> Result<Vec<SessionId>, StoreError> {
        // Ids begin with their time.
        const SQL: &str =
            "SELECT id FROM sessions WHERE subject = $1 AND epoch = $2 AND expires_at > $3 AND last_seen_at > $4
                           ORDER BY id DESC LIMIT 100 OFFSET $5";
        let ids: Vec<String> = heard!(&self.pool, pool => {
            let query = sqlx::query_scalar(SQL).bind(subject.to_string()).bind(epoch.number());
            query.bind(now.0).bind(idle_since.0).bind(i64::from(keep)).fetch_all(pool).await?
        });
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Ends a session, if it is still there, to make room for another.
    pub fn make_room(id: SessionId) -> Change {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        Change { sql: SQL, values: vec![id.to_string().into()], rows: Rows::Any, announces: false }
    }

    /// Writes down what the directory said just now, unless another node was faster.
    pub async fn refresh_session(&self, session: &Session, token: &Mac, seen: &Session) -> Result<(), StoreError> {
        // By the hash over all that decides: also where somebody proved a second factor meanwhile, it is another row.
        const SQL: &str = "UPDATE sessions SET person = $2, checked_at = $3, mac = $4 WHERE id = $1 AND mac = $5";
        let Written { id, person, times: [_, _, now], mac, .. } = self.written(session, token)?;
        let before = self.written(seen, token)?.mac;
        on!(&self.pool, pool => {
            let query = sqlx::query(SQL).bind(id).bind(person).bind(now).bind(mac.as_slice());
            query.bind(before.as_slice()).execute(pool).await?;
        });
        Ok(())
    }

    /// Writes down by which second factor and which password a session goes on, and under which token, unless something else of it changed
    /// meanwhile: then it is `Stale`. What came of the session stays with it.
    pub(crate) fn rewrite_session(
        &self,
        seen: &Session,
        before: &Mac,
        next: &Session,
        after: &Mac,
    ) -> Result<Change, StoreError> {
        const SQL: &str =
            "UPDATE sessions SET token = $2, second_factor = $3, password_mark = $4, mac = $5, checked_at = $7
                           WHERE id = $1 AND mac = $6";
        let Written { id, times: [_, _, checked_at], second_factor, mac, .. } = self.written(next, after)?;
        let seen = self.written(seen, before)?.mac;
        let values = vec![
            id.into(),
            after.as_slice().into(),
            second_factor.into(),
            next.password_mark.map(|mark| mark.to_vec()).into(),
            mac.as_slice().into(),
            seen.as_slice().into(),
            checked_at.into(),
        ];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    /// Ends somebody's sessions, all but one.
    pub(crate) fn end_sessions_but(subject: &Subject, kept: Option<SessionId>) -> Change {
        const SQL: &str = "DELETE FROM sessions WHERE subject = $1 AND id <> $2";
        let kept = kept.map(|id| id.to_string()).unwrap_or_default();
        Change { sql: SQL, values: vec![subject.to_string().into(), kept.into()], rows: Rows::Any, announces: false }
    }

    /// Notes that a session was used; the idle end counts from here.
    pub async fn touch_session(&self, id: SessionId, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(id.to_string()).bind(now.0).execute(pool).await?;
        });
        Ok(())
    }

    /// Ends a session at once, on every node.
    pub fn end_session(id: SessionId) -> Change {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        Change { sql: SQL, values: vec![id.to_string().into()], rows: Rows::One, announces: false }
    }

    /// Forgets one session that is over, before it is swept.
    pub(crate) async fn forget_session(&self, id: SessionId) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(id.to_string()).execute(pool).await?;
        });
        Ok(())
    }

    /// Forgets sessions that are over. Any node may; it is the same for all.
    pub async fn sweep_sessions(&self, ended_before: Millis, idle_since: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM sessions WHERE expires_at < $1 OR last_seen_at < $2";
        Ok(on!(&self.pool, pool => {
            sqlx::query(SQL).bind(ended_before.0).bind(idle_since.0).execute(pool).await?.rows_affected()
        }))
    }

    pub(super) fn read_session(&self, row: &Row, asked: EpochWhenAsked) -> Result<Option<Session>, StoreError> {
        let Row { id, token, person, created_at, expires_at, checked_at, last_seen_at, mac, second_factor, .. } = row;
        let epoch = Epoch::from_number(row.epoch);
        let times = [*created_at, *expires_at, *checked_at];
        let shown = (second_factor.as_deref(), row.password_mark.as_deref());
        let expected = self.session_mac((id, token), person, times, epoch, shown);
        if !proves("sessions", id, &expected, mac)
            || epoch != self.proved_epoch(row.present, row.epoch_mac.as_deref(), asked)?
        {
            return Ok(None);
        }
        let parsed = || -> Option<Session> {
            Some(Session {
                id: id.parse().ok()?,
                person: serde_json::from_str(person).ok()?,
                created_at: Millis(*created_at).into(),
                expires_at: Millis(*expires_at).into(),
                checked_at: Millis(*checked_at).into(),
                last_seen_at: Millis(*last_seen_at).into(),
                epoch,
                second_factor: second_factor.as_deref().map(serde_json::from_str).transpose().ok()?,
                password_mark: row.password_mark.as_deref().map(Mac::try_from).transpose().ok()?,
            })
        };
        let session = parsed();
        if session.is_none() {
            tracing::error!(table = "sessions", row = %id, "a row cannot be read by this release and is out of service");
        }
        Ok(session)
    }

    /// As a session stands in its row under a token.
    fn written(&self, session: &Session, token: &Mac) -> Result<Written, StoreError> {
        let (id, person) = (session.id.to_string(), encode(&session.person)?);
        let second_factor = session.second_factor.as_ref().map(encode).transpose()?;
        let times = [session.created_at, session.expires_at, session.checked_at].map(|time| Millis::from(time).0);
        let mark = session.password_mark.as_ref().map(<[u8; 32]>::as_slice);
        let mac = self.session_mac((&id, token), &person, times, session.epoch, (second_factor.as_deref(), mark));
        Ok(Written { id, person, times, second_factor, mac })
    }

    /// Without a second factor, and without a mark of the password, it is as before there were any: nobody can take one away from a row, or
    /// give it one.
    fn session_mac(
        &self,
        (id, token): (&str, &[u8]),
        person: &str,
        times: [i64; 3],
        epoch: Epoch,
        (second_factor, password_mark): (Option<&str>, Option<&[u8]>),
    ) -> Mac {
        let [created_at, expires_at, checked_at] = times.map(i64::to_be_bytes);
        let mut parts: Vec<&[u8]> =
            vec![b"sessions", id.as_bytes(), token, person.as_bytes(), &created_at, &expires_at, &checked_at];
        if let Some(second_factor) = second_factor {
            parts.extend([b"second factor".as_slice(), second_factor.as_bytes()]);
        }
        if let Some(mark) = password_mark {
            parts.extend([b"password mark".as_slice(), mark]);
        }
        self.row_mac(&parts, epoch)
    }
}

/// The pattern of a person's text that has a field of this value, wherever it stands; of any text where there is no value.
fn field_like(field: &str, value: Option<&str>) -> Result<String, StoreError> {
    let Some(value) = value else { return Ok("%".to_owned()) };
    let text = format!("\"{field}\":{}", encode(&value)?);
    let plain: String = text
        .chars()
        .flat_map(|char| matches!(char, '%' | '_' | '!').then_some('!').into_iter().chain([char]))
        .collect();
    Ok(format!("%{plain}%"))
}

/// What of a session decides, as its row has it, and the hash over it.
struct Written {
    id: String,
    person: String,
    times: [i64; 3],
    second_factor: Option<String>,
    mac: Mac,
}

/// By the keyed hash of a token.
pub(super) const BY_TOKEN: Query = Query { sql: concat!(read!(), " AND token IN"), column: "token" };
/// By the session's id.
pub(super) const BY_ID: Query = Query { sql: concat!(read!(), " AND sessions.id IN"), column: "id" };

/// A session's row, and the present epoch.
#[derive(Debug)]
pub(super) struct Row {
    id: String,
    pub(super) token: Vec<u8>,
    person: String,
    created_at: i64,
    expires_at: i64,
    checked_at: i64,
    last_seen_at: i64,
    mac: Vec<u8>,
    epoch: i64,
    present: i64,
    epoch_mac: Option<Vec<u8>>,
    second_factor: Option<String>,
    password_mark: Option<Vec<u8>>,
}

/// How many columns that are: others' come behind them.
pub(super) const COLUMNS: usize = 13;

/// By place, since the tables that are read together have columns of one name.
impl<'r, R: sqlx::Row> FromRow<'r, R> for Row
where
    usize: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get(0)?,
            token: row.try_get(1)?,
            person: row.try_get(2)?,
            created_at: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            checked_at: row.try_get(5)?,
            last_seen_at: row.try_get(6)?,
            mac: row.try_get(7)?,
            epoch: row.try_get(8)?,
            present: row.try_get(9)?,
            epoch_mac: row.try_get(10)?,
            second_factor: row.try_get(11)?,
            password_mark: row.try_get(12)?,
        })
    }
}
