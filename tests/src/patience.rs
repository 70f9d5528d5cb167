//! The machine's own time, and waiting for what comes in a time of its own.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// Seconds from now until then.
pub fn seconds_until(time: &Value) -> i64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_second() - now().as_second()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kit for tests of a whole process, which looks at the machine's clock as well"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits until something is so.
pub async fn soon<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < patience, "not within {} seconds: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(15);
