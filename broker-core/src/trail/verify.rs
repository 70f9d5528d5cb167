//! Proves the trail: every link's keyed hash, its place, and that the columns one searches by say what the record says.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor::NotAnAnchor;
use super::anchors::Anchors;
use super::entry::Record;
use crate::id::ChainId;
use crate::store::{Mark, MarkKind, NotALink, Place, Store, StoreError, TrailLink};
use crate::vault::{Mac, Purpose, Seals};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub chains: u64,
    pub records: u64,
    /// How many records were removed lawfully, because they were old.
    pub pruned: u64,
    /// Anchors of records that a restored backup did not have, as an operator has said.
    pub lost_anchors: u64,
    /// Chains of which an anchor was found in its place. Of the others nobody knows whether their end is there.
    pub anchored_chains: u64,
    /// The first breaks, at most twenty of them.
    pub breaks: Vec<Break>,
}

/// A place where the trail does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("chain {chain}: record {expected} is missing (found {found})")]
    Missing { chain: ChainId, expected: i64, found: i64 },
    #[error("chain {chain}: record {sequence} was changed, or written without the installation's secret")]
    Forged { chain: ChainId, sequence: i64 },
    #[error("chain {chain}: record {sequence} does not follow the one before")]
    Unchained { chain: ChainId, sequence: i64 },
    #[error("chain {chain}: record {sequence} is indexed as something that it does not say")]
    Misfiled { chain: ChainId, sequence: i64 },
    #[error("a row that is in no chain of ours: {id}")]
    Unreadable { id: String },
    #[error("chain {chain}: record {sequence} was anchored, and is missing")]
    AnchoredMissing { chain: ChainId, sequence: i64 },
    #[error("chain {chain}: record {sequence} is another one than was anchored")]
    AnchoredOtherwise { chain: ChainId, sequence: i64 },
    #[error(
        "chain {chain}: record {sequence} was there when an operator accepted that those after it are lost, and is missing"
    )]
    KeptMissing { chain: ChainId, sequence: i64 },
    #[error("line {line} of the anchor file: {fault}")]
    Anchor { line: u64, fault: NotAnAnchor },
}

/// Walks all chains. A cut at the very end of a chain cannot be seen from inside: that needs an anchor kept elsewhere.
pub async fn verify(store: &Store) -> Result<Report, StoreError> {
    verify_against(store, &Anchors::default(), |_| {}).await
}

/// The same, and whether everything is there that was anchored. Tells how many records it has looked at so far.
pub async fn verify_against(store: &Store, anchors: &Anchors, mut tell: impl FnMut(u64)) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for (line, fault) in &anchors.faults {
        report.note(Break::Anchor { line: *line, fault: fault.clone() });
    }
    let losses = store.accepted_losses().await?;
    // What a loss left is held to be there as if it were anchored, whether or not somebody has a file.
    let mut kept: BTreeMap<(ChainId, i64), Mac> = losses.iter().filter_map(kept_by).collect();
    let mut seen: BTreeSet<(ChainId, i64)> = BTreeSet::new();
    let mut anchored: BTreeSet<ChainId> = BTreeSet::new();
    let mut chain: Option<(ChainId, i64, Mac)> = None;
    let mut after: Option<Place> = None;
    loop {
        let mut page = store.rows_in_order(after.as_ref(), PAGE).await?;
        // Rows that have no place come last, all at once, when no other is left to go on behind.
        if let Some(last) = page.iter().rposition(|(place, _)| place.is_some()) {
            page.truncate(last + 1);
        }
        after = page.last().and_then(|(place, _)| place.clone());
        for (_, link) in page {
            let link = match link {
                Ok(link) => link,
                Err(NotALink { id }) => {
                    report.records += 1;
                    report.note(Break::Unreadable { id: id.escape_debug().take(LONGEST_ID).collect() });
                    continue;
                }
            };
            let (mut expected, mut head) = match chain {
                Some((id, next, head)) if id == link.chain => (next, head),
                Some(_) | None => {
                    report.chains += 1;
                    (0, genesis(store.seals(), link.chain))
                }
            };
            if link.sequence > expected
                && let Some(hash) = taken_out(store, anchors, link.chain, link.sequence.saturating_sub(1)).await?
            {
                (expected, head) = (link.sequence, hash);
            }
            report.records += 1;
            if let Some(broken) = check(store.seals(), &link, expected, &head) {
                report.note(broken);
            }
            let mut head = [0; 32];
            // A hash of another length has been reported as forged above.
            if link.hash.len() == head.len() {
                head.copy_from_slice(&link.hash);
            }
            if kept.get(&(link.chain, link.sequence)) == Some(&head) {
                kept.remove(&(link.chain, link.sequence));
            }
            for anchor in anchors.at(link.chain, link.sequence) {
                seen.insert((link.chain, link.sequence));
                if anchor.hash == head {
                    anchored.insert(link.chain);
                } else {
                    report.note(Break::AnchoredOtherwise { chain: link.chain, sequence: link.sequence });
                }
            }
            chain = Some((link.chain, link.sequence.saturating_add(1), head));
        }
        tell(report.records);
        if after.is_none() {
            break;
        }
    }
    report.anchored_chains = anchored.len() as u64;
    for (chain, sequence) in anchors.places().filter(|place| !seen.contains(place)) {
        report.miss(store, anchors, chain, sequence).await?;
    }
    for (chain, sequence) in kept.into_keys() {
        if excuse(store, anchors, chain, sequence).await?.is_none() {
            report.note(Break::KeptMissing { chain, sequence });
        }
    }
    let pruned = store.pruned_chains().await?;
    report.pruned = pruned.iter().map(|mark| removed(mark, &losses)).sum();
    Ok(report)
}

/// The hash of a record that was taken out, and that the next one therefore follows: lawfully, as a mark in the store or the anchor
/// file says.
async fn taken_out(store: &Store, anchors: &Anchors, chain: ChainId, sequence: i64) -> Result<Option<Mac>, StoreError> {
    let marks = store.trail_marks(chain, sequence).await?;
    let marked = marks.into_iter().find(|mark| mark.sequence == sequence).map(|mark| mark.hash);
    let pruned = anchors.pruned(chain).filter(|pruned| pruned.sequence == sequence);
    Ok(marked.or(pruned.map(|pruned| pruned.hash)))
}

impl Report {
    fn note(&mut self, broken: Break) {
        if self.breaks.len() < MOST_BREAKS {
            self.breaks.push(broken);
        }
    }

    /// An anchored record is not there: it was pruned, or its loss is known, or somebody took it away.
    async fn miss(
        &mut self,
        store: &Store,
        anchors: &Anchors,
        chain: ChainId,
        sequence: i64,
    ) -> Result<(), StoreError> {
        match excuse(store, anchors, chain, sequence).await? {
            Some(Excuse::Pruned) => {}
            Some(Excuse::Lost) => self.lost_anchors += 1,
            None => self.note(Break::AnchoredMissing { chain, sequence }),
        }
        Ok(())
    }
}

/// Why a record need not be there.
enum Excuse {
    Pruned,
    Lost,
}

async fn excuse(store: &Store, anchors: &Anchors, chain: ChainId, sequence: i64) -> Result<Option<Excuse>, StoreError> {
    let marks = store.trail_marks(chain, sequence).await?;
    let excuses =
        |is_pruned| marks.iter().any(|mark| (mark.kind == MarkKind::Pruned) == is_pruned && mark.excuses(sequence));
    if excuses(true) || anchors.pruned(chain).is_some_and(|pruned| pruned.sequence >= sequence) {
        return Ok(Some(Excuse::Pruned));
    }
    Ok(excuses(false).then_some(Excuse::Lost))
}

fn kept_by(lost: &Mark) -> Option<((ChainId, i64), Mac)> {
    let MarkKind::Lost { kept: Some(kept) } = lost.kind else { return None };
    Some(((lost.chain, kept.sequence), kept.hash))
}

/// How many records pruning has removed from a chain: what was lost before was not there to be removed.
fn removed(pruned: &Mark, losses: &[Mark]) -> u64 {
    let within = |lost: &&Mark| lost.chain == pruned.chain && lost.sequence <= pruned.sequence;
    let lost = |lost: &Mark| match lost.kind {
        MarkKind::Lost { kept: Some(kept) } => lost.sequence.abs_diff(kept.sequence),
        MarkKind::Lost { kept: None } | MarkKind::Pruned => lost.sequence.unsigned_abs().saturating_add(1),
    };
    let all = pruned.sequence.unsigned_abs().saturating_add(1);
    losses.iter().filter(within).map(lost).fold(all, u64::saturating_sub)
}

/// Whether the link was written by us, whatever stands before it.
pub(super) fn is_link_of_ours(seals: &Seals, link: &TrailLink) -> bool {
    let parts: [&[u8]; 4] = [LINK, link.chain.as_bytes(), &link.sequence.to_be_bytes(), link.record.as_bytes()];
    seals.verify(Purpose::Trail, &parts, &link.hash)
}

pub(super) fn check(seals: &Seals, link: &TrailLink, expected: i64, head: &Mac) -> Option<Break> {
    let (chain, sequence) = (link.chain, link.sequence);
    if sequence != expected {
        return Some(Break::Missing { chain, expected, found: sequence });
    }
    if !is_link_of_ours(seals, link) {
        return Some(Break::Forged { chain, sequence });
    }
    let Ok(record) = serde_json::from_str::<Record>(&link.record) else {
        return Some(Break::Misfiled { chain, sequence });
    };
    if record.previous_hash != hex::encode(head) {
        return Some(Break::Unchained { chain, sequence });
    }
    (!is_filed(&record, link)).then_some(Break::Misfiled { chain, sequence })
}

/// The record of a link, if somebody with our keys wrote it at this very place. Whether links before it are missing is for
/// [`verify`] to say.
pub(crate) fn proved_record(seals: &Seals, link: &TrailLink) -> Option<Record> {
    let parts: [&[u8]; 4] = [LINK, link.chain.as_bytes(), &link.sequence.to_be_bytes(), link.record.as_bytes()];
    let ours = seals.verify(Purpose::Trail, &parts, &link.hash);
    let record = serde_json::from_str(&link.record).ok().filter(|record| ours && is_filed(record, link));
    if record.is_none() {
        let row = link.id;
        tracing::error!(table = "trail", %row, alarm = "forged_row", "a record does not prove to be ours, or this release cannot read it");
    }
    record
}

/// Whether somebody with our keys wrote this link, and its columns say what the record says. What only this release cannot read may be
/// a newer one's.
pub fn is_ours(seals: &Seals, link: &TrailLink) -> bool {
    is_link_of_ours(seals, link) && serde_json::from_str(&link.record).map_or(true, |record| is_filed(&record, link))
}

/// Whether the columns repeat what the record says.
fn is_filed(record: &Record, link: &TrailLink) -> bool {
    record.id == link.id
        && record.chain == link.chain
        && record.sequence == link.sequence
        && record.at.as_millisecond() == link.at.0
        && record.actor == link.actor
        && record.action.as_str() == link.action
        && record.outcome.as_str() == link.outcome
        && record.connector == link.connector
}

/// Where a chain begins: bound to its id, so that no chain can be hung onto another.
pub(super) fn genesis(seals: &Seals, chain: ChainId) -> Mac {
    seals.mac(Purpose::Trail, &[b"genesis", chain.as_bytes()])
}

pub(super) fn link_hash(seals: &Seals, chain: ChainId, sequence: i64, record: &str) -> Mac {
    seals.mac(Purpose::Trail, &[LINK, chain.as_bytes(), &sequence.to_be_bytes(), record.as_bytes()])
}

/// How many breaks a report names.
pub(super) const MOST_BREAKS: usize = 20;
const LINK: &[u8] = b"link";
const PAGE: i64 = 1_000;
const LONGEST_ID: usize = 64;
