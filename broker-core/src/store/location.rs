//! Where a store is, and why it cannot be used.

use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use sqlx::migrate::MigrateError;

use super::lock::{self, DaemonLock, LockError};
use super::log::StrayLog;
use super::unusable::Unusable;
use super::{StoreError, server};
use crate::id::InstallationId;
use crate::vault::{MasterKeyError, SealBroken};

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
