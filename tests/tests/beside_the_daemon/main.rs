//! The command line beside the daemon: everything works while credentials are vended all the time, takes effect within a second, and
//! loses nothing; nor do signals.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod signals;
mod storm;
mod subcommands;
mod two;

use std::time::{Duration, Instant};

/// Waits until something is so; panics if it is not within a second of `since`.
pub(crate) async fn within_a_second(since: Instant, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        assert!(since.elapsed() < Duration::from_secs(1), "{what}: not within a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The last look may have taken long.
    assert!(since.elapsed() < LATE, "{what}: only after {:?}", since.elapsed());
}

/// A second, and the time of one question to a busy machine.
const LATE: Duration = Duration::from_millis(1_500);
