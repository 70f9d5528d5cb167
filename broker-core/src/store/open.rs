//! Opens either engine, brings its schema up to date, and proves that the master key fits.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqlSafeStr};

use super::heard::heard;
use super::installation::New;
use super::lock::{self, DaemonLock, LockError};
use super::log::{self, Found, StrayLog};
use super::place::StorePlace;
use super::unusable::Unusable;
use super::{Pool, Reads, Store, StoreError, on, server, warm};
use crate::clock::Clock;
use crate::id::InstallationId;
use crate::vault::{MasterKey, MasterKeyError, SealBroken, Seals, Vault};

/// Where the store is.
#[derive(Clone, Debug)]
pub enum Location {
    /// One file, for one daemon.
    Sqlite(PathBuf),
    /// Gone with the process: for tests.
    Memory,
    /// For one daemon or many. The password comes from a file or the environment, never in the URL.
    Postgres { url: String, password: Option<SecretString> },
}

/// An open store, and the vault that its installation's secrets are sealed in.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub vault: Arc<Vault>,
}

/// Why the store cannot be used. Nothing has been changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store's URL begins with sqlite: or postgres:")]
    UnknownEngine,
    #[error("the store's URL holds a password: name a file or an environment variable in store.password")]
    PasswordInUrl,
    #[error("the store's URL cannot be read")]
    Url(#[source] sqlx::Error),
    #[error(
        "`{0}` is another machine, and this sslmode does not prove who answers there: write sslmode=verify-full, or leave it out, which is the same (and sslrootcert=FILE where the CA is your own)"
    )]
    Unproved(String),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    StrayLog(#[from] StrayLog),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("the schema of {0} is not of this brokerd's making: {1}. Run the release that made it, or a newer one")]
    Migrate(String, MigrateError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(
        "the master key does not fit this store: its secret is sealed with the master key of id `{0}`, and does not open with the one that the configuration has for that id. Point [[master_key]] at the key that was used then"
    )]
    WrongMasterKey(String),
    /// While the process ran.
    #[error(
        "the store has been sealed with master key `{0}` meanwhile, which this process does not know: give it a [[master_key]] of that id, and restart it"
    )]
    Rekeyed(String),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(
        "this store is sealed with master key `{0}`, which the configuration does not know: add a [[master_key]] of that id. It can go only after `brokerd rekey` has said so"
    )]
    UnknownMasterKey(String),
    #[error(
        "the master key was wrapped for installation {wrapped}, and this store is of installation {store}: point `store` at the other one's, or [[master_key]] at a key that was wrapped for this"
    )]
    OtherInstallation { wrapped: InstallationId, store: InstallationId },
    /// It was to have one.
    #[error("the store is empty: no installation is in it")]
    Empty,
    #[error("the master keys were wrapped for several installations: each has its own")]
    SeveralInstallations,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FromStr for Location {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return match path.strip_prefix("//").unwrap_or(path) {
                // SQLite would take it for a file without a name that is gone with the connection.
                "" => {
                    Err(OpenError::Url(sqlx::Error::Configuration("sqlite: is followed by the path of a file".into())))
                }
                ":memory:" => Ok(Self::Memory),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        if !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            return Err(OpenError::UnknownEngine);
        }
        let parsed = url::Url::parse(url).map_err(|error| OpenError::Url(sqlx::Error::Configuration(error.into())))?;
        if parsed.password().is_some() || parsed.query_pairs().any(|(key, _)| key == "password") {
            return Err(OpenError::PasswordInUrl);
        }
        server::options(url)?;
        Ok(Self::Postgres { url: url.to_owned(), password: None })
    }
}

impl Location {
    /// The lock that a daemon holds while it serves from here.
    pub fn lock_for_daemon(&self) -> Result<DaemonLock, LockError> {
        match self {
            Self::Sqlite(path) => DaemonLock::take(path),
            Self::Memory | Self::Postgres { .. } => Ok(DaemonLock::unneeded()),
        }
    }

    /// Whether a daemon on this machine serves from here; nobody knows of a server's.
    pub fn is_served(&self) -> bool {
        match self {
            Self::Sqlite(path) => lock::is_served(path),
            Self::Memory | Self::Postgres { .. } => false,
        }
    }

    /// What a store that is there, and fails, fails from.
    pub fn failed(&self, error: StoreError) -> OpenError {
        match error {
            StoreError::Database(error) => Unusable::new(self, &error).into(),
            error @ (StoreError::Taken
            | StoreError::Stale
            | StoreError::InUse
            | StoreError::Forged { .. }
            | StoreError::Away(_)) => error.into(),
        }
    }
}

impl Store {
    /// Which installation a store is of, for whoever has no master key yet; nothing where it is new. Makes no file.
    pub async fn installation_of(location: &Location) -> Result<Option<InstallationId>, OpenError> {
        match location {
            Location::Memory => return Ok(None),
            Location::Sqlite(path) if !path.exists() => return Ok(None),
            Location::Sqlite(_) | Location::Postgres { .. } => {}
        }
        let connected = Box::pin(Connected::to(location, true)).await?;
        let found = match migrate(&connected.pool, location).await {
            Ok(()) => super::installation::read(&connected.pool).await.map_err(|error| location.failed(error)),
            Err(error) => Err(error),
        };
        connected.close().await;
        Ok(found?.map(|(id, _)| id))
    }

    /// Opens the store, makes an installation in an empty one, and refuses a master key that does not open what is there.
    pub async fn open(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
        clock: &dyn Clock,
    ) -> Result<Opened, OpenError> {
        Box::pin(Self::open_as(location, master_keys, seals_with, New::Begins(clock))).await
    }

    /// The same where something outside the store says that it was in use: an empty one is [`OpenError::Empty`].
    pub async fn open_used(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
    ) -> Result<Opened, OpenError> {
        Box::pin(Self::open_as(location, master_keys, seals_with, New::IsLost)).await
    }

    async fn open_as(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
        new: New<'_>,
    ) -> Result<Opened, OpenError> {
        // Before anything is touched: a key that is none is the configuration's fault.
        let bound = bound_to(&master_keys)?;
        let vault = Vault::new(InstallationId::random(), master_keys, seals_with)?;
        let connected = Connected::to(location, matches!(new, New::IsLost)).await?;
        match installed(&connected.pool, location, vault, bound, new).await {
            Ok((vault, seals)) => {
                let Connected { pool, place, fresh, turn: _turn } = connected;
                if let Some(fresh) = fresh {
                    fresh.stays();
                }
                let reads = Arc::new(Reads::of(&pool));
                let store = Self { pool, place, seals: Arc::new(seals), last_epoch: Arc::default(), reads };
                Ok(Opened { store, vault: Arc::new(vault) })
            }
            Err(error) => {
                connected.close().await;
                Err(error)
            }
        }
    }
}

/// Brings the schema up to date, and opens the installation or makes it.
async fn installed(
    pool: &Pool,
    location: &Location,
    vault: Vault,
    bound: Option<InstallationId>,
    new: New<'_>,
) -> Result<(Vault, Seals), OpenError> {
    let told = |error| match error {
        OpenError::Store(error) => location.failed(error),
        other => other,
    };
    // Nothing is written to what is not the one that was lost.
    if matches!(new, New::IsLost)
        && !super::installation::is_there(pool).await.map_err(|error| location.failed(error))?
    {
        return Err(OpenError::Empty);
    }
    migrate(pool, location).await?;
    super::installation::open(pool, vault, bound, new).await.map_err(told)
}

/// The one installation that the keys are for, where any is for one alone.
fn bound_to(keys: &[MasterKey]) -> Result<Option<InstallationId>, OpenError> {
    let mut bound = keys.iter().filter_map(MasterKey::installation);
    let first = bound.next();
    match bound.find(|other| Some(*other) != first) {
        None => Ok(first),
        Some(_) => Err(OpenError::SeveralInstallations),
    }
}

/// A store whose schema and installation nobody has looked at.
struct Connected {
    pool: Pool,
    place: Option<Arc<StorePlace>>,
    /// Gone, and its log with it, unless something comes of it.
    fresh: Option<Fresh>,
    /// To migrate an SQLite file.
    turn: Option<File>,
}

impl Connected {
    /// `is_used` where there is to be one: then nothing is made.
    async fn to(location: &Location, is_used: bool) -> Result<Self, OpenError> {
        let unusable = |error| Unusable::new(location, &error);
        let pool = match location {
            Location::Sqlite(path) => {
                let turn = turn_to_migrate(path).await.map_err(unusable)??;
                let fresh = match log::look(path)? {
                    Found::Nothing if is_used => return Err(OpenError::Empty),
                    Found::Nothing => Fresh::make(path),
                    Found::AStore => None,
                };
                let (place, pool) = sqlite_file(path).await.map_err(unusable)?;
                return Ok(Self { pool: Pool::Sqlite(pool), place: Some(place), fresh, turn: Some(turn) });
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
        Ok(Self { pool, place: None, fresh: None, turn: None })
    }

    /// Leaves nothing behind that was not there before.
    async fn close(self) {
        on!(&self.pool, pool => pool.close().await);
        if let Some(place) = &self.place {
            place.close().await;
        }
    }
}

/// A file that was made for a new installation. Dropped, it is gone, with what SQLite made beside it.
struct Fresh {
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
    fn stays(mut self) {
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
        .after_connect(|connection, _| Box::pin(async { connection.execute(LOCK_TIMEOUT).await.map(drop) }))
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
async fn sqlite_file(path: &Path) -> sqlx::Result<(Arc<StorePlace>, sqlx::SqlitePool)> {
    let options = sqlite_options().filename(path).create_if_missing(false);
    let place = Arc::new(StorePlace::open(path, &options).await?);
    let checked = Arc::clone(&place);
    let pool = SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE)
        .max_connections(8)
        .after_connect(move |connection, _| {
            let place = Arc::clone(&checked);
            Box::pin(async move {
                // It has read nothing yet: whoever closes a file that took the store's place must not replay the store's log over it.
                if let Err(away) = place.check() {
                    // The pool would try again at once, and log it each time.
                    tokio::time::sleep(PAUSE).await;
                    return Err(sqlx::Error::Io(std::io::Error::other(away)));
                }
                // A commit is on the disk before it is answered, else the trail would promise too much.
                sqlx::query("PRAGMA synchronous = FULL").execute(connection).await.map(drop)
            })
        })
        // On a full disk SQLite rolls back by itself. The library's own rollback fails then, and it takes the transaction for open ever
        // after: such a connection goes. An answer to a ping comes after what was waiting, a rollback among it.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        });
    Ok((place, pool.connect_with(options).await?))
}

/// Each connection in memory is a database of its own, so it must be the only one, and stay.
async fn sqlite_in_memory() -> sqlx::Result<sqlx::SqlitePool> {
    let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE).max_connections(1);
    pool.idle_timeout(None).max_lifetime(None).connect_with(sqlite_options().in_memory(true)).await
}

fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().busy_timeout(BUSY).foreign_keys(true).statement_cache_capacity(STATEMENTS)
}

async fn migrate(pool: &Pool, location: &Location) -> Result<(), OpenError> {
    if is_current(pool).await {
        return Ok(());
    }
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, AssertSqlSafe(*sql).into_sql_str(), false)
    });
    let migrator = Migrator { migrations: migrations.collect::<Vec<_>>().into(), ..Migrator::DEFAULT };
    migrated(pool, &migrator).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Unusable::new(location, &error).into()
        }
        other => OpenError::Migrate(location.to_string(), other),
    })
}

async fn migrated(pool: &Pool, migrator: &Migrator) -> Result<(), MigrateError> {
    match pool {
        Pool::Sqlite(pool) => migrator.run(pool).await,
        Pool::Postgres(pool) => {
            // Another node that is at it holds a lock for as long as its work takes: so by a connection that waits.
            let options = pool.connect_options().as_ref().clone();
            let patient = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
            let outcome = migrator.run(&patient).await;
            patient.close().await;
            outcome
        }
    }
}

/// Whether there is nothing to do, so that a database role without the right to change tables can serve. A newer node may have
/// gone ahead already: its schema suits this release too.
async fn is_current(pool: &Pool) -> bool {
    const SQL: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    let version: Option<i64> = heard!(pool, pool => sqlx::query_scalar(SQL).fetch_one(pool).await).ok().flatten();
    version >= MIGRATIONS.last().map(|(version, ..)| *version)
}

/// Only ever added to: each suits the release before it, so that nodes can be replaced one by one.
const MIGRATIONS: [(i64, &str, &str); 8] = [
    (1, "first", include_str!("../../migrations/0001_first.sql")),
    (2, "epochs", include_str!("../../migrations/0002_epochs.sql")),
    (3, "trail indexes", include_str!("../../migrations/0003_trail_indexes.sql")),
    (4, "kept", include_str!("../../migrations/0004_kept.sql")),
    (5, "sessions of a person", include_str!("../../migrations/0005_sessions_of_a_person.sql")),
    (6, "authorizations", include_str!("../../migrations/0006_authorizations.sql")),
    (8, "device codes", include_str!("../../migrations/0008_device_codes.sql")),
    (9, "dpop proofs", include_str!("../../migrations/0009_dpop_proofs.sql")),
];
/// Who waits for somebody else's lock is told so, rather than left waiting; and by the server, before a commit's own time is over.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '9s'";
/// All that there are, those of the trail for each number of rows among them, stay prepared.
const STATEMENTS: usize = 256;
const BUSY: Duration = Duration::from_secs(5);
const ACQUIRE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);
/// For a connection that was idle.
const ANSWERS: Duration = Duration::from_secs(2);
const LAST_TRY: Duration = Duration::from_secs(2);
