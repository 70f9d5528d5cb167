//! Everything we remember. Each statement is written once and runs on SQLite and on PostgreSQL.

mod access_keys;
mod at_hand;
mod authorizations;
mod change;
mod connect;
mod connectors;
mod damaged;
mod device_codes;
mod dpop_proofs;
mod epochs;
mod fingerprint;
mod gathered;
mod heard;
mod installation;
mod link;
mod local_groups;
mod local_users;
mod location;
mod lock;
mod log;
mod marks;
mod migrations;
mod newcomer;
mod open;
mod page;
mod passkey_questions;
mod place;
mod readers;
mod sealed;
mod second_factors;
mod server;
mod service_tokens;
mod sessions;
mod throttles;
mod trail;
mod unusable;
mod warm;

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{PgPool, SqlitePool};

use crate::vault::{Mac, Seals};

pub use change::Change;
pub(crate) use change::Committer;
use change::Rows;
pub use damaged::{Damage, DamagedRow, Found, Table};
pub(crate) use device_codes::Queued;
pub use epochs::StoredEpoch;
pub use fingerprint::Fingerprint;
use gathered::{Gathered, Key};
pub use link::TrailLink;
pub(crate) use link::{NotALink, Place};
pub use location::{Location, OpenError};
pub use lock::{DaemonLock, LockError};
pub use log::StrayLog;
pub use marks::{Kept, Mark, MarkKind};
pub use newcomer::Newcomer;
pub use open::Opened;
pub use page::Page;
pub use place::Away;
use place::StorePlace;
use readers::Readers;
pub use sealed::{ResealError, SealedRow, SealedRows, UnprovedRow};
pub use throttles::{CountedAttempt, Failures, ProvedAccount, Standing};
pub use trail::TrailFilter;
pub use unusable::Unusable;

/// The store, and the keys that prove its rows to be ours.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    /// For what attempts are counted in: where it is a pool of its own, its commits wait for no disk.
    counts: Pool,
    /// Of an SQLite file.
    place: Option<Arc<StorePlace>>,
    seals: Arc<Seals>,
    last_epoch: Arc<epochs::LastEpoch>,
    reads: Arc<Reads>,
}

/// What every request looks up.
#[derive(Debug)]
struct Reads {
    session_by_token: Gathered<sessions::Row>,
    session_by_id: Gathered<sessions::Row>,
    authorization_by_id: Gathered<authorizations::Row>,
    service_token_by_token: Gathered<service_tokens::RowAndEpoch>,
    service_token_by_id: Gathered<service_tokens::RowAndEpoch>,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs the same body on whichever engine is there.
macro_rules! on {
    ($pool:expr, $engine:ident => $body:expr) => {
        match $pool {
            $crate::store::Pool::Sqlite($engine) => $body,
            $crate::store::Pool::Postgres($engine) => $body,
        }
    };
}
pub(crate) use on;

/// Why the store did not do it. Cut by what the caller does next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("that name is taken")]
    Taken,
    #[error("someone else changed it meanwhile")]
    Stale,
    #[error("it is still in use")]
    InUse,
    /// Contents that nobody with our keys wrote. An alarm has been logged.
    #[error("a row of table {table} does not prove to be ours: {id}")]
    Forged { table: &'static str, id: String },
    #[error(transparent)]
    Away(#[from] Away),
    #[error("the database failed")]
    Database(#[source] Arc<sqlx::Error>),
}

impl StoreError {
    /// Whether the store itself failed, and not what was asked of it.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Database(error) => !gave_way(error),
            Self::Taken | Self::Stale | Self::InUse | Self::Forged { .. } => false,
        }
    }

    /// Whether the database knows what was asked, and does not let this role do it (PostgreSQL's `insufficient_privilege`).
    pub fn is_forbidden(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let Some(cause) = error.as_database_error() else { return false };
        cause.code().is_some_and(|code| code == "42501")
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => Self::Taken,
            Some(cause) if cause.is_foreign_key_violation() => Self::InUse,
            Some(_) | None => Self::Database(Arc::new(error)),
        }
    }
}

/// Whether of two changes that waited for each other this one was given up (PostgreSQL's `serialization_failure` and `deadlock_detected`).
fn gave_way(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "40001" || code == "40P01")
}

/// The rows that can be read at all. One that cannot is reported and out of service, and takes no other with it.
fn readable<T>(table: &'static str, rows: impl Iterator<Item = sqlx::Result<T>>) -> Vec<T> {
    let report = |error: &sqlx::Error| tracing::error!(table, %error, alarm = "forged_row", "a row cannot be read and is out of service");
    rows.filter_map(|row| row.inspect_err(report).ok()).collect()
}

/// Whether a stored hash is the one that our own secret gives; when not, it says so loudly.
fn proves(table: &'static str, id: &str, expected: &Mac, found: &[u8]) -> bool {
    let proved = aws_lc_rs::constant_time::verify_slices_are_equal(expected, found).is_ok();
    if !proved {
        tracing::error!(table, row = id, alarm = "forged_row", "a row does not prove to be ours and is out of service");
    }
    proved
}

impl Reads {
    fn of(pool: &Pool) -> Self {
        let readers = Readers::of(pool);
        Self {
            session_by_token: Gathered::start(&readers, sessions::BY_TOKEN),
            session_by_id: Gathered::start(&readers, sessions::BY_ID),
            authorization_by_id: Gathered::start(&readers, authorizations::BY_ID),
            service_token_by_token: Gathered::start(&readers, service_tokens::BY_TOKEN),
            service_token_by_id: Gathered::start(&readers, service_tokens::BY_ID),
        }
    }

    /// Whether all can find, by asking for what nobody has.
    async fn probe(&self) -> Result<(), StoreError> {
        let (token, id) = (Key::Bytes(Vec::new()), Key::Text(String::new()));
        tokio::try_join!(
            self.session_by_token.find(token.clone()),
            self.session_by_id.find(id.clone()),
            self.authorization_by_id.find(id.clone()),
            self.service_token_by_token.find(token),
            self.service_token_by_id.find(id),
        )
        .map(drop)
    }
}

impl Store {
    /// The keyed hashes by which rows, tokens and the trail are proved.
    pub fn seals(&self) -> &Seals {
        &self.seals
    }

    /// Ends all connections, so that nothing is half written when the process goes.
    pub async fn close(&self) {
        if let Some(place) = &self.place {
            place.leave_no_log().await;
        }
        on!(&self.counts, pool => pool.close().await);
        on!(&self.pool, pool => pool.close().await);
        if let Some(place) = &self.place {
            place.close().await;
        }
    }

    /// The files of the store that others than their owner may read: names, addresses and the whole trail are in them.
    pub fn readable_by_others(&self) -> Vec<PathBuf> {
        self.place.as_ref().map(|place| place.readable_by_others()).unwrap_or_default()
    }

    /// Whether what is written will be found where the store is.
    fn is_in_place(&self) -> Result<(), StoreError> {
        Ok(self.place.as_ref().map_or(Ok(()), |place| place.check())?)
    }
}
