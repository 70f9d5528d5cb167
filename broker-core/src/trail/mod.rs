//! The audit trail: what happened, written down durably before anybody gets anything, each record chained to the one before.

mod anchor;
mod anchor_file;
mod anchoring;
mod anchors;
mod begun;
mod entry;
mod head;
mod late;
mod lost;
mod prune;
mod refusals;
mod verify;
mod writer;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::as_read::AsRead;
use crate::clock::Clock;
use crate::id::{ChainId, RecordId};
use crate::store::{Change, Store, StoreError};

use head::{Head, Heads};
use late::Late;

pub use anchor::{Anchor, AnchorKind, NotAnAnchor};
pub use anchor_file::{AnchorFileError, read as read_anchors};
pub use anchoring::{Anchoring, AnchoringError, Losses};
pub use anchors::Anchors;
pub use entry::{Action, Actor, Entry, Origin, Outcome, Record, VendedFacts};
pub use lost::Lost;
pub use prune::{Prunable, Pruned};
pub use refusals::RefusalKind;
pub use vec1::Vec1;
pub(crate) use verify::proved_record;
pub use verify::{Break, Report, is_ours, verify, verify_against};

/// Writes the trail. Clones share one writer, one chain and one queue.
#[derive(Clone, Debug)]
pub struct Trail {
    store: Store,
    jobs: mpsc::Sender<writer::Job>,
    refusals: Arc<refusals::Lanes>,
    late: Late,
    heads: Heads,
    outage: writer::Outage,
}

/// A value that may leave the house, because its record is durable. Only the trail makes one.
#[derive(Debug)]
pub struct Recorded<T> {
    id: RecordId,
    at: Timestamp,
    value: T,
}

/// What became of something that only takes rights away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenAway {
    /// It is gone, and the trail says so.
    Recorded,
    /// It is gone. The trail cannot be written at this moment; it is told again and again until it can, or the process ends.
    Unrecorded,
    /// There was nothing to take away, or no longer what was meant.
    Nothing,
}

/// The record could not be made durable, so what it is about must not happen.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    #[error("the audit trail could not be written")]
    Unwritten(#[source] Arc<StoreError>),
    #[error("the audit trail is closed: the process is stopping")]
    Closed,
    /// The change that was to be recorded is not possible; nothing was written.
    #[error(transparent)]
    Change(StoreError),
}

impl Trail {
    /// Begins a chain and the task that writes it. `node` says where, in every record.
    pub fn start(store: Store, clock: Arc<dyn Clock>, node: &str) -> Self {
        let heads = Heads::default();
        let outage = writer::Outage::default();
        let jobs = writer::start(store.clone(), Arc::clone(&clock), node, Arc::clone(&heads), Arc::clone(&outage));
        let refusals = Arc::new(refusals::Lanes::start(&jobs, &clock));
        Self { store, jobs, refusals, late: Late::new(), heads, outage }
    }

    /// Writes an entry and hands the value over once the record is on the disk.
    pub async fn record<T>(&self, entry: Entry, value: T) -> Result<Recorded<T>, TrailError> {
        let (id, at) = *self.write(Vec1::new(entry), Vec::new()).await?.first();
        Ok(Recorded { id, at, value })
    }

    /// The same, if the caller still is as read, which the commit itself sees. Else nothing is written, and the value comes back.
    pub async fn record_if<T>(
        &self,
        as_read: AsRead,
        entry: Entry,
        value: T,
    ) -> Result<Result<Recorded<T>, T>, TrailError> {
        let (done, written) = oneshot::channel();
        self.queue(writer::Job::WriteIf { entry: Box::new(entry), as_read, done }).await?;
        match written.await.map_err(|_| TrailError::Closed)? {
            Ok(written) => {
                let (id, at) = *written.first();
                Ok(Ok(Recorded { id, at, value }))
            }
            Err(TrailError::Change(StoreError::Stale)) => Ok(Err(value)),
            Err(error) => Err(error),
        }
    }

    /// Makes changes and writes what was changed, both or neither. There is no change without a record.
    pub async fn commit(&self, changes: Vec<Change>, entries: Vec1<Entry>) -> Result<(), TrailError> {
        self.write(entries, changes).await.map(drop)
    }

    /// The same for changes that somebody gets something by: it leaves once they and the record are on the disk.
    pub async fn commit_for<T>(&self, changes: Vec<Change>, entry: Entry, value: T) -> Result<Recorded<T>, TrailError> {
        let (id, at) = *self.write(Vec1::new(entry), changes).await?.first();
        Ok(Recorded { id, at, value })
    }

    /// Takes rights away and writes that down, in one commit; and where the trail cannot be written, takes them away all the same,
    /// to be written down later. Goes on to its end though whoever asked is gone: nothing is taken away without a record.
    pub async fn take_away(&self, changes: Vec<Change>, entries: Vec1<Entry>) -> Result<TakenAway, StoreError> {
        let trail = self.clone();
        let taken = tokio::spawn(async move { trail.take_away_recorded(changes, entries).await }).await;
        taken.unwrap_or_else(|cut_off| Err(sqlx::Error::Io(cut_off.into()).into()))
    }

    /// For what only takes rights away and has happened already: written now or, when that fails, again and again until it works, and a
    /// last time when the trail is closed. What is lost even so is told to the log whole.
    pub fn record_later(&self, entries: Vec1<Entry>) {
        self.late.write(self.clone(), entries);
    }

    /// Notes a refusal: the first few of a kind in a minute whole, of each known actor and each network of strangers, then only counted,
    /// and never in the way of vends.
    pub fn note_refusal(&self, kind: RefusalKind, entry: Entry) {
        self.refusals.note(kind, entry);
    }

    /// Writes down that somebody got nothing who asked for credentials: it is on the disk when this returns, unless they were refused
    /// often within this minute, which is only counted.
    pub async fn record_refusal(&self, entry: Entry) -> Result<(), TrailError> {
        match self.refusals.fold(RefusalKind::Vend, entry) {
            Some(entry) => self.record(entry, ()).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whether what is to be recorded can be: where the last commit failed, a record must fit again. Changes nothing.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.store.probe().await?;
        if self.outage.load(Ordering::Relaxed) {
            self.store.probe_trail().await?;
            self.outage.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How far each chain has come that this process has written to: what is in the store, if nobody has laid hands on it.
    pub(crate) fn heads(&self) -> BTreeMap<ChainId, Head> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what is queued and counted, and ends the chain.
    pub async fn close(&self) {
        let waiting = async { tokio::join!(self.refusals.flush(), self.late.close()) };
        if tokio::time::timeout(FLUSH_WITHIN, waiting).await.is_err() {
            tracing::error!("what waited was left out of the audit trail, which does not answer");
        }
        let (done, closed) = oneshot::channel();
        if self.jobs.send(writer::Job::Close { done }).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn take_away_recorded(&self, changes: Vec<Change>, entries: Vec1<Entry>) -> Result<TakenAway, StoreError> {
        match self.commit(changes.clone(), entries.clone()).await {
            Ok(()) => return Ok(TakenAway::Recorded),
            Err(TrailError::Change(StoreError::Stale)) => return Ok(TakenAway::Nothing),
            Err(TrailError::Change(error)) => return Err(error),
            Err(TrailError::Unwritten(_) | TrailError::Closed) => {}
        }
        // As the writer's own commits: nobody who takes rights away waits for ever, nor believes that they are gone.
        let limit = writer::limit(changes.len());
        let taken = tokio::time::timeout(limit, self.store.commit(changes)).await;
        match taken.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into()).into())) {
            Ok(()) => {
                self.record_later(entries);
                Ok(TakenAway::Unrecorded)
            }
            // Where only the answer to the first commit was lost, the record is there with it.
            Err(StoreError::Stale) => Ok(TakenAway::Nothing),
            Err(error) => Err(error),
        }
    }

    async fn write(&self, entries: Vec1<Entry>, changes: Vec<Change>) -> Result<writer::Written, TrailError> {
        let (done, written) = oneshot::channel();
        self.queue(writer::Job::Write { entries, changes, done }).await?;
        written.await.map_err(|_| TrailError::Closed)?
    }

    async fn queue(&self, job: writer::Job) -> Result<(), TrailError> {
        self.jobs.send(job).await.map_err(|_| TrailError::Closed)
    }
}

impl TrailError {
    /// Whether it failed because the database does not let this role do it.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Self::Unwritten(error) => error.is_forbidden(),
            Self::Change(error) => error.is_forbidden(),
            Self::Closed => false,
        }
    }
}

impl<T> Recorded<T> {
    /// The record's id; `vend_id` for whoever received credentials.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// When it was recorded.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub fn value(&self) -> &T {
        &self.value
    }

    pub fn into_value(self) -> T {
        self.value
    }
}

/// Longer than a commit may take, so that what is tried for the last time has its answer.
const FLUSH_WITHIN: std::time::Duration = std::time::Duration::from_secs(12);
