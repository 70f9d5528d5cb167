//! An outage that is known: for a moment nobody asks again, and then one at a time, until somebody finds that it is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is known of a directory that cannot be reached at all.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<State>);

#[derive(Clone, Copy, Debug)]
enum State {
    /// Reached, since then; or never tried.
    Over(Option<Instant>),
    /// Not reached once, which may be chance: a server that was just restarted, one address of several.
    Doubted(Instant),
    /// Not reached twice in a row, the last time at that moment.
    Known(Instant),
    /// Somebody finds out, since then, whether it still is so.
    Tried(Instant),
}

/// Leave to ask.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    outage: &'a Outage,
    began: Instant,
    finds_out: bool,
}

impl Default for State {
    fn default() -> Self {
        Self::Over(None)
    }
}

impl Outage {
    /// Nothing while an outage is known: whoever asked would wait for what another has just been told.
    pub(super) fn turn(&self) -> Option<Turn<'_>> {
        let (mut state, began) = (self.state(), Instant::now());
        let finds_out = match *state {
            State::Over(_) | State::Doubted(_) => false,
            State::Known(since) if began.duration_since(since) >= BRIEFLY => true,
            // Whoever takes that long, or was forgotten, keeps nobody else from finding out.
            State::Tried(since) if began.duration_since(since) >= PATIENCE => true,
            State::Known(_) | State::Tried(_) => return None,
        };
        if finds_out {
            *state = State::Tried(began);
        }
        Some(Turn { outage: self, began, finds_out })
    }

    /// A panic elsewhere leaves nothing half done in it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The directory was reached, whatever it said.
    pub(super) fn reached(self) {
        *self.outage.state() = State::Over(Some(Instant::now()));
    }

    /// Nobody was there. Whoever has waited since before it was last heard of knows nothing new.
    pub(super) fn nobody_there(self) {
        let (mut state, now) = (self.outage.state(), Instant::now());
        *state = match *state {
            State::Over(Some(since)) | State::Doubted(since) if since > self.began => return,
            State::Over(_) => State::Doubted(now),
            State::Doubted(_) | State::Known(_) | State::Tried(_) => State::Known(now),
        };
    }
}

/// Who gave up has found out nothing: the next one tries.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.outage.state();
        if self.finds_out && matches!(*state, State::Tried(since) if since == self.began) {
            *state = State::Known(self.began.checked_sub(BRIEFLY).unwrap_or(self.began));
        }
    }
}

/// Long enough that nobody hammers a server that is not there, short enough that nobody misses its coming back.
const BRIEFLY: Duration = Duration::from_millis(500);
/// How long one is waited for who finds out, before another does.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn a_known_outage_is_found_out_about_by_one_at_a_time() {
        let outage = Outage::default();
        let (first, at_once, late) = (outage.turn().unwrap(), outage.turn().unwrap(), outage.turn().unwrap());
        first.nobody_there();
        at_once.nobody_there();
        outage.turn().expect("once, and who asked at the same moment, may be chance").nobody_there();
        assert!(outage.turn().is_none(), "known a moment ago");
        sleep(BRIEFLY);
        let finder = outage.turn().unwrap();
        assert!(outage.turn().is_none(), "one finds out");
        drop(finder);
        let slow = outage.turn().expect("who gave up leaves it to the next");
        sleep(PATIENCE);
        outage.turn().expect("nobody waits longer for somebody else").reached();
        late.nobody_there();
        let (one, other) =
            (outage.turn().expect("it is over, whatever was waited for since before"), outage.turn().unwrap());
        drop(slow);
        one.nobody_there();
        other.reached();
        outage.turn().expect("one of two got there").nobody_there();
        assert!(outage.turn().is_some(), "which began before");
    }
}
