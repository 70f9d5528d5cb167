//! What is to be said about a file that somebody wrote: where, about what, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::character;

/// A mistake, or something worth a second look. Holds no control characters, so it may go to a terminal or a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    file: PathBuf,
    place: Option<Place>,
    about: String,
    text: String,
}

/// Why a file cannot be used.
pub type FileError = Remark;

/// What the writer of a file may not have meant.
pub type FileWarning = Remark;

/// A place in a text, counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Remark {
    /// `about` names the entry and the key, such as `connector "deploy": principal.assume_role.role_arn`; it may be empty.
    pub fn new(file: &Path, place: Option<Place>, about: &str, text: &str) -> Self {
        Self { file: file.to_owned(), place, about: tame(about), text: tame(text) }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The entry and the key, without the place and what is said of them.
    pub fn about(&self) -> &str {
        &self.about
    }

    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tame(&self.file.to_string_lossy()))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.about.is_empty() {
            write!(f, ": {}", self.about)?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for Remark {}

/// What an error says, and why, and why that.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        // Some say themselves what caused them.
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Harmless on a terminal and not endless, whatever somebody wrote.
fn tame(text: &str) -> String {
    character::shown(&text.chars().take(MAX_TEXT).collect::<String>())
}

const MAX_TEXT: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_reads_like_a_compilers() {
        let place = Some(Place { line: 12, column: 5 });
        let remark = |place, about| Remark::new(Path::new("connectors.toml"), place, about, "no").to_string();
        assert_eq!(remark(place, "connector \"deploy\""), "connectors.toml:12:5: connector \"deploy\": no");
        assert_eq!(remark(None, ""), "connectors.toml: no");
    }

    #[test]
    fn a_remark_cannot_drive_a_terminal() {
        let remark = Remark::new(Path::new("a\u{1b}[2J"), None, "\u{1b}", &"\u{7}x".repeat(10_000)).to_string();
        assert!(!remark.chars().any(char::is_control) && remark.len() < 5_000);
    }
}
