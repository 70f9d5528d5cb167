//! A backup was restored: what had been taken away since must not count again by itself.

use serde_json::json;

use super::Administration;
use crate::epoch::Epoch;
use crate::permission::Administrator;
use crate::store::StoreError;
use crate::trail::{Action, TrailError, Vec1};

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

impl Administration {
    /// Ends all sessions, forgets familiar networks, and lets service tokens wait until somebody confirms them; on every node, with
    /// the next request. `known` is the last epoch that an anchor tells of: the new one comes after it, too.
    pub async fn begin_epoch(
        &self,
        known: Option<Epoch>,
        reason: &impl ToString,
        by: &Administrator,
    ) -> Result<NewEpoch, EpochError> {
        let seen = self.store.epoch_as_stored().await?;
        let epoch = seen.next(known, self.clock.now());
        let changes = json!({ "epoch": { "from": seen.proved().map(Epoch::number), "to": epoch.number() } });
        let entry = by.did(Action::EpochBegun).reason(reason).changes(changes);
        match self.trail.commit(self.store.begin_epoch(seen, epoch), Vec1::new(entry)).await {
            Ok(()) => {}
            Err(TrailError::Change(StoreError::Stale)) => return Err(EpochError::Overtaken),
            Err(TrailError::Change(error)) => return Err(error.into()),
            Err(error @ (TrailError::Unwritten(_) | TrailError::Closed)) => return Err(EpochError::Trail(error)),
        }
        let waiting = self.store.service_tokens().await?.into_iter().filter(|token| token.awaits_confirmation);
        Ok(NewEpoch { epoch, tokens_waiting: waiting.count() })
    }
}
