//! The trail, for those who may look at it. Looking is not recorded: it changes nothing, and every page would make the trail longer.

use super::Administration;
use crate::permission::Auditor;
use crate::store::{Page, StoreError, TrailFilter};
use crate::trail::{Record, proved_record};

/// A record that proves to be ours, and the keyed hash that the next one of its chain repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvedRecord {
    pub record: Record,
    pub hash: Vec<u8>,
}

impl Administration {
    /// One page, the newest first. What does not prove to be ours is left out, with an alarm in the log.
    pub async fn records(
        &self,
        _: &Auditor,
        filter: &TrailFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProvedRecord>, StoreError> {
        let seals = self.store.seals();
        self.store
            .trail_page(filter, after, limit)
            .await?
            .filter_map(|link| Ok(proved_record(seals, &link).map(|record| ProvedRecord { record, hash: link.hash })))
    }
}
