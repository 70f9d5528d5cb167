//! Files and folders for our user alone: what anybody else could read or exchange is not used.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Makes a folder that only its owner may enter, or makes sure that it is one.
pub(crate) fn folder(path: &Path) -> Result<(), Failure> {
    system::is_closed(&folder_of_ours(path)?, path)
}

/// The same, though others may have been let in since: for those who end what is in there.
pub(crate) fn folder_of_ours(path: &Path) -> Result<Metadata, Failure> {
    if let Err(error) = make(path)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(failed(path, "make", &error));
    }
    let found = fs::symlink_metadata(path).map_err(|error| failed(path, "look at", &error))?;
    if !found.is_dir() {
        return Err(Failure::mend(format!("{} is not a folder", path.display()), "move it away"));
    }
    system::is_ours(&found, path)?;
    Ok(found)
}

/// Reads a file of such a folder; nothing if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let Some(read) = read_of_ours(path)? else { return Ok(None) };
    system::is_closed(&read.metadata, path)?;
    Ok(Some(read.bytes))
}

/// A file of ours, which others may be able to read.
pub(crate) struct OfOurs {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    metadata: Metadata,
}

/// The same, though others could read it: for those who end what it tells of.
pub(crate) fn read_of_ours(path: &Path) -> Result<Option<OfOurs>, Failure> {
    let mut file = match system::without_links(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "read", &error)),
    };
    let found = file.metadata().map_err(|error| failed(path, "look at", &error))?;
    if !found.is_file() {
        return Err(Failure::mend(format!("{} is not a file", path.display()), "move it away"));
    }
    system::is_ours(&found, path)?;
    if found.len() > LARGEST {
        return Err(Failure::mend(format!("{} has more than {LARGEST} bytes", path.display()), "delete it"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default() + 1));
    (&mut file).take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed(path, "read", &error))?;
    Ok(Some(OfOurs { bytes, metadata: found }))
}

/// Writes a file of such a folder: whole, or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_as(path, bytes, None)
}

/// The same, for others as well where it was so before.
pub(crate) fn write_as(path: &Path, bytes: &[u8], permissions: Option<Permissions>) -> Result<(), Failure> {
    let told = |error: &io::Error| failed(path, "write", error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = unfinished(folder, bytes).map_err(|error| told(&error))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions).map_err(|error| told(&error))?;
    }
    file.persist(path).map_err(|error| told(&error.error))?;
    Ok(())
}

/// Writes a file only if there is none; whether it did.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    let told = |error: &io::Error| failed(path, "write", error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = unfinished(folder, bytes).map_err(|error| told(&error))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(told(&error.error)),
    }
}

/// The bytes on the disk, with mode 0600, under a name that nobody can foresee. Were they not on it before they get their own name, a machine
/// that loses its power could be left with the name and nothing behind it.
fn unfinished(folder: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes a file under a name of its own among the system's temporary ones, which is gone with what is returned.
pub(crate) fn temporary(bytes: &[u8]) -> Result<tempfile::NamedTempFile, Failure> {
    let written = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(bytes).map(|()| file));
    written.map_err(|error| failed(&std::env::temp_dir(), "write into", &error))
}

/// Takes a file away, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(path, "delete", &error)),
    }
}

/// Takes away every file of a folder, if it is there: those that can be, whatever becomes of the others.
pub(crate) fn empty(path: &Path) -> Result<(), Failure> {
    remove_some(path, |_| true)
}

/// Takes away what was being written into a folder by somebody who was killed over it.
pub(crate) fn sweep(path: &Path) -> Result<(), Failure> {
    remove_some(path, |name| name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()))
}

fn remove_some(path: &Path, which: impl Fn(&OsStr) -> bool) -> Result<(), Failure> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, "look into", &error)),
    };
    let mut outcome = Ok(());
    for entry in entries {
        let removed = match entry {
            Ok(entry) if which(&entry.file_name()) => remove(&entry.path()),
            Ok(_) => Ok(()),
            Err(error) => Err(failed(path, "look into", &error)),
        };
        outcome = outcome.and(removed);
    }
    outcome
}

/// Holds a file until it is dropped; nothing if somebody else of us holds it.
pub(crate) fn hold(path: &Path) -> Result<Option<File>, Failure> {
    let told = |error: &io::Error| failed(path, "lock", error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = system::without_links(&mut options).open(path).map_err(|error| told(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(told(&error)),
    }
}

fn failed(path: &Path, what: &str, error: &io::Error) -> Failure {
    Failure::mend(format!("cannot {what} {}: {error}", path.display()), "see to the folder it is in, and whose it is")
}

#[cfg(unix)]
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// What lies in a person's own folder for local data is closed to other people by that folder's list of rights, which it inherits.
#[cfg(not(unix))]
fn make(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
mod system {
    use std::fs::{Metadata, OpenOptions};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::process::geteuid;

    use crate::failure::Failure;

    pub(super) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
    }

    pub(super) fn is_ours(found: &Metadata, path: &Path) -> Result<(), Failure> {
        let path = path.display();
        if found.uid() != geteuid().as_raw() {
            return Err(Failure::mend(
                format!("{path} belongs to somebody else"),
                "move it away, or run this as its owner",
            ));
        }
        Ok(())
    }

    pub(super) fn is_closed(found: &Metadata, path: &Path) -> Result<(), Failure> {
        let path = path.display();
        if found.mode() & 0o077 != 0 {
            return Err(Failure::mend(
                format!("others may get at {path}"),
                format!("run `chmod go= '{path}'`, or delete it"),
            ));
        }
        Ok(())
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{Metadata, OpenOptions};
    use std::path::Path;

    use crate::failure::Failure;

    pub(super) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    #[expect(clippy::unnecessary_wraps, reason = "the other system's half may refuse")]
    pub(super) fn is_ours(_: &Metadata, _: &Path) -> Result<(), Failure> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the other system's half may refuse")]
    pub(super) fn is_closed(_: &Metadata, _: &Path) -> Result<(), Failure> {
        Ok(())
    }
}

/// What begins the name of a file that is being written.
const UNFINISHED: &str = ".tmp";
/// A sealed session or credentials have some kilobytes.
const LARGEST: u64 = 256 * 1024;
