//! The wall clock of one process, which a test sets while the process runs. How much time goes by (the monotonic clock) stays the
//! machine's own, as it does when somebody sets a machine's clock.

use std::fs;
use std::path::PathBuf;

use jiff::SignedDuration;
use tempfile::TempDir;

use crate::installed;
use crate::process::new_folder;

/// A clock that shows the machine's time until it is set.
#[derive(Debug)]
pub struct WallClock {
    folder: TempDir,
}

impl WallClock {
    pub fn new() -> Self {
        let clock = Self { folder: new_folder() };
        clock.set(SignedDuration::ZERO);
        clock
    }

    /// What a process needs in its environment so that it goes by this clock. From the preloaded library only the time comes: file
    /// times and the monotonic clock stay true.
    pub fn variables(&self) -> [(String, String); 5] {
        [
            ("LD_PRELOAD", installed::faketime().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    /// From now on the clock is this much ahead of the machine's, or behind it.
    pub fn set(&self, ahead: SignedDuration) {
        // Renamed into its place: whoever reads it meanwhile reads all of it.
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{:+}\n", ahead.as_secs())).unwrap();
        fs::rename(next, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}
