//! The file that anchors are kept in: appended to durably, made smaller when it has grown, and read with a limit.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::anchor::Anchor;
use super::anchors::Anchors;
use crate::vault::Seals;

/// An anchor file that this process writes to, beside others that may. All of this waits for the disk: not for a thread that answers.
#[derive(Debug)]
pub(super) struct AnchorFile {
    path: PathBuf,
    /// From which size on it is worth making smaller.
    compact_at: AtomicU64,
}

/// Why an anchor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorFileError {
    #[error("the anchor file {0} cannot be read or written")]
    Io(PathBuf, #[source] io::Error),
    #[error("the anchor file {0} may be written by others: `chmod go-w` it")]
    Exposed(PathBuf),
    #[error("the anchor file {0} is not a regular file")]
    NotAFile(PathBuf),
    #[error("the anchor file {0} is larger than {MAX_MIB} MiB: move it away, and keep it")]
    TooLarge(PathBuf),
    #[error("the anchor file {0} has been locked by somebody else for seconds")]
    Locked(PathBuf),
}

impl AnchorFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, compact_at: AtomicU64::new(COMPACT_AT) }
    }

    /// What it says. A file that is not there says nothing.
    pub(super) fn read(&self, seals: &Seals) -> Result<Anchors, AnchorFileError> {
        match read(&self.path, seals) {
            Err(AnchorFileError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(Anchors::default()),
            outcome => outcome,
        }
    }

    /// Appends anchors; they are on the disk when this returns.
    pub(super) fn append(&self, anchors: &[Anchor], seals: &Seals) -> Result<(), AnchorFileError> {
        let mut file = self.locked()?;
        let io = |error| AnchorFileError::Io(self.path.clone(), error);
        let size = self.mend_end(&mut file).map_err(io)?;
        let lines: String = anchors.iter().filter_map(|anchor| Some(anchor.signed(seals)? + "\n")).collect();
        if size + lines.len() as u64 > MAX_MIB << 20 {
            return Err(AnchorFileError::TooLarge(self.path.clone()));
        }
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        if size == 0 {
            sync_folder(&self.path).map_err(io)?;
        }
        if size + lines.len() as u64 > self.compact_at.load(Ordering::Relaxed) {
            self.compact(&mut file, seals);
        }
        Ok(())
    }

    /// The file, made where there is none, and nobody else's for as long as it is held.
    fn locked(&self) -> Result<File, AnchorFileError> {
        let io = |error| AnchorFileError::Io(self.path.clone(), error);
        for _ in 0..TRIES {
            // Asked before opening as well: to open a pipe or a device may block or do something.
            if fs::metadata(&self.path).is_ok_and(|found| !found.is_file()) {
                return Err(AnchorFileError::NotAFile(self.path.clone()));
            }
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(true).mode(0o600);
            let file = options.open(&self.path).map_err(io)?;
            let found = file.metadata().map_err(io)?;
            if found.permissions().mode() & 0o022 != 0 {
                return Err(AnchorFileError::Exposed(self.path.clone()));
            }
            match file.try_lock() {
                // Somebody may have put a smaller one in its place meanwhile.
                Ok(())
                    if fs::metadata(&self.path)
                        .is_ok_and(|now| now.ino() == found.ino() && now.dev() == found.dev()) =>
                {
                    return Ok(file);
                }
                Ok(()) | Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        }
        Err(AnchorFileError::Locked(self.path.clone()))
    }

    /// Takes a torn last line away, or at least ends it, so that it spoils no other. The size then.
    fn mend_end(&self, file: &mut File) -> io::Result<u64> {
        let size = file.metadata()?.len();
        let tail = size.min(LONGEST_LINE);
        file.seek(SeekFrom::End(-i64::try_from(tail).unwrap_or(0)))?;
        let mut end = Vec::new();
        Read::by_ref(file).take(tail).read_to_end(&mut end)?;
        if end.last().is_none_or(|byte| *byte == b'\n') {
            return Ok(size);
        }
        tracing::warn!(path = %self.path.display(), "the anchor file's last line was torn off and is taken away");
        let whole = match end.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => Some(size - tail + at as u64 + 1),
            None => (tail == size).then_some(0),
        };
        // Where it can only be appended to, or was no line of ours, it stays, and is a fault.
        if whole.is_none_or(|whole| file.set_len(whole).is_err()) {
            file.write_all(b"\n")?;
        }
        Ok(file.metadata()?.len())
    }

    /// Makes it smaller where that is worth it, and looks again only when it has grown as much again.
    fn compact(&self, file: &mut File, seals: &Seals) {
        let size = self.compacted(file, seals).unwrap_or_else(|error| {
            // Where files may only grow, this one does: somebody must take it away one day.
            tracing::warn!(path = %self.path.display(), %error, "the anchor file cannot be made smaller and goes on growing");
            file.metadata().map_or(COMPACT_AT, |found| found.len())
        });
        self.compact_at.store(size.saturating_mul(2).max(COMPACT_AT), Ordering::Relaxed);
    }

    /// Puts a file in its place that proves as much; its size. Not where lines prove nothing: somebody must look at those.
    fn compacted(&self, file: &mut File, seals: &Seals) -> io::Result<u64> {
        let mut contents = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut contents)?;
        let anchors = Anchors::read(&contents, seals);
        let lines: String = anchors.compact().iter().filter_map(|anchor| Some(anchor.signed(seals)? + "\n")).collect();
        if !anchors.faults.is_empty() || lines.len() > contents.len() / 2 {
            return Ok(contents.len() as u64);
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let _ = fs::remove_file(&beside);
        let mut smaller = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        smaller.write_all(lines.as_bytes())?;
        smaller.sync_all()?;
        fs::rename(&beside, &self.path)?;
        sync_folder(&self.path)?;
        Ok(lines.len() as u64)
    }
}

/// Reads any copy of an anchor file.
pub fn read(path: &Path, seals: &Seals) -> Result<Anchors, AnchorFileError> {
    let io = |error| AnchorFileError::Io(path.to_owned(), error);
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(AnchorFileError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(io)?;
    let mut contents = Vec::new();
    file.take((MAX_MIB << 20) + 1).read_to_end(&mut contents).map_err(io)?;
    if contents.len() as u64 > MAX_MIB << 20 {
        return Err(AnchorFileError::TooLarge(path.to_owned()));
    }
    Ok(Anchors::read(&contents, seals))
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

const MAX_MIB: u64 = 64;
const COMPACT_AT: u64 = 1 << 20;
const LONGEST_LINE: u64 = 4_096;
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
