//! What operators watch: health, readiness and metrics, as the real program tells them, against what docs/monitoring.md promises.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod metrics;
mod readiness;
