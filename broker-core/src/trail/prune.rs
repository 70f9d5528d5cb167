//! Removes records that are older than they need be kept: only from a chain's beginning, only what proves, and with a mark that stays.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::entry::Entry;
use super::verify::{Break, check, genesis};
use super::{Trail, TrailError, Vec1};
use crate::clock::Millis;
use crate::id::ChainId;
use crate::store::{Change, Kept, Mark, MarkKind, Place, Store, StoreError};
use crate::vault::Mac;

/// What would be removed: of some chains, their first records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prunable {
    before: Timestamp,
    chains: Vec<Prefix>,
}

/// A chain's records from its first that is there up to one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    chain: ChainId,
    from: i64,
    upto: i64,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub records: u64,
    /// How far each chain was pruned.
    pub marks: Vec<Mark>,
    /// Chains that do not prove are left as they are, from the break on.
    pub breaks: Vec<Break>,
}

impl Prunable {
    /// Everything before the first record of its chain that is not older than `before`.
    pub async fn find(store: &Store, before: Timestamp) -> Result<Self, StoreError> {
        let found = store.chains_older_than(before.into()).await?;
        let chains = found.into_iter().map(|(chain, from, upto)| Prefix { chain, from, upto }).collect();
        Ok(Self { before, chains })
    }

    pub fn chains(&self) -> usize {
        self.chains.len()
    }

    pub fn records(&self) -> u64 {
        self.chains.iter().map(|prefix| prefix.upto.abs_diff(prefix.from).saturating_add(1)).sum()
    }

    /// Removes it, bit by bit, so that nobody waits long for the store. `entry` is written together with the first bit.
    pub(crate) async fn prune(
        self,
        store: &Store,
        trail: &Trail,
        entry: Entry,
        now: Timestamp,
        mut tell: impl FnMut(u64),
    ) -> Result<Pruned, TrailError> {
        let about = json!({ "before": self.before, "records": self.records(), "chains": self.chains() });
        let mut record = Some(entry.changes(about));
        let mut pruned = Pruned::default();
        for prefix in &self.chains {
            pruned.take(prefix, store, trail, &mut record, Millis::from(now), &mut tell).await?;
        }
        Ok(pruned)
    }
}

impl Pruned {
    async fn take(
        &mut self,
        prefix: &Prefix,
        store: &Store,
        trail: &Trail,
        record: &mut Option<Entry>,
        at: Millis,
        tell: &mut impl FnMut(u64),
    ) -> Result<(), TrailError> {
        let chain = prefix.chain;
        let Some(mut head) = beginning(store, prefix).await.map_err(TrailError::Change)? else {
            self.breaks.push(Break::Missing { chain, expected: 0, found: prefix.from });
            return Ok(());
        };
        let (mut from, mut last, mut is_broken) = (prefix.from, None, false);
        while !is_broken {
            let bit = bit(store, prefix, from, head).await.map_err(TrailError::Change)?;
            is_broken = bit.broken.is_some();
            self.breaks.extend(bit.broken);
            let Some((sequence, hash)) = bit.last else { break };
            let mark = Mark { chain, kind: MarkKind::Pruned, sequence, hash, at };
            let changes = vec![Store::remove_links(chain, sequence), store.add_trail_mark(&mark)];
            commit(store, trail, changes, record.take()).await?;
            self.records += bit.records;
            tell(self.records);
            (from, head, last) = (sequence.saturating_add(1), hash, Some(mark));
            tokio::time::sleep(BETWEEN_BITS).await;
        }
        self.marks.extend(last);
        Ok(())
    }
}

/// Some links that prove, the last of them, and why there are no more.
#[derive(Default)]
struct Bit {
    last: Option<(i64, Mac)>,
    records: u64,
    broken: Option<Break>,
}

async fn bit(store: &Store, prefix: &Prefix, from: i64, mut head: Mac) -> Result<Bit, StoreError> {
    let mut found = Bit::default();
    let mut expected = from;
    for (_, link) in store.rows_in_order(Some(&Place::before(prefix.chain, from)), BIT).await? {
        // What is no link stands elsewhere, by its own words; `verify` tells.
        let Ok(link) = link else { continue };
        if link.chain != prefix.chain || link.sequence > prefix.upto {
            break;
        }
        if link.sequence > expected
            && let Some(hash) = lost_between(store, prefix.chain, expected, &head, link.sequence).await?
        {
            (expected, head) = (link.sequence, hash);
        }
        if let Some(broken) = check(store.seals(), &link, expected, &head) {
            found.broken = Some(broken);
            break;
        }
        let Ok(hash) = Mac::try_from(link.hash) else { break };
        (head, expected) = (hash, link.sequence.saturating_add(1));
        found.last = Some((link.sequence, hash));
        found.records += 1;
    }
    Ok(found)
}

/// What the first record that is there must follow.
async fn beginning(store: &Store, prefix: &Prefix) -> Result<Option<Mac>, StoreError> {
    if prefix.from == 0 {
        return Ok(Some(genesis(store.seals(), prefix.chain)));
    }
    let before = prefix.from.saturating_sub(1);
    let marks = store.trail_marks(prefix.chain, 0).await?;
    // Where those before were lost, what the loss left must have been pruned: else it was taken away, and pruning would hide it.
    let is_pruned = |sequence| marks.iter().any(|mark| mark.kind == MarkKind::Pruned && mark.excuses(sequence));
    let is_lawful = |mark: &&Mark| match mark.kind {
        MarkKind::Pruned => true,
        MarkKind::Lost { kept } => kept.is_none_or(|kept| is_pruned(kept.sequence)),
    };
    Ok(marks.iter().filter(|mark| mark.sequence == before).find(is_lawful).map(|mark| mark.hash))
}

/// The hash that a record follows where those between it and the last one were lost, as an operator has accepted.
async fn lost_between(
    store: &Store,
    chain: ChainId,
    expected: i64,
    head: &Mac,
    found: i64,
) -> Result<Option<Mac>, StoreError> {
    let (before, last) = (found.saturating_sub(1), Kept { sequence: expected.saturating_sub(1), hash: *head });
    let is_it = |mark: &Mark| mark.sequence == before && mark.kind == MarkKind::Lost { kept: Some(last) };
    Ok(store.trail_marks(chain, before).await?.into_iter().find(is_it).map(|mark| mark.hash))
}

/// Nothing is removed before the record is there that says so; the rest of it needs no other.
async fn commit(store: &Store, trail: &Trail, changes: Vec<Change>, record: Option<Entry>) -> Result<(), TrailError> {
    match record {
        Some(entry) => trail.commit(changes, Vec1::new(entry)).await,
        None => store.commit(changes).await.map_err(TrailError::Change),
    }
}

const BIT: i64 = 500;
const BETWEEN_BITS: Duration = Duration::from_millis(20);
