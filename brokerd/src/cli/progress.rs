//! Long work says every second how far it is, on a terminal: whoever waits there sees that it goes on.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::say;

/// Work that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Progress(Arc<Mutex<Option<String>>>);

impl Progress {
    /// Begins to tell, if somebody watches; `at` is what is told until [`Self::at`] says more.
    pub(super) fn begin(at: &str) -> Self {
        let progress = Self::under_way(at);
        if io::stderr().is_terminal() {
            progress.tell(TELL_EVERY, say);
        }
        progress
    }

    /// How far it is.
    pub(super) fn at(&self, at: String) {
        *locked(&self.0) = Some(at);
    }

    fn under_way(at: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(at.to_owned()))))
    }

    /// In a task of its own: much of the work never waits for anything.
    fn tell(&self, every: Duration, mut say: impl FnMut(&str) + Send + 'static) {
        let (begun, at) = (Instant::now(), Arc::clone(&self.0));
        tokio::spawn(async move {
            loop {
                sleep(every).await;
                // Told while it is held: nothing is told of what has ended.
                match locked(&at).as_deref() {
                    Some(at) => say(&format!("{at} ({} s)", begun.elapsed().as_secs())),
                    None => return,
                }
            }
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *locked(&self.0) = None;
    }
}

fn locked(at: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}

const TELL_EVERY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn it_tells_how_far_it_is_until_the_end_and_not_after_it() {
        let (to, mut told) = mpsc::unbounded_channel();
        let progress = Progress::under_way("reading");
        progress.tell(Duration::from_millis(1), move |line| to.send(line.to_owned()).unwrap());
        let first = told.recv().await.unwrap();
        assert!(first.starts_with("reading (") && first.ends_with(" s)"), "{first}");
        progress.at("moved 1 of 2".to_owned());
        while !told.recv().await.unwrap().starts_with("moved 1 of 2 (") {}
        drop(progress);
        while told.try_recv().is_ok() {}
        assert_eq!(told.recv().await, None, "whoever tells has ended as well");
    }
}
