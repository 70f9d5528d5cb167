//! Keeps heads of all chains outside the store, and notices what the store once had and has no more.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Trail;
use super::anchor::{Anchor, AnchorKind, NotAnAnchor};
use super::anchor_file::{AnchorFile, AnchorFileError};
use super::anchors::Anchors;
use super::begun::last_begun;
use super::verify::is_link_of_ours;
use crate::clock::Clock;
use crate::epoch::Epoch;
use crate::id::{ChainId, RecordId};
use crate::store::{Store, StoreError};
use crate::vault::Mac;

/// Anchors the trail of one store. Clones share everything.
#[derive(Clone, Debug)]
pub struct Anchoring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    trail: Trail,
    clock: Arc<dyn Clock>,
    node: String,
    file: Option<AnchorFile>,
    progress: Mutex<Progress>,
}

/// What has been anchored so far.
#[derive(Debug, Default)]
struct Progress {
    sequences: BTreeMap<ChainId, i64>,
    /// The store has been looked through until then; before the first look, not at all.
    until: Option<Timestamp>,
    /// The last epoch that this process has seen.
    epoch: Option<Epoch>,
    /// The trail has been asked for the last epoch.
    is_recalled: bool,
}

/// Records that were there once, by an anchor's or by this process's own word, and are not there now.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// The furthest known head of each chain that does not reach it any more.
    pub heads: Vec<Anchor>,
    /// The last epoch that is known of.
    pub epoch: Option<Epoch>,
    /// Lines of the anchor file that prove nothing.
    pub faults: Vec<(u64, NotAnAnchor)>,
}

/// Why nothing could be anchored, or compared.
#[derive(Debug, thiserror::Error)]
pub enum AnchoringError {
    #[error(transparent)]
    File(#[from] AnchorFileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the process is stopping")]
    Stopping,
}

impl Anchoring {
    /// Without a file nothing is anchored, and only what this process itself has written can be missed.
    pub fn new(store: Store, trail: Trail, clock: Arc<dyn Clock>, node: &str, file: Option<PathBuf>) -> Self {
        let (node, file) = (node.to_owned(), file.map(AnchorFile::new));
        Self(Arc::new(Inner { store, trail, clock, node, file, progress: Mutex::default() }))
    }

    /// Anchors every chain that has grown since the last time, this process's own by what it has written and not by what the store
    /// says. Gives how many.
    pub async fn sweep(&self) -> Result<usize, AnchoringError> {
        self.see_epoch().await?;
        if self.0.file.is_none() {
            return Ok(0);
        }
        let now = self.0.clock.now();
        let since = match self.progress(|progress| progress.until) {
            Some(until) => Some(until),
            None => self.read().await?.last_at,
        };
        let own = self.0.trail.heads();
        let mut heads = Vec::new();
        for (chain, sequence) in self.0.store.chains_since(since.map(earliest_id)).await? {
            if own.contains_key(&chain) || self.progress(|it| it.sequences.get(&chain) >= Some(&sequence)) {
                continue;
            }
            match self.0.store.link_at(chain, sequence).await? {
                // Nobody's word is signed but our own.
                Some(link) if is_link_of_ours(self.0.store.seals(), &link) => {
                    heads.extend(Mac::try_from(link.hash).ok().map(|hash| (chain, sequence, hash)));
                }
                Some(_) => tracing::error!(%chain, sequence, alarm = "trail", "{FORGED}"),
                // Pruned since.
                None => {}
            }
        }
        heads.extend(own.into_iter().map(|(chain, (sequence, hash))| (chain, sequence, hash)));
        let written = self.append(AnchorKind::Head, heads, now).await?;
        self.progress(|progress| progress.until = Some(now));
        Ok(written)
    }

    /// Anchors what this process itself has written: for subcommands, which do not look through the store.
    pub async fn anchor_own(&self) -> Result<usize, AnchoringError> {
        if self.0.file.is_none() {
            return Ok(0);
        }
        let own = self.0.trail.heads().into_iter().map(|(chain, (sequence, hash))| (chain, sequence, hash));
        self.append(AnchorKind::Head, own.collect(), self.0.clock.now()).await
    }

    /// Tells the anchor file that a chain's records were removed up to this one.
    pub async fn anchor_pruned(&self, chain: ChainId, sequence: i64, hash: Mac) -> Result<(), AnchoringError> {
        if self.0.file.is_some() {
            self.append(AnchorKind::Pruned, vec![(chain, sequence, hash)], self.0.clock.now()).await?;
        }
        Ok(())
    }

    /// What was recorded, by the anchor file's word and by our own, and is in the store no more, though nobody pruned it and no
    /// operator has accepted its loss.
    pub async fn losses(&self) -> Result<Losses, AnchoringError> {
        self.see_epoch().await?;
        let anchors = self.read().await?;
        self.missing(&anchors).await
    }

    /// The same by our own word alone: whether the store was cut or put back under our feet.
    pub async fn own_losses(&self) -> Result<Losses, AnchoringError> {
        self.missing(&Anchors::default()).await
    }

    async fn missing(&self, anchors: &Anchors) -> Result<Losses, AnchoringError> {
        let seen = self.progress(|progress| progress.epoch);
        let mut known: BTreeMap<ChainId, Anchor> = anchors.heads().map(|head| (head.chain, head.clone())).collect();
        for (chain, (sequence, hash)) in self.0.trail.heads() {
            if known.get(&chain).is_none_or(|head| head.sequence < sequence) {
                let place = (chain, sequence, hash);
                let epoch = seen.unwrap_or(Epoch::FIRST);
                known.insert(chain, self.anchor(AnchorKind::Head, place, self.0.clock.now(), epoch));
            }
        }
        let mut heads = Vec::new();
        for head in known.into_values() {
            let pruned = anchors.pruned(head.chain);
            if pruned.is_none_or(|pruned| pruned.sequence < head.sequence) && self.is_missing(&head).await? {
                heads.push(head);
            }
        }
        Ok(Losses { heads, epoch: anchors.epoch().max(seen), faults: anchors.faults.clone() })
    }

    async fn is_missing(&self, head: &Anchor) -> Result<bool, StoreError> {
        // Any row can be put in a record's place; the hash says whether it is that record. `verify` says what else it is.
        match self.0.store.link_at(head.chain, head.sequence).await {
            Ok(Some(link)) if link.hash == head.hash => return Ok(false),
            Ok(_) | Err(StoreError::Forged { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(self.0.store.trail_marks(head.chain, head.sequence).await?.is_empty())
    }

    async fn read(&self) -> Result<Anchors, AnchoringError> {
        let shared = Arc::clone(&self.0);
        let read =
            move || shared.file.as_ref().map_or_else(|| Ok(Anchors::default()), |file| file.read(shared.store.seals()));
        Ok(tokio::task::spawn_blocking(read).await.map_err(|_| AnchoringError::Stopping)??)
    }

    async fn append(
        &self,
        kind: AnchorKind,
        places: Vec<(ChainId, i64, Mac)>,
        now: Timestamp,
    ) -> Result<usize, AnchoringError> {
        let is_new = |(chain, sequence, _): &(ChainId, i64, Mac)| {
            kind == AnchorKind::Pruned || self.progress(|it| it.sequences.get(chain) < Some(sequence))
        };
        let epoch = self.see_epoch().await?;
        let anchors: Vec<Anchor> =
            places.into_iter().filter(is_new).map(|place| self.anchor(kind, place, now, epoch)).collect();
        if anchors.is_empty() {
            return Ok(0);
        }
        let (shared, lines) = (Arc::clone(&self.0), anchors.clone());
        let append = move || shared.file.as_ref().map_or(Ok(()), |file| file.append(&lines, shared.store.seals()));
        tokio::task::spawn_blocking(append).await.map_err(|_| AnchoringError::Stopping)??;
        if kind == AnchorKind::Head {
            self.progress(|progress| progress.sequences.extend(anchors.iter().map(|it| (it.chain, it.sequence))));
        }
        Ok(anchors.len())
    }

    /// The store's epoch; where that is forged, or is over by the trail's word, the last that was seen.
    async fn see_epoch(&self) -> Result<Epoch, StoreError> {
        if !self.progress(|progress| progress.is_recalled) {
            let begun = last_begun(&self.0.store).await?;
            begun.inspect(|begun| self.0.store.know_epoch(*begun));
            self.progress(|progress| {
                progress.epoch = progress.epoch.max(begun);
                progress.is_recalled = true;
            });
        }
        let stored = self.0.store.epoch_as_stored().await?.proved();
        Ok(self.progress(|progress| {
            progress.epoch = progress.epoch.max(stored);
            stored.or(progress.epoch).unwrap_or(Epoch::FIRST)
        }))
    }

    fn anchor(&self, kind: AnchorKind, place: (ChainId, i64, Mac), at: Timestamp, epoch: Epoch) -> Anchor {
        let (chain, sequence, hash) = place;
        Anchor { kind, at, node: self.0.node.clone(), epoch, chain, sequence, hash }
    }

    fn progress<T>(&self, look: impl FnOnce(&mut Progress) -> T) -> T {
        look(&mut self.0.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where to begin to look for records: clocks of nodes differ a little, and a commit takes its time.
fn earliest_id(since: Timestamp) -> RecordId {
    RecordId::earliest_at(since.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN))
}

const MARGIN: SignedDuration = SignedDuration::from_mins(5);
const FORGED: &str =
    "a record at the end of a chain does not prove to be ours and is not anchored: run `brokerd audit verify`";
