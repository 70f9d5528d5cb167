//! All that an anchor file says: the last of each chain, the lines that prove nothing, and whether its end was torn off.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::anchor::{Anchor, AnchorKind, NotAnAnchor};
use crate::epoch::Epoch;
use crate::id::ChainId;
use crate::vault::Seals;

/// What was anchored, each line proved.
#[derive(Clone, Debug, Default)]
pub struct Anchors {
    chains: BTreeMap<ChainId, OfChain>,
    /// How many lines are anchors.
    pub lines: u64,
    /// The newest.
    pub last_at: Option<Timestamp>,
    /// Lines that are none, by their numbers.
    pub faults: Vec<(u64, NotAnAnchor)>,
    /// The last line does not end: whoever wrote it was stopped in the middle. It counts for nothing, and is no fault.
    pub is_torn: bool,
}

/// What is known of one chain.
#[derive(Clone, Debug, Default)]
struct OfChain {
    /// By sequence; one may be anchored several times, by several nodes.
    heads: BTreeMap<i64, Vec<Anchor>>,
    pruned: Option<Anchor>,
}

impl Anchors {
    /// Reads the contents of a file.
    pub fn read(contents: &[u8], seals: &Seals) -> Self {
        let mut anchors = Self::default();
        let (whole, torn) = match contents.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => contents.split_at(end + 1),
            None => (&[][..], contents),
        };
        anchors.is_torn = !torn.is_empty();
        for (number, line) in (1..).zip(whole.split_inclusive(|byte| *byte == b'\n')) {
            match Anchor::proved(line.trim_ascii(), seals) {
                Ok(anchor) => anchors.take(anchor),
                Err(fault) => anchors.faults.push((number, fault)),
            }
        }
        anchors
    }

    /// The last epoch that was anchored.
    pub fn epoch(&self) -> Option<Epoch> {
        self.chains.values().flat_map(OfChain::all).map(|head| head.epoch).max()
    }

    /// The furthest head of each chain.
    pub fn heads(&self) -> impl Iterator<Item = &Anchor> {
        self.chains.values().filter_map(OfChain::furthest)
    }

    /// How many chains there are heads of.
    pub fn chains(&self) -> usize {
        self.chains.values().filter(|chain| !chain.heads.is_empty()).count()
    }

    /// How far a chain was pruned.
    pub(super) fn pruned(&self, chain: ChainId) -> Option<&Anchor> {
        self.chains.get(&chain)?.pruned.as_ref()
    }

    /// What was anchored of one record.
    pub(super) fn at(&self, chain: ChainId, sequence: i64) -> &[Anchor] {
        self.chains.get(&chain).and_then(|chain| chain.heads.get(&sequence)).map_or(&[], Vec::as_slice)
    }

    /// All records that were anchored.
    pub(super) fn places(&self) -> impl Iterator<Item = (ChainId, i64)> {
        self.chains.iter().flat_map(|(id, chain)| chain.heads.keys().map(|sequence| (*id, *sequence)))
    }

    /// What is enough to prove as much as the whole file: of each chain the furthest head, unless it was pruned since, and how far
    /// it was pruned. The last epoch stays known by them.
    pub(super) fn compact(&self) -> Vec<&Anchor> {
        let newest = self.epoch();
        let mut kept = Vec::new();
        for chain in self.chains.values() {
            let pruned = chain.pruned.as_ref().map_or(-1, |pruned| pruned.sequence);
            let furthest = chain.furthest();
            let tells_epoch = chain.all().find(|head| Some(head.epoch) == newest);
            kept.extend(furthest.filter(|head| head.sequence > pruned || Some(head.epoch) == newest));
            kept.extend(tells_epoch.filter(|head| furthest.is_some_and(|furthest| furthest.epoch < head.epoch)));
            kept.extend(&chain.pruned);
        }
        kept.sort_by_key(|anchor| anchor.at);
        kept
    }

    fn take(&mut self, anchor: Anchor) {
        self.lines += 1;
        self.last_at = self.last_at.max(Some(anchor.at));
        let chain = self.chains.entry(anchor.chain).or_default();
        match anchor.kind {
            AnchorKind::Head => chain.heads.entry(anchor.sequence).or_default().push(anchor),
            AnchorKind::Pruned => {
                if chain.pruned.as_ref().is_none_or(|known| known.sequence < anchor.sequence) {
                    chain.pruned = Some(anchor);
                }
            }
        }
    }
}

impl OfChain {
    fn furthest(&self) -> Option<&Anchor> {
        self.heads.values().next_back()?.first()
    }

    fn all(&self) -> impl Iterator<Item = &Anchor> {
        self.heads.values().flatten()
    }
}
