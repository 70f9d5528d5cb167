//! The SQLite file that a store was opened from: whether its path still leads to it, so that nothing counts as written that nobody will
//! find there.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::log::beside;

/// Held as long as the store is open.
#[derive(Debug)]
pub(super) struct StorePlace {
    parts: Vec<Part>,
    is_away: AtomicBool,
    /// SQLite takes the log away when it is done.
    is_closed: AtomicBool,
    /// Open all the while, so that the log beside the file is made once and stays the same one; and for probes. Nothing once it is closed.
    keeper: Arc<Mutex<Option<SqliteConnection>>>,
}

/// The file or its log, as it was when the store was opened.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// The path of the store does not lead any more to what was opened.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{file} {what}: nothing is written before it is back. Or stop brokerd, put a backup in its place, run `brokerd restored`, and start again", file = .file.display(), what = what(*.is_there))]
pub struct Away {
    file: PathBuf,
    is_there: bool,
}

impl StorePlace {
    /// Opens a file that is there.
    pub(super) async fn open(path: &Path, options: &SqliteConnectOptions) -> sqlx::Result<Self> {
        let mut keeper = options.clone().journal_mode(SqliteJournalMode::Wal).connect().await?;
        sqlx::query(SMALL_CACHE).execute(&mut keeper).await?;
        // Only who has read has opened the log.
        sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut keeper).await?;
        let parts = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
        let parts = parts.into_iter().filter_map(Part::of).collect();
        Ok(Self {
            parts,
            is_away: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            keeper: Arc::new(Mutex::new(Some(keeper))),
        })
    }

    /// Whether what was opened is still what others find there. Says so, once, when it is not. Asks the file system for three entries that
    /// it has at hand: that takes a few microseconds.
    pub(super) fn check(&self) -> Result<(), Away> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(away) = self.parts.iter().find_map(Part::away) else {
            if self.is_away.swap(false, Ordering::Relaxed) {
                tracing::warn!("the store's file is back in its place: it is written to again");
            }
            return Ok(());
        };
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::error!(file = %away.file.display(), is_there = away.is_there, alarm = "store", "the store's file was taken away or replaced under the daemon: nothing is recorded, so nothing is vended");
        }
        Err(away)
    }

    /// What of it others than its owner may read.
    pub(super) fn readable_by_others(&self) -> Vec<PathBuf> {
        let parts = self.parts.iter().filter(|part| is_readable_by_others(&part.path));
        parts.map(|part| part.path.clone()).collect()
    }

    /// Writes to the log what is more than a record, with its indexes, and takes it back: a full disk shows only then.
    pub(super) async fn probe_writing(&self) -> sqlx::Result<()> {
        // One that is still under way says enough.
        let keeper = Arc::clone(&self.keeper).try_lock_owned().map_err(|_| sqlx::Error::PoolTimedOut)?;
        // Goes on to its end though whoever asked is gone: what has begun here holds up everybody who writes.
        tokio::spawn(write_and_take_back(keeper)).await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    /// Where something else took the file's place, SQLite would leave the log there at the end, to be replayed over that; so the log is
    /// emptied into the file that it is of, wherever that is now.
    pub(super) async fn leave_no_log(&self) {
        let mut keeper = self.keeper.lock().await;
        let Some(keeper) = keeper.as_mut().filter(|_| self.check().is_err()) else { return };
        let busy: sqlx::Result<i64> = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(keeper).await;
        if !matches!(busy, Ok(0)) {
            tracing::error!(cause = ?busy, "the log of a store that was taken away could not be emptied: take the -wal and -shm files away before you put a backup in its place");
        }
    }

    /// Lets the file go.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.lock().await.take() {
            let _ = keeper.close().await;
        }
    }
}

async fn write_and_take_back(mut keeper: OwnedMutexGuard<Option<SqliteConnection>>) -> sqlx::Result<()> {
    const SQL: &str = "INSERT INTO trail (id, chain, sequence, at, actor, action, outcome, record, hash)
                       VALUES ('probe', 'probe', 0, 0, '', '', '', zeroblob(65536), zeroblob(32))";
    let keeper = keeper.as_mut().ok_or(sqlx::Error::PoolClosed)?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *keeper).await?;
    let written = sqlx::query(SQL).execute(&mut *keeper).await;
    // On a full disk SQLite has rolled back by itself.
    let ended = sqlx::query("ROLLBACK").execute(keeper).await;
    written.and(ended).map(drop)
}

impl Part {
    /// Nothing where there is none: who may only read has no log, perhaps.
    fn of(path: PathBuf) -> Option<Self> {
        let found = path.metadata().ok()?;
        Some(Self { path, device: found.dev(), inode: found.ino() })
    }

    fn away(&self) -> Option<Away> {
        let is_it = |found: &Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        match self.path.metadata() {
            Ok(found) if is_it(&found) => None,
            found => Some(Away { file: self.path.clone(), is_there: found.is_ok() }),
        }
    }
}

/// Whether the modes of the file and its folder let anybody read it but its owner.
fn is_readable_by_others(path: &Path) -> bool {
    let mode = |path: &Path| path.metadata().map_or(0, |found| found.mode());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (file, folder) = (mode(path), mode(folder));
    let may = |read, enter| file & read != 0 && folder & enter != 0;
    may(0o040, 0o010) || may(0o004, 0o001)
}

fn what(is_there: bool) -> &'static str {
    if is_there { "is another file than the one that was opened" } else { "is not there any more" }
}

/// In pages: what a probe writes does not fit into it, and goes to the disk before it is taken back.
const SMALL_CACHE: &str = "PRAGMA cache_size = 8";
