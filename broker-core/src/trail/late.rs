//! Records of what has happened already and could not be written: tried again and again, and once more when the trail is closed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use vec1::Vec1;

use super::entry::Entry;
use super::{Trail, TrailError, writer};

/// Those that wait. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Late {
    waiting: Arc<Mutex<JoinSet<()>>>,
    is_closing: watch::Sender<bool>,
}

/// Entries that are not in the trail. Where that is the end of it, be it that the process does not wait any longer, they are told to the
/// log whole.
struct Unwritten(Option<Vec1<Entry>>);

impl Unwritten {
    fn have_been_written(mut self) {
        self.0 = None;
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        for entry in self.0.iter().flatten() {
            entry.tell_unwritten(&TrailError::Closed, false);
        }
    }
}

impl Late {
    pub(super) fn new() -> Self {
        Self { waiting: Arc::default(), is_closing: watch::Sender::new(false) }
    }

    /// Writes entries now or later, until it works. They are queued before this returns: who closes the trail afterwards does not leave
    /// them out.
    pub(super) fn write(&self, trail: Trail, entries: Vec1<Entry>) {
        let (done, written) = oneshot::channel();
        let queued = trail.jobs.try_send(writer::Job::Write { entries: entries.clone(), changes: Vec::new(), done });
        let mut is_closing = self.is_closing.subscribe();
        let unwritten = Unwritten(Some(entries.clone()));
        let task = async move {
            let mut outcome = match queued {
                Ok(()) => written.await.unwrap_or(Err(TrailError::Closed)),
                Err(_) => trail.write(entries.clone(), Vec::new()).await,
            };
            let mut wait = FIRST_WAIT;
            while let Err(error) = outcome {
                for entry in &entries {
                    entry.tell_unwritten(&error, true);
                }
                let is_last = tokio::time::timeout(wait, is_closing.wait_for(|is_closing| *is_closing)).await.is_ok();
                wait = (wait * 2).min(LONGEST_WAIT);
                outcome = trail.write(entries.clone(), Vec::new()).await;
                if is_last && outcome.is_err() {
                    return;
                }
            }
            unwritten.have_been_written();
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.try_join_next().is_some() {}
        waiting.spawn(task);
    }

    /// Has all that wait tried at once, for the last time.
    pub(super) async fn close(&self) {
        self.is_closing.send_replace(true);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.join_all().await;
    }
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
