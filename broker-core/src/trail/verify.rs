//! Proves the trail: every link's keyed hash, its place, and that the columns one searches by say what the record says.

use crate::id::ChainId;
use crate::store::{NotALink, Place, Store, StoreError, TrailLink};
use crate::trail::Record;
use crate::vault::{Mac, Purpose, Seals};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub chains: u64,
    pub records: u64,
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
}

/// Walks all chains. A cut at the very end of a chain cannot be seen from inside: that needs an anchor kept elsewhere.
pub async fn verify(store: &Store) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut chain: Option<(ChainId, i64, Mac)> = None;
    let mut after: Option<Place> = None;
    loop {
        let page = store.rows_in_order(after.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(report);
        }
        for (place, link) in page {
            after = Some(place);
            let link = match link {
                Ok(link) => link,
                Err(NotALink { id }) => {
                    report.records += 1;
                    report.note(Break::Unreadable { id: id.escape_debug().take(LONGEST_ID).collect() });
                    continue;
                }
            };
            let (expected, head) = match chain {
                Some((id, next, head)) if id == link.chain => (next, head),
                Some(_) | None => {
                    report.chains += 1;
                    (0, genesis(store.seals(), link.chain))
                }
            };
            report.records += 1;
            if let Some(broken) = check(store.seals(), &link, expected, &head) {
                report.note(broken);
            }
            let mut head = [0; 32];
            // A hash of another length has been reported as forged above.
            if link.hash.len() == head.len() {
                head.copy_from_slice(&link.hash);
            }
            chain = Some((link.chain, link.sequence.saturating_add(1), head));
        }
    }
}

impl Report {
    fn note(&mut self, broken: Break) {
        if self.breaks.len() < MOST_BREAKS {
            self.breaks.push(broken);
        }
    }
}

fn check(seals: &Seals, link: &TrailLink, expected: i64, head: &Mac) -> Option<Break> {
    let (chain, sequence) = (link.chain, link.sequence);
    if sequence != expected {
        return Some(Break::Missing { chain, expected, found: sequence });
    }
    let parts: [&[u8]; 4] = [LINK, chain.as_bytes(), &sequence.to_be_bytes(), link.record.as_bytes()];
    if !seals.verify(Purpose::Trail, &parts, &link.hash) {
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
