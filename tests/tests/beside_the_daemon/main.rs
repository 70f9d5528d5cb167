//! The command line beside the daemon: everything works while credentials are vended all the time, takes effect within a second, and
//! loses nothing; nor do signals.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod signals;
mod storm;
mod subcommands;
mod two;

use std::time::{Duration, Instant};

/// Waits until something is so; panics if whoever asks a second after `since` is told that it is not.
pub(crate) async fn within_a_second(since: Instant, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    loop {
        // A busy machine may take long over the question; what it says is of the moment when it was asked, or later.
        let asked = since.elapsed();
        if is_so().await {
            return;
        }
        assert!(asked < Duration::from_secs(1), "{what}: not within a second, but asked after {asked:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
