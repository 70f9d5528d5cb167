//! The log that SQLite keeps beside its file (`-wal`): one that was left over by another file would be replayed over this one and destroy
//! it, so it is looked at before SQLite does.
//!
//! Formats: <https://www.sqlite.org/fileformat2.html>, sections 1.3 and 4.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A log that is not of the file beside it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrayLog {
    #[error(
        "the SQLite file {file} cannot be used: it is not there, or empty, and its log {log} is. Put back the file that was there. Or, to go on from a backup: end whatever uses the store, keep the files -wal and -shm elsewhere, put the backup in its place, and run `brokerd restored`", file = .file.display(), log = .log.display()
    )]
    Alone { file: PathBuf, log: PathBuf },
    #[error(
        "the SQLite file {file} cannot be used: the log {log} beside it is not its own, and would destroy it. If a backup was put in its place, take the files -wal and -shm away, and run `brokerd restored`; nothing has been changed", file = .file.display(), log = .log.display()
    )]
    OfAnother { file: PathBuf, log: PathBuf },
}

/// What is there before SQLite has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    AStore,
}

/// Looks at the file and its log, and touches neither.
pub(super) fn look(path: &Path) -> Result<Found, StrayLog> {
    let log = beside(path, "-wal");
    let has_something = |path: &Path| path.metadata().is_ok_and(|found| found.len() > 0);
    match (has_something(path) || path.is_dir(), has_something(&log)) {
        (false, false) => Ok(Found::Nothing),
        (false, true) => Err(StrayLog::Alone { file: path.to_owned(), log }),
        (true, false) => Ok(Found::AStore),
        (true, true) if belongs(path, &log) => Ok(Found::AStore),
        (true, true) => Err(StrayLog::OfAnother { file: path.to_owned(), log }),
    }
}

/// Where SQLite puts what belongs to a file: beside the file itself, not beside a link to it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(suffix);
    name.into()
}

/// Somebody may be writing to both: only what does not fit several times does not fit.
fn belongs(path: &Path, log: &Path) -> bool {
    (0..TRIES).any(|tried| {
        if tried > 0 {
            std::thread::sleep(BETWEEN_TRIES);
        }
        // What cannot be read SQLite cannot read either, and says better.
        fits(path, log).unwrap_or(true)
    })
}

/// Each commit that changes the first page counts on from the last one. So the file's own count is that of one in its log, or of the one
/// before the first.
fn fits(path: &Path, log: &Path) -> io::Result<bool> {
    let Some(logged) = Logged::read(log)? else { return Ok(true) };
    let mut header = [0; 100];
    File::open(path)?.read_exact(&mut header)?;
    let count = be32(&header, COUNT_AT);
    let page_size = match be32(&[0, 0, header[16], header[17]], 0) {
        1 => 65_536,
        size => size,
    };
    Ok(page_size == logged.page_size && (logged.first.saturating_sub(1)..=logged.last).contains(&count))
}

/// What a log says of the first page.
struct Logged {
    page_size: u32,
    first: u32,
    last: u32,
}

impl Logged {
    /// Nothing where the log says nothing of it, or is none that SQLite would heed.
    fn read(log: &Path) -> io::Result<Option<Self>> {
        let log = File::open(log)?;
        let mut header = [0; 32];
        let mut frame = [0; 24];
        if let Err(error) = log.read_exact_at(&mut header, 0) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        let page_size = be32(&header, 8);
        if be32(&header, 0) & !1 != MAGIC || !(512..=65_536).contains(&page_size) {
            return Ok(None);
        }
        let mut logged: Option<Self> = None;
        let mut at = 32;
        // As far as it goes, or to where an older round of the log begins.
        while log.read_exact_at(&mut frame, at).is_ok() && frame[8..16] == header[16..24] {
            let mut count = [0; 4];
            if be32(&frame, 0) == 1 && log.read_exact_at(&mut count, at + 24 + COUNT_AT as u64).is_ok() {
                let count = u32::from_be_bytes(count);
                let known = logged.get_or_insert(Self { page_size, first: count, last: count });
                known.first = known.first.min(count);
                known.last = known.last.max(count);
            }
            at += 24 + u64::from(page_size);
        }
        Ok(logged)
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.iter().skip(at).take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

const MAGIC: u32 = 0x377f_0682;
/// Where the first page has its count of changes.
const COUNT_AT: usize = 24;
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
