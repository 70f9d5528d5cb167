//! The one task that writes a chain: it gathers what waits into one commit, so that many share one sync of the disk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use vec1::Vec1;

use super::TrailError;
use super::entry::{Entry, Record, VendedFacts, about};
use super::head::{Head, Heads};
use super::verify::{genesis, link_hash};
use crate::as_read::AsRead;
use crate::clock::{Clock, Millis};
use crate::id::{ChainId, RecordId};
use crate::meter;
use crate::store::{Change, Committer, Store, StoreError, TrailLink};
use crate::vault::Mac;

/// What the writer is asked to do.
pub(super) enum Job {
    Write {
        entries: Vec1<Entry>,
        changes: Vec<Change>,
        done: Done,
    },
    /// Only if the caller still is as read: else [`StoreError::Stale`].
    WriteIf {
        entry: Box<Entry>,
        as_read: AsRead,
        done: Done,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

/// Where each entry of a job went.
pub(super) type Written = Vec1<(RecordId, Timestamp)>;
/// Whether the last commit failed because the store did.
pub(super) type Outage = Arc<AtomicBool>;
type Done = oneshot::Sender<Result<Written, TrailError>>;

/// Records that are written together, and what must be so.
struct Records {
    entries: Vec1<Entry>,
    as_read: Option<AsRead>,
}

struct Writer {
    store: Store,
    committer: Committer,
    clock: Arc<dyn Clock>,
    node: String,
    chain: Chain,
    heads: Heads,
    outage: Outage,
    /// When the log was told that nothing can be written, while that is so.
    told_at: Option<Instant>,
}

/// Where the chain stands.
#[derive(Clone)]
struct Chain {
    id: ChainId,
    next: i64,
    head: Mac,
}

/// How long a commit of so many rows may take. A large plan is one commit: each of its rows may take its time.
pub(super) fn limit(rows: usize) -> Duration {
    COMMIT_WITHIN + ROW_WITHIN * u32::try_from(rows).unwrap_or(u32::MAX)
}

pub(super) fn start(
    store: Store,
    clock: Arc<dyn Clock>,
    node: &str,
    heads: Heads,
    outage: Outage,
) -> mpsc::Sender<Job> {
    let (jobs, waiting) = mpsc::channel(QUEUE);
    let chain = Chain::begin(&store);
    let committer = store.committer();
    let writer = Writer { store, committer, clock, node: node.to_owned(), chain, heads, outage, told_at: None };
    tokio::spawn(writer.run(waiting));
    jobs
}

impl Writer {
    async fn run(mut self, mut waiting: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.wait(&mut waiting, &mut batch).await {
            let mut group = Vec::new();
            for job in batch.drain(..) {
                match job {
                    // Records alone share a commit; a change has one of its own, which may fail without the others.
                    Job::Write { entries, changes, done } if changes.is_empty() => {
                        group.push((Records { entries, as_read: None }, done));
                    }
                    Job::Write { entries, changes, done } => {
                        self.write_group(std::mem::take(&mut group)).await;
                        let records = Records { entries, as_read: None };
                        let written = self.write(&[records], changes).await.map(|mut written| written.remove(0));
                        let _ = done.send(written.map_err(TrailError::from_write));
                    }
                    // The store may not know yet that it was put back.
                    Job::WriteIf { as_read, done, .. } if as_read.epoch() < self.store.known_epoch() => {
                        let _ = done.send(Err(TrailError::Change(StoreError::Stale)));
                    }
                    Job::WriteIf { entry, as_read, done } => {
                        group.push((Records { entries: Vec1::new(*entry), as_read: Some(as_read) }, done));
                    }
                    Job::Close { done } => {
                        self.write_group(std::mem::take(&mut group)).await;
                        waiting.close();
                        let _ = done.send(());
                    }
                }
            }
            self.write_group(group).await;
        }
    }

    /// Until there is something to write; not when there never will be.
    async fn wait(&mut self, waiting: &mut mpsc::Receiver<Job>, batch: &mut Vec<Job>) -> bool {
        if let Ok(count) = tokio::time::timeout(REST, waiting.recv_many(batch, BATCH)).await {
            return count > 0;
        }
        self.committer.rest();
        waiting.recv_many(batch, BATCH).await > 0
    }

    async fn write_group(&mut self, mut group: Vec<(Records, Done)>) {
        let mut has_asked = false;
        while !group.is_empty() {
            let (records, waiting): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            match self.write(&records, Vec::new()).await {
                Ok(written) => {
                    for (done, written) in waiting.into_iter().zip(written) {
                        let _ = done.send(Ok(written));
                    }
                    return;
                }
                Err(StoreError::Stale) => {
                    group = self.without_changed(records.into_iter().zip(waiting), has_asked).await;
                    has_asked = true;
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for done in waiting {
                        let _ = done.send(Err(TrailError::Unwritten(Arc::clone(&error))));
                    }
                    return;
                }
            }
        }
    }

    /// Of those in one commit somebody is not as read any more, and the others must not suffer for it. Each caller is looked at once, for
    /// however many records; where that was not enough, whoever is left is read again in the ordinary way.
    async fn without_changed(
        &self,
        group: impl Iterator<Item = (Records, Done)>,
        has_asked: bool,
    ) -> Vec<(Records, Done)> {
        let (mut known, mut rest) = (HashMap::new(), Vec::new());
        for (records, done) in group {
            let is_as_read = match &records.as_read {
                None => true,
                Some(_) if has_asked => false,
                Some(as_read) => {
                    if !known.contains_key(as_read) {
                        let asked = tokio::time::timeout(LOOK_WITHIN, self.store.is_as_read(as_read)).await;
                        known.insert(as_read.clone(), matches!(asked, Ok(Ok(true))));
                    }
                    known.get(as_read) == Some(&true)
                }
            };
            if is_as_read {
                rest.push((records, done));
            } else {
                let _ = done.send(Err(TrailError::Change(StoreError::Stale)));
            }
        }
        rest
    }

    /// Commits changes and links together. The chain moves on only when it did.
    async fn write(&mut self, groups: &[Records], mut changes: Vec<Change>) -> Result<Vec<Written>, StoreError> {
        let mut chain = self.chain.clone();
        let mut written = Vec::with_capacity(groups.len());
        let mut links = Vec::with_capacity(groups.len());
        for group in groups {
            let mut as_read = group.as_read.clone();
            written.push(group.entries.try_mapped_ref(|entry| {
                let (link, at) = self.link(&mut chain, entry)?;
                let id = link.id;
                links.push((link, as_read.take()));
                Ok::<_, StoreError>((id, at))
            })?);
        }
        let rows = changes.len() + links.len();
        changes.extend(Store::append_links(links));
        // A server may neither answer nor go away, and everything waits here.
        let begun = Instant::now();
        let committed = tokio::time::timeout(limit(rows), self.committer.commit(changes)).await;
        let committed = committed.unwrap_or_else(|late| Err(StoreError::from(sqlx::Error::Io(late.into()))));
        let is_written = !committed.as_ref().is_err_and(StoreError::is_outage);
        self.outage.store(!is_written, Ordering::Relaxed);
        meter::committed(begun.elapsed(), is_written);
        self.tell(&committed);
        match committed {
            Ok(()) => {
                let (sequence, epoch) = (chain.next.saturating_sub(1), self.store.known_epoch());
                let head = Head { sequence, hash: chain.head, epoch };
                self.heads.lock().unwrap_or_else(PoisonError::into_inner).insert(chain.id, head);
                for entry in groups.iter().flat_map(|group| &group.entries) {
                    meter::recorded(entry.action.as_str(), entry.outcome.as_str());
                }
                self.chain = chain;
                Ok(written)
            }
            Err(error) => {
                // Whether a lost connection committed cannot be known, and somebody else may have written into our chain: a new one
                // never meets a place that is taken.
                if error.is_outage() {
                    self.chain = Chain::begin(&self.store);
                }
                Err(error)
            }
        }
    }

    /// Tells the log of an outage when it begins, each minute while it lasts, and when it is over: not for each who asks.
    fn tell(&mut self, committed: &Result<(), StoreError>) {
        match committed {
            Err(error) if error.is_outage() => {
                if self.told_at.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    tracing::error!(%error, source = ?std::error::Error::source(error), "the audit trail cannot be written");
                    self.told_at = Some(Instant::now());
                }
            }
            Ok(()) if self.told_at.take().is_some() => tracing::info!("the audit trail can be written again"),
            // What was asked for was not possible; that says nothing of the store.
            Ok(()) | Err(_) => {}
        }
    }

    fn link(&self, chain: &mut Chain, entry: &Entry) -> Result<(TrailLink, Timestamp), StoreError> {
        let at = self.clock.now();
        let (actor, actor_id) = entry.actor.written();
        let facts = entry.vended.clone().unwrap_or_default();
        let VendedFacts { access_key_id, session_name, role_arn, source_identity, reused } = facts;
        let record = Record {
            id: RecordId::random(),
            at,
            node: self.node.clone(),
            chain: chain.id,
            sequence: chain.next,
            actor,
            actor_id,
            action: entry.action,
            outcome: entry.outcome,
            about: entry.about.as_ref().map(about),
            connector: entry.connector.clone(),
            reason: entry.reason.clone(),
            request_id: entry.origin.request_id,
            client_address: entry.origin.client_address.clone(),
            access_key_id,
            session_name,
            role_arn,
            source_identity,
            reused,
            count: entry.count,
            changes: entry.changes.clone(),
            previous_hash: hex::encode(chain.head),
        };
        let text =
            serde_json::to_string(&record).map_err(|error| StoreError::from(sqlx::Error::Encode(error.into())))?;
        let hash = link_hash(self.store.seals(), chain.id, chain.next, &text);
        chain.next += 1;
        chain.head = hash;
        let link = TrailLink {
            id: record.id,
            chain: record.chain,
            sequence: record.sequence,
            at: Millis::from(at),
            actor: record.actor,
            action: record.action.as_str().to_owned(),
            outcome: record.outcome.as_str().to_owned(),
            connector: record.connector,
            record: text,
            hash: hash.to_vec(),
        };
        Ok((link, at))
    }
}

impl Chain {
    fn begin(store: &Store) -> Self {
        let id = ChainId::random();
        Self { id, next: 0, head: genesis(store.seals(), id) }
    }
}

impl TrailError {
    fn from_write(error: StoreError) -> Self {
        match error {
            StoreError::Away(_) | StoreError::Database(_) => Self::Unwritten(Arc::new(error)),
            StoreError::Taken | StoreError::Stale | StoreError::InUse | StoreError::Forged { .. } => {
                Self::Change(error)
            }
        }
    }
}

const QUEUE: usize = 4_096;
const BATCH: usize = 512;
const COMMIT_WITHIN: Duration = Duration::from_secs(10);
const LOOK_WITHIN: Duration = Duration::from_secs(2);
const TELL_EVERY: Duration = Duration::from_mins(1);
const ROW_WITHIN: Duration = Duration::from_millis(2);
/// After that long without anything to write, the connection goes back to the pool.
const REST: Duration = Duration::from_millis(100);
