//! A lane of its own for refusals of strangers, so that a flood of them neither delays vends nor fills the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::entry::Entry;
use super::writer::Job;
use crate::clock::{Clock, seconds_between};

/// What is counted apart, for each source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    SignIn,
    Token,
}

#[derive(Debug)]
pub(super) struct Lane {
    windows: Mutex<HashMap<(String, RefusalKind), Window>>,
    whole: mpsc::Sender<Entry>,
    jobs: mpsc::Sender<Job>,
    clock: Arc<dyn Clock>,
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
    let lane = Arc::new(Lane { windows: Mutex::default(), whole, jobs: jobs.clone(), clock });
    tokio::spawn(write_whole(waiting, jobs));
    tokio::spawn(count_up(Arc::downgrade(&lane)));
    lane
}

impl Lane {
    pub(super) fn note(&self, kind: RefusalKind, entry: Entry) {
        let now = self.clock.now();
        let source = entry.origin.client_address.clone().unwrap_or_default();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        // Too many sources at once share one counter, so that memory has an end.
        let source = if windows.len() < MAX_SOURCES { source } else { "many".to_owned() };
        let window = windows.entry((source, kind)).or_insert_with(|| Window { began: now, seen: 0, counted: None });
        window.seen += 1;
        if window.seen <= WHOLE_PER_MINUTE && self.whole.try_send(entry.clone()).is_ok() {
            return;
        }
        let count = window.counted.as_ref().map_or(0, |(_, count)| *count) + 1;
        window.counted = Some((entry, count));
    }

    /// Writes the counters of all windows, full or not.
    pub(super) async fn flush(&self) {
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
        for entry in ended {
            write(&self.jobs, entry).await;
        }
    }
}

/// One at a time: of a flood, at most one record stands in any commit that a vend waits for.
async fn write_whole(mut waiting: mpsc::Receiver<Entry>, jobs: mpsc::Sender<Job>) {
    while let Some(entry) = waiting.recv().await {
        write(&jobs, entry).await;
    }
}

async fn write(jobs: &mpsc::Sender<Job>, entry: Entry) {
    let (done, written) = oneshot::channel();
    if jobs.send(Job::Write { entries: vec![entry], changes: Vec::new(), done }).await.is_ok() {
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
const MINUTE: i64 = 60;
const TICK: Duration = Duration::from_secs(5);
const LANE: usize = 64;
const MAX_SOURCES: usize = 10_000;
