//! A backup was restored: what had been taken away since must not count again by itself.

use serde_json::{Value, json};

use super::Administration;
use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::permission::Administrator;
use crate::store::{Change, StoreError, StoredEpoch};
use crate::trail::{Action, Anchor, Entry, Losses, Lost, TrailError, Vec1};

/// An epoch that has just begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEpoch {
    pub epoch: Epoch,
    /// How many service tokens wait until somebody confirms or revokes them.
    pub tokens_waiting: usize,
}

/// Why no epoch began. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    #[error("another epoch began in this very moment")]
    Overtaken,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

/// What an operator's word that a backup was restored has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Nothing where the daemon had noticed by itself and begun one.
    pub begun: Option<NewEpoch>,
    /// Of how many chains the end is missing, which is known now.
    pub lost_chains: usize,
}

impl Administration {
    /// Ends all sessions, forgets familiar networks, and lets service tokens wait until somebody confirms them; on every node, with
    /// the next request; because records are missing that were there. Gives nothing where an epoch has begun since they were lost.
    pub async fn answer_losses(&self, losses: &Losses, by: &Administrator) -> Result<Option<NewEpoch>, EpochError> {
        let seen = self.store.epoch_as_stored().await?;
        if is_answered(seen, losses) {
            return Ok(None);
        }
        let begun =
            self.begin(seen, losses, &"records are missing: a backup was restored, or somebody took them away", by);
        begun.await.map(Some)
    }

    /// What is missing, of which chains, from which record to which.
    pub async fn lost(&self, losses: &Losses) -> Result<Vec<Lost>, StoreError> {
        let seen = self.store.epoch_as_stored().await?;
        // Nodes that run notice and begin an epoch; or they have not yet, and it is now.
        let noticed = seen.proved().and_then(Epoch::began_at);
        let restored: Vec<_> = noticed.into_iter().chain([self.clock.now()]).collect();
        Lost::find(&self.store, &losses.heads, &restored).await
    }

    /// The same by an operator's word, who says as well that what is missing is missing because a backup was restored. What is before
    /// it is proved as ever.
    pub async fn restored(&self, losses: &Losses, by: &Administrator) -> Result<Restored, EpochError> {
        let seen = self.store.epoch_as_stored().await?;
        let lost = self.lost(losses).await?;
        let begun = if lost.is_empty() || !is_answered(seen, losses) {
            Some(self.begin(seen, losses, &"an operator says that a backup was restored", by).await?)
        } else {
            None
        };
        let at = Millis::from(self.clock.now());
        if !lost.is_empty() {
            let told: Value = lost.iter().take(MOST_TOLD).map(Lost::told).collect();
            let entry = by.did(Action::TrailLossAccepted).changes(json!({ "lost": told }));
            let marks = lost.iter().map(|lost| self.store.add_trail_mark(&lost.mark(at)));
            self.commit(marks.collect(), entry).await?;
        }
        Ok(Restored { begun, lost_chains: lost.len() })
    }

    async fn begin(
        &self,
        seen: StoredEpoch,
        losses: &Losses,
        reason: &impl ToString,
        by: &Administrator,
    ) -> Result<NewEpoch, EpochError> {
        let epoch = seen.next(losses.epoch, self.clock.now());
        let changes = json!({
            "epoch": { "from": seen.proved().map(Epoch::number), "to": epoch.number() },
            "missing": missing(losses),
        });
        let entry = by.did(Action::EpochBegun).reason(reason).changes(changes);
        self.commit(self.store.begin_epoch(seen, epoch), entry).await?;
        let waiting = self.store.service_tokens().await?.into_iter().filter(|token| token.awaits_confirmation);
        Ok(NewEpoch { epoch, tokens_waiting: waiting.count() })
    }

    async fn commit(&self, changes: Vec<Change>, entry: Entry) -> Result<(), EpochError> {
        match self.trail.commit(changes, Vec1::new(entry)).await {
            Ok(()) => Ok(()),
            Err(TrailError::Change(StoreError::Stale)) => Err(EpochError::Overtaken),
            Err(TrailError::Change(error)) => Err(error.into()),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => Err(EpochError::Trail(error)),
        }
    }
}

/// Whether the present epoch began after all that is missing was written.
fn is_answered(seen: StoredEpoch, losses: &Losses) -> bool {
    seen.proved().is_some_and(|present| {
        losses.epoch.is_none_or(|known| known <= present) && losses.heads.iter().all(|head| head.epoch < present)
    })
}

/// Where chains should go on, as far as a record has room for.
fn missing(losses: &Losses) -> Value {
    let place = |head: &Anchor| json!({ "chain": head.chain, "sequence": head.sequence });
    losses.heads.iter().take(MOST_TOLD).map(place).collect()
}

const MOST_TOLD: usize = 100;
