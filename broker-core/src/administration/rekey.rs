//! Moves everything that is sealed to the master key that seals now: row by row, each with its record, so that whoever is
//! interrupted goes on where it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Administration;
use crate::permission::Administrator;
use crate::store::{ResealError, SealedRow, StoreError};
use crate::trail::{Action, TrailError, Vec1};
use crate::vault::Place;

/// How many secrets stand under which master key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// By place and by the master key's id; those that open.
    pub under: BTreeMap<(Place, String), usize>,
    /// The ids of all master keys that any seal names, whether or not it opens.
    pub named: BTreeSet<String>,
    /// Those that nobody can open or vouch for.
    pub left: Vec<Left>,
}

/// A sealed secret that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub place: Place,
    /// By name, or by the row's id where it does not prove to be ours.
    pub row: String,
    pub why: WhyLeft,
}

/// Why a secret stays as it is. Cut by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyLeft {
    #[error("the row does not prove to be ours: restore it from a backup, or delete it")]
    Unproved,
    #[error("it is sealed with master key `{0}`, which the configuration does not know: add that key, then try again")]
    UnknownKey(String),
    #[error("its seal is broken: replace the secret, or restore the row from a backup")]
    Broken,
    #[error("somebody else changes it all the while: try again")]
    Contended,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// How many secrets have moved.
    pub moved: usize,
    pub left: Vec<Left>,
    /// The ids of known master keys that this has left without any use: no seal names them any more.
    pub idle_keys: Vec<String>,
    /// The ids of known master keys that no seal named before, either: whether they sealed once, or are to seal next, is not known here.
    pub unused_keys: Vec<String>,
}

/// Why it stopped. What has moved stays moved.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl Administration {
    /// Counts what is sealed, and changes nothing.
    pub async fn survey_seals(&self) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        for place in Place::ALL {
            let rows = self.store.sealed_rows(place).await?;
            for row in rows.unproved {
                survey.left.push(Left { place, row: row.id, why: WhyLeft::Unproved });
                survey.named.extend(row.master_key);
            }
            for row in rows.proved {
                survey.named.extend(row.master_key().map(str::to_owned));
                match self.why_left(&row) {
                    Some(why) => survey.left.push(Left { place, row: row.name(), why }),
                    None => *survey.under.entry((place, named(&row))).or_default() += 1,
                }
            }
        }
        Ok(survey)
    }

    /// The id of the master key that everything is to be sealed with.
    pub fn seals_with(&self) -> &str {
        self.vault.seals_with()
    }

    /// Moves everything that opens. Safe beside daemons that know the new key.
    pub async fn rekey(&self, by: &Administrator, mut tell: impl FnMut(Progress)) -> Result<Rekeyed, RekeyError> {
        let before = self.survey_seals().await?;
        let elsewhere = before.under.iter().filter(|((_, key), _)| key != self.seals_with());
        let mut progress = Progress { done: 0, total: elsewhere.map(|(_, count)| count).sum() };
        for place in Place::ALL {
            // What somebody else changed meanwhile is looked at again; it may have moved with that change.
            for _ in 0..PASSES {
                let rows = self.store.sealed_rows(place).await?.proved;
                let mut stale = false;
                for row in rows.iter().filter(|row| row.master_key() != Some(self.seals_with())) {
                    match self.rekey_row(row, by).await? {
                        Moved::Yes => {
                            progress.done += 1;
                            tell(progress);
                        }
                        Moved::Stale => stale = true,
                        Moved::Broken => {}
                    }
                }
                if !stale {
                    break;
                }
            }
        }
        let after = self.survey_seals().await?;
        let contended = after.under.keys().filter(|(_, key)| key != self.seals_with());
        let contended = contended.map(|(place, key)| {
            let row = format!("{} under {key}", after.under.get(&(*place, key.clone())).copied().unwrap_or_default());
            Left { place: *place, row, why: WhyLeft::Contended }
        });
        let left = after.left.iter().cloned().chain(contended).collect();
        let idle = self.vault.key_ids().filter(|id| *id != self.seals_with() && !after.named.contains(*id));
        let (idle_keys, unused_keys) = idle.map(str::to_owned).partition(|id| before.named.contains(id));
        Ok(Rekeyed { moved: progress.done, left, idle_keys, unused_keys })
    }

    async fn rekey_row(&self, row: &SealedRow, by: &Administrator) -> Result<Moved, RekeyError> {
        let change = match self.store.reseal(row, &self.vault) {
            Ok(change) => change,
            Err(ResealError::Seal(_)) => return Ok(Moved::Broken),
            Err(ResealError::Store(error)) => return Err(error.into()),
        };
        let place = row.place();
        let changes = json!({
            "place": format!("{}.{}", place.table(), place.column()),
            "row": row.name(),
            "master_key": { "from": row.master_key(), "to": self.seals_with() },
        });
        let entry = by.did(Action::SecretResealed).changes(changes);
        match self.trail.commit(vec![change], Vec1::new(entry)).await {
            Ok(()) => Ok(Moved::Yes),
            Err(TrailError::Change(StoreError::Stale)) => Ok(Moved::Stale),
            Err(TrailError::Change(error)) => Err(error.into()),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => Err(RekeyError::Trail(error)),
        }
    }

    fn why_left(&self, row: &SealedRow) -> Option<WhyLeft> {
        if row.opens(&self.vault) {
            return None;
        }
        Some(match row.master_key() {
            Some(id) if !self.vault.key_ids().any(|known| known == id) => WhyLeft::UnknownKey(id.to_owned()),
            Some(_) | None => WhyLeft::Broken,
        })
    }
}

/// How one row fared.
enum Moved {
    Yes,
    Stale,
    Broken,
}

/// What opens names its key.
fn named(row: &SealedRow) -> String {
    row.master_key().unwrap_or_default().to_owned()
}

/// One more than it takes when a row is changed once while it is its turn; more is a storm.
const PASSES: usize = 5;
