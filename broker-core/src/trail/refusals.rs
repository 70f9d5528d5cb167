//! Lanes of their own for refusals, so that a flood of them neither delays vends nor fills the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use vec1::Vec1;

use super::entry::{Action, Actor, Entry, Outcome};
use super::writer::Job;
use crate::clock::{Clock, seconds_between};
use crate::network::Network;

/// What is counted apart, for each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    SignIn,
    Token,
    /// Of one of AWS's own clients, before it has a token.
    Client,
    Administration,
    /// Of something that would have been vended, to somebody who is known.
    Vend,
}

/// One for strangers and one for those who are known: neither uses up what is the other's.
#[derive(Debug)]
pub(super) struct Lanes {
    strangers: Arc<Lane>,
    known: Arc<Lane>,
}

#[derive(Debug)]
struct Lane {
    windows: Mutex<HashMap<(Source, RefusalKind), Window>>,
    max_windows: usize,
    whole: mpsc::Sender<Waiting>,
    jobs: mpsc::Sender<Job>,
    clock: Arc<dyn Clock>,
    /// When the present minute began, and how many were written whole since, of all sources.
    minute: Mutex<(Timestamp, u64)>,
}

/// Where refusals come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Network(Network),
    /// Nowhere that has an address.
    Nowhere,
    /// By what stays when names change, wherever they are.
    Known(String),
    /// Too many at once share one counter, so that memory has an end.
    Many,
}

enum Waiting {
    Entry(Box<Entry>),
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Window {
    began: Timestamp,
    seen: u64,
    counters: HashMap<(Action, Outcome), Entry>,
}

impl Lanes {
    pub(super) fn start(jobs: &mpsc::Sender<Job>, clock: &Arc<dyn Clock>) -> Self {
        let lane = |max_windows| Lane::start(jobs.clone(), Arc::clone(clock), max_windows);
        Self { strangers: lane(MAX_STRANGERS), known: lane(MAX_KNOWN) }
    }

    /// Has an entry written whole, or counts it.
    pub(super) fn note(&self, kind: RefusalKind, entry: Entry) {
        let lane = self.of(&entry);
        lane.sort(kind, entry, |entry| lane.take_whole(entry));
    }

    /// Hands an entry back that its source may have written whole; counts it otherwise.
    pub(super) fn fold(&self, kind: RefusalKind, entry: Entry) -> Option<Entry> {
        let mut whole = None;
        self.of(&entry).sort(kind, entry, |entry| {
            whole = Some(entry.clone());
            true
        });
        whole
    }

    /// Writes what waits, and the counters of all windows, full or not.
    pub(super) async fn flush(&self) {
        for lane in [&self.known, &self.strangers] {
            lane.flush().await;
        }
    }

    fn of(&self, entry: &Entry) -> &Lane {
        match entry.actor {
            Actor::Anonymous { .. } => &self.strangers,
            Actor::Person { .. }
            | Actor::Service { .. }
            | Actor::Workload { .. }
            | Actor::Operator(_)
            | Actor::Daemon => &self.known,
        }
    }
}

impl Lane {
    fn start(jobs: mpsc::Sender<Job>, clock: Arc<dyn Clock>, max_windows: usize) -> Arc<Self> {
        let (whole, waiting) = mpsc::channel(LANE);
        tokio::spawn(write_whole(waiting, jobs.clone()));
        let lane =
            Arc::new(Self { windows: Mutex::default(), max_windows, whole, jobs, clock, minute: Mutex::default() });
        tokio::spawn(count_up(Arc::downgrade(&lane)));
        lane
    }

    /// The first few of a source and kind whole, as long as they are taken; the others counted.
    fn sort(&self, kind: RefusalKind, mut entry: Entry, take: impl FnOnce(&Entry) -> bool) {
        let now = self.clock.now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (Source::of(&entry), kind);
        if windows.len() >= self.max_windows && !windows.contains_key(&key) {
            key.0 = Source::Many;
        }
        let is_many = key.0 == Source::Many;
        let window = windows.entry(key).or_insert_with(|| Window { began: now, seen: 0, counters: HashMap::new() });
        window.seen += 1;
        if window.seen <= kind.whole_per_minute() && take(&entry) {
            return;
        }
        if is_many {
            entry.actor = Actor::Anonymous { mark: None };
            entry.origin.client_address = None;
        }
        window.count(entry);
    }

    fn take_whole(&self, entry: &Entry) -> bool {
        self.budget(self.clock.now()) && self.whole.try_send(Waiting::Entry(Box::new(entry.clone()))).is_ok()
    }

    /// Whether one more may be written whole this minute, whoever it is from: many sources together fill no disk either.
    fn budget(&self, now: Timestamp) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, written) = *minute;
        let over = !(0..MINUTE).contains(&seconds_between(began, now));
        *minute = if over { (now, 1) } else { (began, written.saturating_add(1)) };
        minute.1 <= WHOLE_FROM_ALL
    }

    async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.whole.send(Waiting::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
        self.write_counters(|_| true).await;
    }

    async fn write_counters(&self, over: impl Fn(&Window) -> bool) {
        let ended: Vec<Entry> = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.extract_if(|_, window| over(window)).flat_map(|(_, window)| window.counters.into_values()).collect()
        };
        for entries in ended.chunks(AT_ONCE) {
            if let Ok(entries) = Vec1::try_from(entries) {
                write(&self.jobs, entries).await;
            }
        }
    }
}

impl RefusalKind {
    /// Of one source.
    fn whole_per_minute(self) -> u64 {
        match self {
            Self::SignIn | Self::Token | Self::Client | Self::Administration => 10,
            Self::Vend => 30,
        }
    }
}

impl Window {
    /// A counter says what all that it stands for have in common; why, when and from where is the last one's.
    fn count(&mut self, mut entry: Entry) {
        let key = (entry.action, entry.outcome);
        let Some(counter) = self.counters.get_mut(&key) else {
            self.counters.insert(key, Entry { count: Some(1), ..entry });
            return;
        };
        entry.count = counter.count.map(|count| count.saturating_add(1));
        if entry.actor != counter.actor && matches!(entry.actor, Actor::Anonymous { .. }) {
            entry.actor = Actor::Anonymous { mark: None };
        }
        if entry.about != counter.about {
            entry.about = None;
        }
        if entry.connector != counter.connector {
            entry.connector = None;
        }
        if entry.changes != counter.changes {
            entry.changes = None;
        }
        *counter = entry;
    }
}

impl Source {
    /// Who it is; of strangers, where they are.
    fn of(entry: &Entry) -> Self {
        match &entry.actor {
            Actor::Anonymous { .. } => Self::network(entry),
            Actor::Person { subject, .. } => Self::Known(format!("person:{subject}")),
            Actor::Service { id, .. } => Self::Known(format!("service:{id}")),
            // Names may have each run's number in them.
            Actor::Workload { name, subject } => {
                let issuer = name.split(':').next().unwrap_or_default();
                Self::Known(format!("workload:{issuer}:{subject}"))
            }
            Actor::Operator(_) | Actor::Daemon => Self::Known(entry.actor.word()),
        }
    }

    fn network(entry: &Entry) -> Self {
        let address = entry.origin.client_address.as_deref().and_then(|address| address.parse().ok());
        address.map_or(Self::Nowhere, |address| Self::Network(Network::of(address)))
    }
}

/// One at a time: of a flood, at most one record stands in any commit that a vend waits for.
async fn write_whole(mut waiting: mpsc::Receiver<Waiting>, jobs: mpsc::Sender<Job>) {
    while let Some(next) = waiting.recv().await {
        match next {
            Waiting::Entry(entry) => write(&jobs, Vec1::new(*entry)).await,
            Waiting::Flush(done) => drop(done.send(())),
        }
    }
}

async fn write(jobs: &mpsc::Sender<Job>, entries: Vec1<Entry>) {
    let (done, written) = oneshot::channel();
    if jobs.send(Job::Write { entries, changes: Vec::new(), done }).await.is_ok() {
        // A failure is logged by the writer; a refusal needs no second try.
        let _ = written.await;
    }
}

async fn count_up(lane: std::sync::Weak<Lane>) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(lane) = lane.upgrade() else { return };
        let now = lane.clock.now();
        lane.write_counters(|window| !(0..MINUTE).contains(&seconds_between(window.began, now))).await;
    }
}

const WHOLE_FROM_ALL: u64 = 300;
const MINUTE: i64 = 60;
const TICK: Duration = Duration::from_secs(5);
const LANE: usize = 64;
const MAX_STRANGERS: usize = 1_000;
/// Each of them is somebody's, and nobody has many.
const MAX_KNOWN: usize = 10_000;
/// How many counters share a commit.
const AT_ONCE: usize = 100;
