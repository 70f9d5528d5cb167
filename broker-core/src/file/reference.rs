//! What a file may refer to: plain files under its own folder or the secrets' folder, and variables made for it.

use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::source::{OTHERS_ANYTHING, OTHERS_WRITE, Unreadable, read_bounded};
use super::{Environment, SecretRef};

/// The folders that a file's references may lead into, links followed.
#[derive(Debug)]
pub struct Folders<'e> {
    written: PathBuf,
    resolved: Vec<PathBuf>,
    environment: &'e Environment,
}

/// Why a reference leads nowhere. What stands in the other file is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    #[error("`{}` cannot be used", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("`{}` leads out of {}: keep the file there", .0.display(), .1)]
    Outside(PathBuf, String),
    #[error("the environment variable `{0}` is not set, or is not UTF-8")]
    NotSet(String),
    #[error("`{}` is empty", .0.display())]
    EmptyFile(PathBuf),
    #[error("the environment variable `{0}` is empty")]
    EmptyVariable(String),
    #[error("`{}` is not UTF-8 text", .0.display())]
    NotText(PathBuf),
}

impl<'e> Folders<'e> {
    /// References start at the folder of `file`; `secrets` is the second folder they may lead into.
    pub fn of(file: &Path, secrets: Option<&Path>, environment: &'e Environment) -> Self {
        let written = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        // A folder that is not there holds no file that may be read.
        let resolved = std::iter::once(written.as_path()).chain(secrets).filter_map(|path| path.canonicalize().ok());
        Self { resolved: resolved.collect(), written, environment }
    }

    /// A path as the file means it.
    pub fn locate(&self, path: &Path) -> PathBuf {
        let plain: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
        let here = self.written == Path::new(".") && !plain.as_os_str().is_empty();
        if here { plain } else { self.written.join(plain) }
    }

    /// Reads a file that is no secret, though nobody else may write to it.
    pub fn text(&self, path: &Path, limit: u64) -> Result<String, ReferenceError> {
        let bytes = self.bytes(path, limit, OTHERS_WRITE)?;
        String::from_utf8(bytes).map_err(|_| ReferenceError::NotText(self.locate(path)))
    }

    /// Reads a secret of at most 4 KiB, without the line break that ends a file.
    pub fn secret(&self, reference: &SecretRef) -> Result<SecretString, ReferenceError> {
        match reference {
            SecretRef::Env(name) => match self.environment.get(name) {
                Some(secret) if is_blank(secret) => Err(ReferenceError::EmptyVariable(name.clone())),
                Some(secret) => Ok(secret.clone()),
                None => Err(ReferenceError::NotSet(name.clone())),
            },
            SecretRef::File(path) => self.private_text(path, MAX_SECRET),
        }
    }

    /// Reads a file that nobody else may read or write, without the line break at its end: a secret, or a key of many lines.
    pub fn private_text(&self, path: &Path, limit: u64) -> Result<SecretString, ReferenceError> {
        let bytes = Zeroizing::new(self.bytes(path, limit, OTHERS_ANYTHING)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| ReferenceError::NotText(self.locate(path)))?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let secret = SecretString::from(text);
        if is_blank(&secret) { Err(ReferenceError::EmptyFile(self.locate(path))) } else { Ok(secret) }
    }

    /// Where a reference leads, links followed, if that is within bounds.
    pub fn resolve(&self, path: &Path) -> Result<PathBuf, ReferenceError> {
        let located = self.locate(path);
        let resolved = located.canonicalize().map_err(|error| failed(&located, Unreadable::Io(error)))?;
        if self.resolved.iter().any(|folder| resolved.starts_with(folder)) {
            return Ok(resolved);
        }
        let folders: Vec<String> = self.resolved.iter().map(|folder| format!("`{}`", folder.display())).collect();
        Err(ReferenceError::Outside(located, folders.join(" and ")))
    }

    /// Where a file is to be made that need not be there yet, if that is within bounds.
    pub fn resolve_new(&self, path: &Path) -> Result<PathBuf, ReferenceError> {
        let Some(name) = path.file_name() else {
            return Err(failed(path, Unreadable::NotRegular));
        };
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => Ok(self.resolve(folder)?.join(name)),
            Some(_) | None => Ok(self.resolve(Path::new("."))?.join(name)),
        }
    }

    fn bytes(&self, path: &Path, limit: u64, refused: u32) -> Result<Vec<u8>, ReferenceError> {
        let resolved = self.resolve(path)?;
        read_bounded(&resolved, limit, refused).map_err(|error| failed(&self.locate(path), error))
    }
}

fn failed(path: &Path, error: Unreadable) -> ReferenceError {
    ReferenceError::File { path: path.to_owned(), source: error.into() }
}

fn is_blank(secret: &SecretString) -> bool {
    use secrecy::ExposeSecret;
    secret.expose_secret().trim().is_empty()
}

/// Longer than any secret that we know of.
const MAX_SECRET: u64 = 4_096;

#[cfg(test)]
mod tests;
