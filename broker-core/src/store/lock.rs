//! One daemon a SQLite file, and one migration at a time; command-line runs beside the daemon are welcome.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    #[error(
        "another brokerd has held {0} for {1} seconds: it is bringing the schema up to date, or hangs. Try again, or end that process"
    )]
    Migrating(PathBuf, u64),
    #[error("the lock file {0} cannot be used: {1}. {advice}", advice = advice(.1))]
    Io(PathBuf, std::io::Error),
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

/// Whether a daemon serves from it at this moment.
pub(super) fn is_served(database: &Path) -> bool {
    let lock = OpenOptions::new().write(true).open(beside(database, "daemon-lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Waits for its turn to migrate; SQLite itself has no lock for that. It blocks the thread, though not for ever.
pub(super) fn migration(database: &Path) -> Result<File, LockError> {
    migration_within(database, PATIENCE)
}

fn migration_within(database: &Path, patience: Duration) -> Result<File, LockError> {
    let path = beside(database, "migration-lock");
    let file = open(&path)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::WouldBlock) => return Err(LockError::Migrating(path, patience.as_secs())),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(path, error)),
        }
    }
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

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "Make the folder that store.url names, for the user that brokerd runs as"
        }
        ErrorKind::PermissionDenied => {
            "Give it, the store and their folder to the user that brokerd runs as, and run subcommands as that user"
        }
        ErrorKind::ReadOnlyFilesystem => "brokerd must write there: see that the file system is not mounted read-only",
        ErrorKind::StorageFull => "The disk is full: make room",
        _ => "It stands beside the store, whose folder must be a usual one, of a local disk",
    }
}

const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};
    use std::thread;

    use super::*;

    /// Somebody's turn to migrate, taken on a thread, with what came of it.
    fn turn(database: &Path, patience: Duration) -> Receiver<Result<File, LockError>> {
        let (came, turn) = mpsc::channel();
        let database = database.to_owned();
        thread::spawn(move || came.send(migration_within(&database, patience)));
        turn
    }

    #[test]
    fn whoever_waits_for_a_turn_gives_up_when_the_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("broker.db");
        let held = migration(&database).unwrap();
        let refused = turn(&database, Duration::from_secs(1)).recv_timeout(LONG).expect("it gives up").unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("broker.db.migration-lock for 1 seconds") && said.contains("Try again"), "{said}");
        drop(held);
        turn(&database, Duration::ZERO).recv_timeout(LONG).unwrap().expect("its turn, at once");
    }

    #[test]
    fn whoever_waits_for_a_turn_gets_it_when_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("broker.db");
        let held = migration(&database).unwrap();
        let turn = turn(&database, LONG);
        assert!(turn.recv_timeout(Duration::from_millis(200)).is_err(), "it waits");
        drop(held);
        turn.recv_timeout(LONG).unwrap().expect("its turn");
    }

    /// Longer than anything here takes, shorter than for ever.
    const LONG: Duration = Duration::from_secs(30);
}
