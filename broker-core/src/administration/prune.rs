//! Old records of the trail are removed, by somebody who may.

use super::Administration;
use crate::permission::Administrator;
use crate::trail::{Action, Prunable, Pruned, TrailError};

impl Administration {
    /// Removes what was found to be old, and tells how many records are gone so far. The trail says who did it.
    pub async fn prune_trail(
        &self,
        prunable: Prunable,
        by: &Administrator,
        tell: impl FnMut(u64),
    ) -> Result<Pruned, TrailError> {
        prunable.prune(&self.store, &self.trail, by.did(Action::TrailPruned), self.clock.now(), tell).await
    }
}
