//! Proves, in the background and as often as it takes, the keys that came in without AWS having been asked: those of the
//! connectors file, which start and SIGHUP take in offline, and those that were added with `--skip-validation`.
//!
//! The owner is written under the key's present generation, which does not move: what was vended before stays as good as it was,
//! for the key is the same one. The write still fails when anybody replaced the key meanwhile, because they moved it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::access_keys::about;
use super::proof::ask;
use super::{Administration, NotProved};
use crate::access_key::{AccessKey, KeyHealth, KeySource};
use crate::catalog::{difference, written};
use crate::id::AccessKeyId;
use crate::inventory::{Inventory, Snapshot};
use crate::permission::Administrator;
use crate::store::StoreError;
use crate::sts::{OpenKey, Sts};
use crate::trail::{Action, Entry, Outcome, TrailError, Vec1};

/// When a key is asked about next, and what was said last.
struct Attempt {
    due: Instant,
    wait: Duration,
    said: String,
    /// How often in a row AWS has refused the key.
    refusals: u32,
}

/// Why a key has no owner yet.
#[derive(Debug, thiserror::Error)]
enum Unproved {
    #[error(transparent)]
    NotProved(#[from] NotProved),
    #[error(transparent)]
    Seal(#[from] crate::vault::SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl Administration {
    /// Never ends. Costs a comparison of two pointers a second while there is nothing to prove.
    pub async fn prove_unproved(self, inventory: Inventory, sts: Arc<dyn Sts>) {
        let mut attempts: HashMap<(AccessKeyId, i64), Attempt> = HashMap::new();
        let mut seen: Option<Arc<Snapshot>> = None;
        // Who the host is may be another one since the process before.
        let mut asked = HashSet::new();
        loop {
            let snapshot = inventory.snapshot();
            if !attempts.is_empty() || seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &snapshot)) {
                let unproved = unproved(&snapshot, &asked);
                attempts.retain(|place, _| unproved.iter().any(|key| place_of(key) == *place));
                let now = Instant::now();
                let due =
                    unproved.into_iter().filter(|key| attempts.get(&place_of(key)).is_none_or(|it| it.due <= now));
                self.prove_all(due.collect(), sts.as_ref(), &mut attempts, &mut asked).await;
                seen = Some(snapshot);
            }
            if let Err(error) = inventory.refresh().await {
                // Whoever follows the store says so.
                tracing::debug!(%error, "cannot look for access keys to prove");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn prove_all(
        &self,
        keys: Vec<Arc<AccessKey>>,
        sts: &dyn Sts,
        attempts: &mut HashMap<(AccessKeyId, i64), Attempt>,
        proved: &mut HashSet<(AccessKeyId, i64)>,
    ) {
        let asked = keys.into_iter().map(|key| async move {
            let outcome = self.prove_stored(&key, sts).await;
            (key, outcome)
        });
        let mut asked = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        while let Some((key, outcome)) = asked.next().await {
            let place = place_of(&key);
            match outcome {
                Ok(()) => {
                    attempts.remove(&place);
                    proved.insert(place);
                }
                Err(unproved) => {
                    let before = attempts.remove(&place);
                    attempts.insert(place, next_attempt(&key, before, &unproved));
                }
            }
        }
    }

    /// Asks AWS about a stored key and writes down what it says. A key that is another owner's than the one whose place it took stays
    /// out of use, for its connectors would act as somebody else.
    async fn prove_stored(&self, key: &AccessKey, sts: &dyn Sts) -> Result<(), Unproved> {
        let open = OpenKey::open(key, &self.vault)?;
        let owner = match ask(sts, Instant::now() + PATIENCE, &open).await {
            Ok(owner) => owner,
            Err(not_proved) => {
                if let NotProved::Refused(refusal) = &not_proved {
                    let health = KeyHealth { refused: Some((self.clock.now(), refusal.code.clone())) };
                    self.store.note_key_health(key.id, key.generation, &health).await?;
                }
                return Err(not_proved.into());
            }
        };
        if key.details.owner.as_ref() == Some(&owner) {
            return Ok(());
        }
        let details = key.details.clone().owned(key.details.expected_owner.clone(), Some(owner.clone()));
        let proved = AccessKey { details, ..key.clone() };
        let by = Administrator::of_the_daemon();
        let fields = difference(&written(&key.details), &written(&proved.details));
        let entry = by.did(Action::AccessKeyChanged).changes(about(&key.name, &fields));
        let rightful = proved.is_rightful();
        let entry = match &rightful {
            Ok(()) => entry,
            Err(other) => Entry { outcome: Outcome::Refused, ..entry.reason(other) },
        };
        let change = self.store.replace_access_key(&proved, key.generation)?;
        match self.trail.commit(vec![change], Vec1::new(entry)).await {
            // It was replaced or removed: there is another key to prove, or none.
            Ok(()) | Err(TrailError::Change(StoreError::Stale)) => {}
            Err(error) => return Err(error.into()),
        }
        let (account, arn) = (owner.account.as_str(), owner.arn);
        match rightful {
            Ok(()) => {
                tracing::info!(access_key.name = %key.name, aws.account = account, aws.arn = arn, "AWS says whose access key this is");
            }
            Err(reason) => {
                tracing::error!(access_key.name = %key.name, aws.account = account, aws.arn = arn, %reason, alarm = "other_owner", "an access key is another owner's than the one whose place it took, and is out of use");
            }
        }
        Ok(())
    }
}

fn unproved(snapshot: &Snapshot, asked: &HashSet<(AccessKeyId, i64)>) -> Vec<Arc<AccessKey>> {
    let is_unproved = |key: &&Arc<AccessKey>| match key.details.source {
        KeySource::Stored(_) => key.details.owner.is_none(),
        KeySource::Ambient => key.details.owner.is_none() || !asked.contains(&place_of(key)),
    };
    snapshot.access_keys().filter(is_unproved).cloned().collect()
}

fn place_of(key: &AccessKey) -> (AccessKeyId, i64) {
    (key.id, key.generation)
}

/// Waits longer each time, and longest for what only somebody's hands can mend. Says the same thing once.
fn next_attempt(key: &AccessKey, before: Option<Attempt>, unproved: &Unproved) -> Attempt {
    let said = unproved.to_string();
    let before_refused = before.as_ref().map_or(0, |before| before.refusals);
    let refusals = match unproved {
        Unproved::NotProved(NotProved::Refused(_)) => before_refused.saturating_add(1),
        // Nothing was learnt about the key.
        _ => before_refused,
    };
    if let Unproved::NotProved(NotProved::Refused(refusal)) = unproved
        // At first it may be that AWS does not know it everywhere yet.
        && refusals == 2
    {
        let code = refusal.code.as_str();
        tracing::error!(
            access_key.id = key.details.source.as_str(),
            aws.code = code,
            alarm = "access_key_refused",
            "AWS refuses this access key"
        );
    }
    if before.as_ref().is_none_or(|before| before.said != said) {
        tracing::warn!(access_key.name = %key.name, reason = said, "it is not known whose access key this is; asking again");
    }
    let first = match unproved {
        Unproved::NotProved(NotProved::Refused(_) | NotProved::Root { .. }) | Unproved::Seal(_) => FIRST_WAIT_REFUSED,
        Unproved::NotProved(NotProved::Skewed(_) | NotProved::Unreachable(_) | NotProved::NotSts(_))
        | Unproved::Store(_)
        | Unproved::Trail(_) => FIRST_WAIT,
    };
    let wait = before.map_or(first, |before| (before.wait * 2).max(first)).min(LONGEST_WAIT);
    Attempt { due: Instant::now() + wait, wait, said, refusals }
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(15);
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A new key takes AWS some seconds to know everywhere, and then it is refused at first.
const FIRST_WAIT_REFUSED: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(10);
