//! What becomes of the whole file: shown first, then written at once, with the file of before kept beside it.

use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::clock;
use crate::failure::Failure;
use crate::private;

/// A file, as it is and as it shall be.
#[derive(Debug)]
pub(crate) struct Plan {
    path: PathBuf,
    before: String,
    after: String,
    /// Where the file of before is kept; nowhere where nothing changes, or where there is none.
    backup: Option<PathBuf>,
}

impl Plan {
    /// `before` is what was read at this path.
    pub(crate) fn new(path: PathBuf, before: String, after: String) -> Self {
        let backup = (before != after && path.exists()).then(|| beside(&path));
        Self { path, before, after, backup }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn before(&self) -> &str {
        &self.before
    }

    pub(crate) fn after(&self) -> &str {
        &self.after
    }

    pub(crate) fn backup(&self) -> Option<&Path> {
        self.backup.as_deref()
    }

    pub(crate) fn changes(&self) -> bool {
        self.before != self.after
    }

    /// Our own lines alone: those around them may hold a secret.
    pub(crate) fn diff(&self) -> String {
        let name = self.path.display().to_string();
        let diff = TextDiff::from_lines(&self.before, &self.after);
        diff.unified_diff().context_radius(0).header(&name, &name).to_string()
    }

    /// Keeps the file of before under its other name, and puts the new one in its place at once.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let meanwhile =
            || Failure::mend(format!("somebody else changed {} meanwhile", self.path.display()), "run this again");
        if read(&self.path)? != self.before {
            return Err(meanwhile());
        }
        let found = std::fs::metadata(&self.path).ok();
        if let Some(backup) = &self.backup {
            if !private::write_new(backup, self.before.as_bytes())? {
                return Err(meanwhile());
            }
        } else if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::mend(format!("cannot make {}: {error}", folder.display()), "mend that"))?;
        }
        private::write_as(&self.path, self.after.as_bytes(), found.map(|found| found.permissions()))
    }
}

/// The text of a file, and none where there is no file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::mend(format!("cannot read {}: {error}", path.display()), "mend that first")),
    }
}

/// A name with the time in it that no file has yet: the oldest of all would be the one that is missed most.
fn beside(path: &Path) -> PathBuf {
    let stamp = clock::now().strftime(".before-%Y%m%dT%H%M%SZ").to_string();
    let named = |more: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(&stamp);
        name.push(more);
        PathBuf::from(name)
    };
    let (mut candidate, mut count) = (named(""), 1_u32);
    while candidate.exists() {
        count = count.saturating_add(1);
        candidate = named(&format!("-{count}"));
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_within_the_same_second_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "first\n").unwrap();
        for (before, after) in [("first\n", "second\n"), ("second\n", "third\n"), ("third\n", "fourth\n")] {
            Plan::new(path.clone(), before.to_owned(), after.to_owned()).write().unwrap();
        }
        let entries = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path());
        let mut kept: Vec<_> = entries.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        kept.sort();
        assert_eq!(kept, ["first\n", "fourth\n", "second\n", "third\n"]);
    }

    #[test]
    fn a_file_that_somebody_changed_meanwhile_stays_as_they_left_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "mine\n").unwrap();
        let plan = Plan::new(path.clone(), "mine\n".to_owned(), "ours\n".to_owned());
        std::fs::write(&path, "theirs\n").unwrap();
        assert!(plan.write().unwrap_err().to_string().contains("meanwhile"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs\n");
    }
}
