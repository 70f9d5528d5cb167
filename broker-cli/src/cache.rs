//! Credentials on the disk, sealed to whom they were lent for what: AWS's clients keep none that a `credential_process` gave.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::keyring;
use crate::lent::Kept;
use crate::out;
use crate::private;
use crate::seal::{Place, Seal, short_name};

/// What is sealed.
#[derive(Deserialize, Serialize)]
struct Written {
    enough: i64,
    early: i64,
    credentials: broker_api::Credentials,
}

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    seal: Seal,
}

impl Cache {
    /// Its key is where the session's is.
    pub(crate) fn open(folders: &Folders, place: Place) -> Result<Self, Failure> {
        let folder = folders.cache()?.clone();
        let seal = match place {
            Place::File => Seal::of(folders.state()?)?,
            Place::Keyring => match Seal::in_keyring(KEY)? {
                Some(seal) => seal,
                None => Seal::new_in_keyring(KEY)?,
            },
        };
        Ok(Self { folder, seal })
    }

    /// Takes everything away that it can, and the key first: a copy of what was there does not open any more.
    pub(crate) fn destroy(folders: &Folders) -> Result<(), Failure> {
        let key = folders.state_of_ours().and_then(|folder| Seal::destroy(folder)).and(keyring::forget(KEY));
        let sealed = folders.cache_of_ours().and_then(|folder| private::empty(folder));
        key.and(sealed)
    }

    /// Takes away what was lent, whoever it was lent to: nothing of what the broker stands by no more is handed out.
    pub(crate) fn empty(folders: &Folders) -> Result<(), Failure> {
        private::empty(folders.cache_of_ours()?)
    }

    /// What was lent, if it is whole. What does not open counts as not there.
    pub(crate) fn find(&self, about: &str) -> Result<Option<Kept>, Failure> {
        let Some(sealed) = private::read(&self.file(about))? else { return Ok(None) };
        let Some(opened) = self.seal.open(about, &sealed) else { return Ok(None) };
        let written: Option<Written> = serde_json::from_slice(&opened).ok();
        Ok(written.and_then(|Written { enough, early, credentials }| {
            Some(Kept { lent: credentials.try_into().ok()?, enough, early })
        }))
    }

    pub(crate) fn keep(&self, about: &str, kept: &Kept) -> Result<(), Failure> {
        let written = Written { enough: kept.enough, early: kept.early, credentials: kept.lent.in_full() };
        let told = Zeroizing::new(serde_json::to_vec(&written).map_err(std::io::Error::from)?);
        if let Some(sealed) = self.seal.seal(about, &told) {
            private::write(&self.file(about), &sealed)?;
        }
        self.tidy(clock::now());
        Ok(())
    }

    /// Takes away what was lent for this.
    pub(crate) fn forget(&self, about: &str) -> Result<(), Failure> {
        private::remove(&self.file(about))
    }

    /// Holds the place: of several that miss at once, one asks. Nothing if that one takes too long: whoever waited then asks as well, lest
    /// all wait for the broker one behind the other.
    pub(crate) async fn hold(&self, about: &str) -> Result<Option<File>, Failure> {
        let path = self.file(about).with_extension("lock");
        out::patiently("waiting for another `broker`, which asks for the same", Self::hold_soon(&path)).await
    }

    async fn hold_soon(path: &Path) -> Result<Option<File>, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let held = private::hold(path)?;
            if held.is_some() || Instant::now() >= until {
                return Ok(held);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn file(&self, about: &str) -> PathBuf {
        self.folder.join(short_name(about)).with_extension("sealed")
    }

    /// Deletes what is older than any credentials can be. Whatever stays is of no use to anybody, so trouble here is none.
    fn tidy(&self, now: Timestamp) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| is_older(path, now)) {
            let _ = fs::remove_file(path);
        }
    }
}

fn is_older(path: &Path, now: Timestamp) -> bool {
    let changed = fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    let changed = changed.and_then(|changed| Timestamp::try_from(changed).ok());
    changed.is_some_and(|changed| now.as_second() - changed.as_second() > LONGEST)
}

/// What its key is called in the keyring.
const KEY: &str = "cache";
/// Longer than a broker takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// 36 hours: as long as AWS lends anything.
const LONGEST: i64 = 36 * 3_600;
