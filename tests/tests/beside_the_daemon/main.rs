//! The command line beside the daemon: everything works while credentials are vended all the time, takes effect within a second, and
//! loses nothing; nor do signals.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod signals;
mod storm;
mod subcommands;
mod two;

use std::time::{Duration, Instant};

/// Waits until something is so; panics if whoever asks a second after `since` is told that it is not. So much as the machine wakes us late, it may
/// have woken the daemon late.
pub(crate) async fn within_a_second(since: Instant, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut late = Duration::ZERO;
    loop {
        // A busy machine may take long over the question; what it says is of the moment when it was asked, or later.
        let asked = since.elapsed();
        if is_so().await {
            return;
        }
        assert!(asked < Duration::from_secs(1) + late, "{what}: not within a second, but asked after {asked:?}");
        let rested = Instant::now();
        tokio::time::sleep(PAUSE).await;
        late += rested.elapsed().saturating_sub(2 * PAUSE);
    }
}

const PAUSE: Duration = Duration::from_millis(10);
