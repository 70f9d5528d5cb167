//! The last epoch that the trail tells of.

use super::entry::Action;
use super::verify::proved_record;
use crate::epoch::Epoch;
use crate::store::{Store, StoreError, TrailFilter, TrailLink};

/// By records that prove to be ours, wherever they stand. Nothing where none has begun, or those records were pruned.
pub(super) async fn last_begun(store: &Store) -> Result<Option<Epoch>, StoreError> {
    let filter = TrailFilter { action: Some(Action::EpochBegun.as_str().to_owned()), ..TrailFilter::default() };
    let begun = |link: &TrailLink| {
        let changes = proved_record(store.seals(), link)?.changes?;
        changes.pointer("/epoch/to")?.as_i64().map(Epoch::from_number)
    };
    Ok(store.trail_page(&filter, None, MOST).await?.items.iter().filter_map(begun).max())
}

/// How many of the newest are read. More than backups are ever restored; and whoever adds as many false ones could remove a true one.
const MOST: usize = 100;
