//! What a restored backup did not have: of each chain that lost records, from which to which, for an operator to accept.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::anchor::Anchor;
use super::entry::Record;
use super::head::last_proved;
use crate::clock::Millis;
use crate::id::{ChainId, RecordId};
use crate::store::{Kept, Mark, MarkKind, Store, StoreError, TrailLink};
use crate::vault::Mac;

/// A run of records of one chain that are missing, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub chain: ChainId,
    /// The last record before them; nothing where they are the chain's first.
    pub kept: Option<Kept>,
    /// The last of them, and its hash.
    pub sequence: i64,
    hash: Mac,
}

impl Lost {
    /// What is missing of the chains of these heads; and, of chains that their nodes went on writing while the store was put back under
    /// them, what is missing in between: where the records before and after stand on both sides of one of these moments.
    pub(crate) async fn find(store: &Store, heads: &[Anchor], restored: &[Timestamp]) -> Result<Vec<Self>, StoreError> {
        let mut found: Vec<Self> = Vec::new();
        if let Some(first) = restored.iter().min() {
            for link in store.ends_of_gaps_since(RecordId::earliest_at(shortly_before(*first))).await? {
                found.extend(Self::before(store, &link, restored).await?);
            }
        }
        for head in heads {
            if !found.iter().any(|lost| lost.chain == head.chain && lost.sequence >= head.sequence) {
                let kept =
                    last_proved(store, head.chain, head.sequence.saturating_sub(1)).await?.as_ref().and_then(kept);
                found.push(Self { chain: head.chain, kept, sequence: head.sequence, hash: head.hash });
            }
        }
        Ok(found)
    }

    /// What is missing before this record.
    async fn before(store: &Store, link: &TrailLink, restored: &[Timestamp]) -> Result<Option<Self>, StoreError> {
        let (chain, sequence) = (link.chain, link.sequence.saturating_sub(1));
        let Some(after) = super::verify::proved_record(store.seals(), link) else { return Ok(None) };
        let is_marked = store.trail_marks(chain, sequence).await?.iter().any(|mark| mark.excuses(sequence));
        let Some(hash) = previous(&after).filter(|_| !is_marked) else { return Ok(None) };
        let before = last_proved(store, chain, sequence).await?;
        let is_between = |moment: &Timestamp| {
            let was_before = before.as_ref().is_none_or(|before| Timestamp::from(before.at) <= *moment);
            was_before && after.at >= shortly_before(*moment)
        };
        let kept = before.as_ref().and_then(kept);
        Ok(restored.iter().any(is_between).then_some(Self { chain, kept, sequence, hash }))
    }

    pub(crate) fn mark(&self, at: Millis) -> Mark {
        let kind = MarkKind::Lost { kept: self.kept };
        Mark { chain: self.chain, kind, sequence: self.sequence, hash: self.hash, at }
    }

    /// As a record tells it.
    pub(crate) fn told(&self) -> Value {
        json!({ "chain": self.chain, "from": self.first(), "to": self.sequence })
    }

    /// The first of them.
    pub fn first(&self) -> i64 {
        self.kept.map_or(0, |kept| kept.sequence.saturating_add(1))
    }
}

fn kept(link: &TrailLink) -> Option<Kept> {
    Some(Kept { sequence: link.sequence, hash: link.hash.as_slice().try_into().ok()? })
}

/// The hash that a record says it follows.
pub(super) fn previous(record: &Record) -> Option<Mac> {
    hex::decode(&record.previous_hash).ok()?.try_into().ok()
}

/// A node goes on writing until somebody looks, which happens each minute; and clocks differ a little.
fn shortly_before(moment: Timestamp) -> Timestamp {
    moment.saturating_sub(NOTICED_WITHIN).unwrap_or(Timestamp::MIN)
}

const NOTICED_WITHIN: SignedDuration = SignedDuration::from_mins(5);
