//! What operators watch: health, readiness, metrics and the log, as the real program tells them, against what docs/monitoring.md and
//! docs/logs.md promise.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod logs;
mod metrics;
mod readiness;
