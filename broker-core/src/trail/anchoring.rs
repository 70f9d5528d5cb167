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
use super::head::{Head, last_proved};
use super::lost::previous;
use crate::clock::Clock;
use crate::epoch::Epoch;
use crate::id::{ChainId, RecordId};
use crate::store::{Store, StoreError, TrailLink};
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
    /// Up to where each chain of this process was found to be in the store, or known to be lost.
    whole_to: BTreeMap<ChainId, Head>,
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
        let epoch = self.see_epoch().await?;
        if self.0.file.is_none() {
            return Ok(0);
        }
        let now = self.0.clock.now();
        let since = match self.progress(|progress| progress.until) {
            Some(until) => Some(until),
            None => self.read().await?.last_at,
        };
        let own = self.0.trail.heads();
        let mut heads = self.own_heads(epoch).await?;
        for (chain, sequence) in self.0.store.chains_since(since.map(earliest_id)).await? {
            if own.contains_key(&chain) || self.progress(|it| it.sequences.get(&chain) >= Some(&sequence)) {
                continue;
            }
            // Nobody's word is signed but our own. What somebody else put behind it keeps nothing from being anchored.
            let proved = last_proved(&self.0.store, chain, sequence).await?;
            if proved.as_ref().is_none_or(|link| link.sequence != sequence)
                && self.0.store.is_link_there(chain, sequence).await?
            {
                tracing::error!(%chain, sequence, alarm = "trail", "a record at the end of a chain does not prove to be ours and is not anchored: run `brokerd audit verify`");
            }
            let hash = |link: TrailLink| Some((link.sequence, Mac::try_from(link.hash).ok()?));
            let head = proved.and_then(hash).map(|(sequence, hash)| (chain, Head { sequence, hash, epoch }));
            heads.extend(head);
        }
        let written = self.append(AnchorKind::Head, heads, now).await?;
        self.progress(|progress| progress.until = Some(now));
        Ok(written)
    }

    /// Anchors what this process itself has written: for subcommands, which do not look through the store.
    pub async fn anchor_own(&self) -> Result<usize, AnchoringError> {
        if self.0.file.is_none() {
            return Ok(0);
        }
        let epoch = self.see_epoch().await?;
        self.append(AnchorKind::Head, self.own_heads(epoch).await?, self.0.clock.now()).await
    }

    /// Tells the anchor file that a chain's records were removed up to this one.
    pub async fn anchor_pruned(&self, chain: ChainId, sequence: i64, hash: Mac) -> Result<(), AnchoringError> {
        if self.0.file.is_some() {
            let head = Head { sequence, hash, epoch: self.see_epoch().await? };
            self.append(AnchorKind::Pruned, vec![(chain, head)], self.0.clock.now()).await?;
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

    /// The same by our own word alone: whether the store was cut or put back under our feet, and whether it lacks anything that was
    /// written since it was last found to be whole. For a loss to be told once and no more, say that it was answered.
    pub async fn own_losses(&self) -> Result<Losses, AnchoringError> {
        let epoch = self.see_epoch().await?;
        let mut losses = self.missing(&Anchors::default()).await?;
        for (chain, head) in self.0.trail.heads() {
            if losses.heads.iter().any(|lost| lost.chain == chain) {
                continue;
            }
            let whole_to = self.progress(|progress| progress.whole_to.get(&chain).copied());
            match self.lost_since(chain, whole_to, head).await? {
                Some(lost) => losses.heads.push(lost),
                None => self.progress(|progress| {
                    progress.whole_to.insert(chain, Head { epoch: epoch.max(head.epoch), ..head });
                }),
            }
        }
        Ok(losses)
    }

    /// What this process has lost is known now, and an epoch has begun since.
    pub fn know_answered(&self, losses: &Losses) {
        let heads = self.0.trail.heads();
        let present = self.0.store.known_epoch();
        let answered = losses.heads.iter().filter_map(|lost| {
            let head = *heads.get(&lost.chain)?;
            // An end that is lost stays one of its time; one that came since is of the present.
            let epoch = if head.sequence == lost.sequence { head.epoch } else { present.max(head.epoch) };
            Some((lost.chain, Head { epoch, ..head }))
        });
        self.progress(|progress| progress.whole_to.extend(answered));
    }

    /// The last record that is missing of those that a chain of ours had between one that was found and its present end: where the
    /// store was put back under our feet, and we went on.
    async fn lost_since(
        &self,
        chain: ChainId,
        whole_to: Option<Head>,
        head: Head,
    ) -> Result<Option<Anchor>, AnchoringError> {
        let store = &self.0.store;
        let (from, epoch) = whole_to.map_or((-1, head.epoch), |whole| (whole.sequence, whole.epoch));
        for after in store.ends_of_gaps(chain, from, head.sequence).await?.into_iter().rev() {
            let sequence = after.saturating_sub(1);
            let next = last_proved(store, chain, after).await?.filter(|link| link.sequence == after);
            let hash = next.and_then(|link| previous(&serde_json::from_str(&link.record).ok()?));
            // Behind a row that somebody put there: it is missing all the same, and nobody knows its hash.
            let hash = hash.unwrap_or_default();
            let lost = self.anchor(AnchorKind::Head, chain, Head { sequence, hash, epoch }, self.0.clock.now());
            if self.is_missing(&lost).await? {
                return Ok(Some(lost));
            }
        }
        let whole = whole_to.map(|whole| self.anchor(AnchorKind::Head, chain, whole, self.0.clock.now()));
        match whole {
            Some(whole) if self.is_missing(&whole).await? => Ok(Some(whole)),
            Some(_) | None => Ok(None),
        }
    }

    async fn missing(&self, anchors: &Anchors) -> Result<Losses, AnchoringError> {
        let seen = self.progress(|progress| progress.epoch);
        let mut known: BTreeMap<ChainId, Anchor> = anchors.heads().map(|head| (head.chain, head.clone())).collect();
        for (chain, head) in self.0.trail.heads() {
            if known.get(&chain).is_none_or(|known| known.sequence < head.sequence) {
                known.insert(chain, self.anchor(AnchorKind::Head, chain, head, self.0.clock.now()));
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

    /// The heads of our own chains, to be anchored by our own word. One that is in the store is of the present epoch, and one that is
    /// not of that in which it was written: else a loss would count as one of an epoch that began after it.
    async fn own_heads(&self, present: Epoch) -> Result<Vec<(ChainId, Head)>, StoreError> {
        let mut heads = Vec::new();
        for (chain, head) in self.0.trail.heads() {
            let is_anchored = self.progress(|it| it.sequences.get(&chain) >= Some(&head.sequence));
            let is_there = !is_anchored && self.is_there(chain, head.sequence, &head.hash).await?;
            heads.push((chain, if is_there { Head { epoch: present.max(head.epoch), ..head } } else { head }));
        }
        Ok(heads)
    }

    /// Any row can be put in a record's place; the hash says whether it is that record. `verify` says what else it is.
    async fn is_there(&self, chain: ChainId, sequence: i64, hash: &Mac) -> Result<bool, StoreError> {
        match self.0.store.link_at(chain, sequence).await {
            Ok(link) => Ok(link.is_some_and(|link| link.hash == *hash)),
            Err(StoreError::Forged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn is_missing(&self, head: &Anchor) -> Result<bool, StoreError> {
        if self.is_there(head.chain, head.sequence, &head.hash).await? {
            return Ok(false);
        }
        let marks = self.0.store.trail_marks(head.chain, head.sequence).await?;
        Ok(!marks.iter().any(|mark| mark.excuses(head.sequence)))
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
        heads: Vec<(ChainId, Head)>,
        now: Timestamp,
    ) -> Result<usize, AnchoringError> {
        let is_new = |(chain, head): &(ChainId, Head)| {
            kind == AnchorKind::Pruned || self.progress(|it| it.sequences.get(chain) < Some(&head.sequence))
        };
        let new = heads.into_iter().filter(is_new);
        let anchors: Vec<Anchor> = new.map(|(chain, head)| self.anchor(kind, chain, head, now)).collect();
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

    fn anchor(&self, kind: AnchorKind, chain: ChainId, head: Head, at: Timestamp) -> Anchor {
        let Head { sequence, hash, epoch } = head;
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
