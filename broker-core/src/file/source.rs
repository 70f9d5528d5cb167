//! The text of a file, and which line a byte of it is on.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{FileError, Place, Remark, with_causes};

/// A file's text with its places.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    /// Reads a configuration file: regular, of bearable size, UTF-8, and writable by nobody but its owner.
    pub fn read(path: &Path, limit: u64) -> Result<Self, FileError> {
        let whole = |text: &str| Remark::new(path, None, "", text);
        let bytes = read_bounded(path, limit, OTHERS_WRITE).map_err(|problem| whole(&with_causes(&problem)))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let lossy = Self::new(path, String::from_utf8_lossy(error.as_bytes()).into_owned());
                Err(lossy.remark(Some(good), "", "this is not UTF-8: save the file as UTF-8"))
            }
        }
    }

    /// Takes a text that is already here.
    pub fn new(path: &Path, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.to_owned(), text, line_starts }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte stands.
    pub fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or_default();
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        // In characters: bytes that only continue one are not counted.
        let column = before.iter().filter(|byte| !matches!(byte, 0x80..0xC0)).count();
        Place { line: narrow(line), column: narrow(column.saturating_add(1)) }
    }

    /// Says something about this file, at a byte of it if one is known.
    pub fn remark(&self, offset: Option<usize>, about: &str, text: &str) -> Remark {
        Remark::new(&self.path, offset.map(|offset| self.place(offset)), about, text)
    }
}

/// Why a file was not read. Says nothing of its contents.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("this file cannot be read")]
    Io(#[from] std::io::Error),
    #[error("this is not a regular file")]
    NotRegular,
    #[error("this file has more than {0} bytes, which is the limit")]
    TooLarge(u64),
    #[error("others may write to this file: `chmod go-w` it")]
    OthersWrite,
    #[error(
        "this file belongs to another user, who may change it: `chown` it to the user that brokerd runs as, or to root"
    )]
    ForeignOwner,
    #[error(
        "this file belongs to the user with the number {0}, and you are root: run this as the user that brokerd runs as (`sudo -u '#{0}' brokerd …`)"
    )]
    NotRoots(u32),
    #[error("others may write to the folder of this file, and so replace it: `chmod go-w` the folder")]
    OthersReplace,
    #[error("others may read this secret: `chmod 600` it")]
    OthersRead,
}

/// Reads a regular file of at most `limit` bytes whose mode has none of the `refused` bits.
pub(super) fn read_bounded(path: &Path, limit: u64, refused: u32) -> Result<Vec<u8>, Unreadable> {
    // Asked before opening as well: to open a pipe or a device may block or do something.
    check(&std::fs::metadata(path)?, limit, refused)?;
    let file = File::open(path)?;
    check(&file.metadata()?, limit, refused)?;
    if others_may_replace(path)? {
        return Err(Unreadable::OthersReplace);
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(Unreadable::TooLarge(limit)) } else { Ok(bytes) }
}

fn check(metadata: &Metadata, limit: u64, refused: u32) -> Result<(), Unreadable> {
    if !metadata.is_file() {
        return Err(Unreadable::NotRegular);
    }
    if metadata.len() > limit {
        return Err(Unreadable::TooLarge(limit));
    }
    if let Some(foreign) = foreign_owner(metadata) {
        return Err(foreign);
    }
    match mode(metadata) & refused {
        0 => Ok(()),
        bits if bits & OTHERS_WRITE != 0 => Err(Unreadable::OthersWrite),
        _ => Err(Unreadable::OthersRead),
    }
}

fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
}

/// Neither ours nor root's.
fn foreign_owner(metadata: &Metadata) -> Option<Unreadable> {
    use std::os::unix::fs::MetadataExt;
    match (metadata.uid(), rustix::process::geteuid().as_raw()) {
        (0, _) => None,
        (owner, us) if owner == us => None,
        // As a rule it is the daemon's: what root does here would be root's afterwards, and closed to it.
        (owner, 0) => Some(Unreadable::NotRoots(owner)),
        _ => Some(Unreadable::ForeignOwner),
    }
}

/// Whether somebody else may put another file in this one's place: a sticky folder such as /tmp lets nobody.
fn others_may_replace(path: &Path) -> std::io::Result<bool> {
    let itself = std::fs::canonicalize(path)?;
    let Some(folder) = itself.parent() else { return Ok(false) };
    let mode = mode(&std::fs::metadata(folder)?);
    Ok(mode & OTHERS_WRITE != 0 && mode & STICKY == 0)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const STICKY: u32 = 0o1000;
/// Group and others may not write.
pub(super) const OTHERS_WRITE: u32 = 0o022;
/// Group and others may do nothing at all.
pub(super) const OTHERS_ANYTHING: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let source = Source::new(Path::new("f"), "ab\n\u{e9}\u{e9}x\n".to_owned());
        let place = |offset| (source.place(offset).line, source.place(offset).column);
        assert_eq!((place(0), place(1), place(2)), ((1, 1), (1, 2), (1, 3)));
        assert_eq!((place(3), place(7), place(9)), ((2, 1), (2, 3), (3, 1)));
        assert_eq!(place(900).0, 3, "beyond the end is the end");
    }

    #[test]
    fn what_is_no_plain_file_of_ours_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.toml");
        let read = |limit| Source::read(&path, limit).map(|source| source.text().to_owned());
        assert!(read(9).unwrap_err().to_string().contains("cannot be read"));
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(read(10).unwrap(), "0123456789");
        assert!(read(9).unwrap_err().to_string().contains("more than 9 bytes"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert!(read(10).unwrap_err().to_string().contains("others may write"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&path, b"a = 1\nb = \"\xff\"").unwrap();
        assert_eq!(read(99).unwrap_err().place(), Some(Place { line: 2, column: 6 }));
        assert!(Source::read(folder.path(), 9).unwrap_err().to_string().contains("not a regular file"));
        assert!(Source::read(Path::new("/dev/zero"), 9).unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn what_somebody_else_could_change_or_replace_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let path = open.join("f.toml");
        std::fs::write(&path, "a = 1").unwrap();
        let told = || Source::read(&path, 99).map(|_| ()).map_err(|error| error.to_string());
        assert!(told().is_ok());
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(told().unwrap_err().contains("others may write to the folder"));
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(told().is_ok(), "in a sticky folder nobody replaces what is another's");
        // Only root can give a file away, and nobody else can make one that is not theirs.
        let given = std::os::unix::fs::chown(&path, Some(12_345), None);
        assert_eq!(given.is_ok(), rustix::process::geteuid().is_root());
        assert_eq!(told().is_err(), given.is_ok());
    }
}
