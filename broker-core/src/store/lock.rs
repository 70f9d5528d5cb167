//! One daemon a SQLite file, and one migration at a time; command-line runs beside the daemon are welcome.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held by the daemon as long as it runs.
#[derive(Debug)]
pub struct DaemonLock {
    _file: Option<File>,
}

/// The lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another brokerd serves from {0} already: stop it first, or use PostgreSQL to run several")]
    Held(PathBuf),
    #[error("another brokerd has held {0} for a minute: it is bringing the schema up to date, or hangs")]
    Migrating(PathBuf),
    #[error("the lock file {0} cannot be used")]
    Io(PathBuf, #[source] std::io::Error),
}

impl DaemonLock {
    /// Refuses at once when another daemon has it.
    pub(super) fn take(database: &Path) -> Result<Self, LockError> {
        let path = beside(database, "daemon-lock");
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(database.to_owned())),
            Err(TryLockError::Error(error)) => Err(LockError::Io(path, error)),
        }
    }

    /// Where many daemons are meant to share a store there is nothing to lock.
    pub(super) fn unneeded() -> Self {
        Self { _file: None }
    }
}

/// Waits for its turn to migrate; SQLite itself has no lock for that. It blocks the thread, though not for ever.
pub(super) fn migration(database: &Path) -> Result<File, LockError> {
    let path = beside(database, "migration-lock");
    let file = open(&path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(path, error)),
        }
    }
    Err(LockError::Migrating(path))
}

fn open(path: &Path) -> Result<File, LockError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| LockError::Io(path.to_owned(), error))
}

/// Beside the file itself, not beside a link to it: whoever takes another way to the same file meets the same lock.
fn beside(database: &Path, what: &str) -> PathBuf {
    let itself = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let mut name = itself.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    itself.with_file_name(name)
}

const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const TRIES: u32 = 3_000;
