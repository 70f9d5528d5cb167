//! A lane of its own for refusals of strangers, so that a flood of them neither delays vends nor fills the disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use vec1::Vec1;

use super::entry::Entry;
use super::writer::Job;
use crate::clock::{Clock, seconds_between};

/// What is counted apart, for each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    SignIn,
    Token,
    Administration,
}

#[derive(Debug)]
pub(super) struct Lane {
    windows: Mutex<HashMap<(Source, RefusalKind), Window>>,
    whole: mpsc::Sender<Waiting>,
    jobs: mpsc::Sender<Job>,
    clock: Arc<dyn Clock>,
    /// When the present minute began, and how many were written whole since, of all sources.
    minute: Mutex<(Timestamp, u64)>,
}

/// Where refusals come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Network(String),
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
    /// The last one that was only counted: the pattern for the counter's record.
    counted: Option<(Entry, u64)>,
}

pub(super) fn start(jobs: mpsc::Sender<Job>, clock: Arc<dyn Clock>) -> Arc<Lane> {
    let (whole, waiting) = mpsc::channel(LANE);
    let lane = Arc::new(Lane { windows: Mutex::default(), whole, jobs: jobs.clone(), clock, minute: Mutex::default() });
    tokio::spawn(write_whole(waiting, jobs));
    tokio::spawn(count_up(Arc::downgrade(&lane)));
    lane
}

impl Lane {
    pub(super) fn note(&self, kind: RefusalKind, mut entry: Entry) {
        let now = self.clock.now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (Source::of(&entry), kind);
        if windows.len() >= MAX_WINDOWS && !windows.contains_key(&key) {
            key.0 = Source::Many;
        }
        let is_many = key.0 == Source::Many;
        let window = windows.entry(key).or_insert_with(|| Window { began: now, seen: 0, counted: None });
        window.seen += 1;
        if window.seen <= WHOLE_PER_MINUTE
            && self.budget(now)
            && self.whole.try_send(Waiting::Entry(Box::new(entry.clone()))).is_ok()
        {
            return;
        }
        if is_many {
            entry.origin.client_address = None;
        }
        let count = window.counted.as_ref().map_or(0, |(_, count)| *count) + 1;
        window.counted = Some((entry, count));
    }

    /// Whether one more may be written whole this minute, whoever it is from: many sources together fill no disk either.
    fn budget(&self, now: Timestamp) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, written) = *minute;
        let over = !(0..MINUTE).contains(&seconds_between(began, now));
        *minute = if over { (now, 1) } else { (began, written.saturating_add(1)) };
        minute.1 <= WHOLE_FROM_ALL
    }

    /// Writes what waits, and the counters of all windows, full or not.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.whole.send(Waiting::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
        self.write_counters(|_| true).await;
    }

    async fn write_counters(&self, over: impl Fn(&Window) -> bool) {
        let ended: Vec<Entry> = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows
                .extract_if(|_, window| over(window))
                .filter_map(|(_, window)| window.counted)
                .map(|(entry, count)| Entry { count: Some(count), ..entry })
                .collect()
        };
        for entries in ended.chunks(AT_ONCE) {
            if let Ok(entries) = Vec1::try_from(entries) {
                write(&self.jobs, entries).await;
            }
        }
    }
}

impl Source {
    /// The address; of IPv6 the network, because whoever has one address there has all of them.
    fn of(entry: &Entry) -> Self {
        let address = entry.origin.client_address.as_deref().unwrap_or_default();
        Self::Network(match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V6(address)) => format!("{:x}", u128::from(address) >> 64),
            Ok(IpAddr::V4(address)) => address.to_string(),
            Err(_) => address.to_owned(),
        })
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
        // A failure is logged by the writer; a stranger's refusal needs no second try.
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

const WHOLE_PER_MINUTE: u64 = 10;
const WHOLE_FROM_ALL: u64 = 300;
const MINUTE: i64 = 60;
const TICK: Duration = Duration::from_secs(5);
const LANE: usize = 64;
const MAX_WINDOWS: usize = 1_000;
/// How many counters share a commit.
const AT_ONCE: usize = 100;
