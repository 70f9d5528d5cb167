//! Connections to either engine, each as the store wants it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use super::change::Keeps;
use super::location::{Location, OpenError};
use super::lock::{self, LockError};
use super::log::{self, Found};
use super::place::StorePlace;
use super::unusable::Unusable;
use super::{Pool, on, server, warm};

/// A store whose schema and installation nobody has looked at.
pub(super) struct Connected {
    pub(super) pool: Pool,
    /// For what attempts are counted in.
    pub(super) counts: Pool,
    pub(super) place: Option<Arc<StorePlace>>,
    /// Gone, and its log with it, unless something comes of it.
    pub(super) fresh: Option<Fresh>,
    /// To migrate an SQLite file.
    pub(super) turn: Option<File>,
}

impl Connected {
    /// `is_used` where there is to be one: then nothing is made.
    pub(super) async fn to(location: &Location, is_used: bool) -> Result<Self, OpenError> {
        let unusable = |error| Unusable::new(location, &error);
        let pool = match location {
            Location::Sqlite(path) => {
                let turn = turn_to_migrate(path).await.map_err(unusable)??;
                let fresh = match log::look(path)? {
                    Found::Nothing if is_used => return Err(OpenError::Empty),
                    Found::Nothing => Fresh::make(path),
                    Found::AStore => None,
                };
                let options = sqlite_options().filename(path).create_if_missing(false);
                let place = Arc::new(StorePlace::open(path, &options).await.map_err(unusable)?);
                let all = sqlite_file(Keeps::All, &place).max_connections(CONNECTIONS);
                let pool = all.connect_with(options.clone()).await.map_err(unusable)?;
                // One at a time writes there anyway.
                let counts = sqlite_file(Keeps::AllButTheLastMoments, &place).max_connections(1);
                let (pool, counts) = (Pool::Sqlite(pool), Pool::Sqlite(counts.connect_lazy_with(options)));
                return Ok(Self { pool, counts, place: Some(place), fresh, turn: Some(turn) });
            }
            Location::Memory => Pool::Sqlite(sqlite_in_memory().await.map_err(unusable)?),
            Location::Postgres { url, password } => {
                let options = server::options(url)?;
                let options = match password {
                    Some(password) => options.password(password.expose_secret()),
                    None => options,
                };
                Pool::Postgres(postgres(options.statement_cache_capacity(STATEMENTS)).await.map_err(unusable)?)
            }
        };
        Ok(Self { counts: pool.clone(), pool, place: None, fresh: None, turn: None })
    }

    /// Leaves nothing behind that was not there before.
    pub(super) async fn close(self) {
        on!(&self.counts, pool => pool.close().await);
        on!(&self.pool, pool => pool.close().await);
        if let Some(place) = &self.place {
            place.close().await;
        }
    }
}

/// A file that was made for a new installation. Dropped, it is gone, with what SQLite made beside it.
pub(super) struct Fresh {
    path: PathBuf,
    stays: bool,
}

impl Fresh {
    /// For our own eyes only, where there is none: SQLite would let everybody read it.
    fn make(path: &Path) -> Option<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // What else goes wrong here SQLite says better.
        options.open(path).is_ok().then(|| Self { path: path.to_owned(), stays: false })
    }

    /// Something has come of it.
    pub(super) fn stays(mut self) {
        self.stays = true;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.stays {
            for suffix in ["-wal", "-shm", "-journal", ""] {
                let _ = std::fs::remove_file(log::beside(&self.path, suffix));
            }
        }
    }
}

/// Waits on a thread of its own: another opener in this very process may be the one that has it.
async fn turn_to_migrate(path: &Path) -> sqlx::Result<Result<File, LockError>> {
    let path = path.to_owned();
    let waited = tokio::task::spawn_blocking(move || lock::migration(&path)).await;
    waited.map_err(|error| sqlx::Error::Io(error.into()))
}

/// Waits a moment for a server that is just starting, and then says why there is none.
async fn postgres(options: PgConnectOptions) -> sqlx::Result<sqlx::PgPool> {
    // A connection that no longer answers is given up: or whoever takes it waits in vain, and those that hang fill the pool until TCP
    // gives them up.
    let pool = PgPoolOptions::new()
        .max_connections(warm::CONNECTIONS)
        .min_connections(warm::CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .after_connect(|connection, _| Box::pin(async { connection.execute(TIMEOUTS).await.map(drop) }))
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(answers(connection, ANSWERS)))
        .after_release(|connection, _| Box::pin(answers(connection, ACQUIRE)));
    // One is enough for a subcommand: whoever serves has the others opened.
    let pool = pool.connect_lazy_with(options.clone());
    let Err(error) = pool.acquire().await else { return Ok(pool) };
    if matches!(error, sqlx::Error::PoolTimedOut)
        && let Ok(Err(cause)) = tokio::time::timeout(LAST_TRY, options.connect()).await
    {
        return Err(cause);
    }
    Err(error)
}

async fn answers(connection: &mut PgConnection, within: Duration) -> sqlx::Result<bool> {
    tokio::time::timeout(within, connection.ping()).await.map_err(|late| sqlx::Error::Io(late.into()))?.map(|()| true)
}

/// A file that is there: nobody makes another one in its place.
fn sqlite_file(keeps: Keeps, place: &Arc<StorePlace>) -> SqlitePoolOptions {
    // A commit is on the disk before it is answered, else the trail would promise too much; or it is in the log, and comes to the disk
    // with the next one that is.
    let synchronous = match keeps {
        Keeps::All => "PRAGMA synchronous = FULL",
        Keeps::AllButTheLastMoments => "PRAGMA synchronous = NORMAL",
    };
    let place = Arc::clone(place);
    SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            let place = Arc::clone(&place);
            Box::pin(async move {
                // It has read nothing yet: whoever closes a file that took the store's place must not replay the store's log over it.
                if let Err(away) = place.check() {
                    // The pool would try again at once, and log it each time.
                    tokio::time::sleep(PAUSE).await;
                    return Err(sqlx::Error::Io(std::io::Error::other(away)));
                }
                sqlx::query(synchronous).execute(connection).await.map(drop)
            })
        })
        // The library asks whoever is given back, and nobody else has it since.
        .test_before_acquire(false)
        // On a full disk SQLite rolls back by itself. The library's own rollback fails then, and it takes the transaction for open ever
        // after: such a connection goes. An answer to a ping comes after what was waiting, a rollback among it; where no transaction is
        // open, nothing is.
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        })
}

/// Each connection in memory is a database of its own, so it must be the only one, and stay.
async fn sqlite_in_memory() -> sqlx::Result<sqlx::SqlitePool> {
    let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).max_connections(1);
    pool.idle_timeout(None).max_lifetime(None).connect_with(sqlite_options().in_memory(true)).await
}

fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().busy_timeout(BUSY).foreign_keys(true).statement_cache_capacity(STATEMENTS)
}

/// Who waits for somebody else's lock is told so, rather than left waiting; and by the server, before a commit's own time is over. A node that
/// freezes in the middle of a commit, or loses its network, does not keep its locks until TCP gives it up.
const TIMEOUTS: &str = "SET lock_timeout = '9s'; SET idle_in_transaction_session_timeout = '15s'";
/// All that there are, those of the trail for each number of rows among them, stay prepared.
const STATEMENTS: usize = 256;
/// To an SQLite file.
const CONNECTIONS: u32 = 8;
const BUSY: Duration = Duration::from_secs(5);
pub(super) const ACQUIRE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);
/// For a connection that was idle.
const ANSWERS: Duration = Duration::from_secs(2);
const LAST_TRY: Duration = Duration::from_secs(2);
