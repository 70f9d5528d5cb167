//! How far a chain has come by the word of the process that writes it, and the last record that proves of one that another writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::verify::is_link_of_ours;
use crate::epoch::Epoch;
use crate::id::ChainId;
use crate::store::{Place, Store, StoreError, TrailLink};
use crate::vault::Mac;

/// The last record of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(super) sequence: i64,
    pub(super) hash: Mac,
    /// The last that its writer knew of when it was written: what began later answers its loss.
    pub(super) epoch: Epoch,
}

/// Of each chain that this process has written to.
pub(super) type Heads = Arc<Mutex<BTreeMap<ChainId, Head>>>;

/// The last record of a chain that proves to be ours, at this place or before it: whatever else somebody wrote there. Nothing where a
/// great many rows prove nothing.
pub(super) async fn last_proved(store: &Store, chain: ChainId, upto: i64) -> Result<Option<TrailLink>, StoreError> {
    let mut upto = upto;
    for _ in 0..MOST_PAGES {
        let page = store.links_up_to(chain, upto, PAGE).await?;
        let Some(last) = page.last().map(|(place, _)| place.sequence()) else { return Ok(None) };
        let proved = |(_, link): (Place, _)| Result::ok(link).filter(|link| is_link_of_ours(store.seals(), link));
        if let Some(link) = page.into_iter().find_map(proved) {
            return Ok(Some(link));
        }
        upto = last.saturating_sub(1);
    }
    Ok(None)
}

const PAGE: i64 = 100;
const MOST_PAGES: usize = 100;
