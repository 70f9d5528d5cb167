//! What is counted and timed for operators: the names of the metrics, and what each says. Who does a thing counts it, by the
//! `metrics` facade; whoever runs the process decides whether anybody reads it.
//!
//! A label has few values. No person, no connector and no address is ever one.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};
use tokio::time::Instant;

/// Credentials lent, by the STS action that they come from; `reused` is `true` where no call was needed this time.
pub const VENDS: &str = "brokerd_vends_total";
/// Calls to AWS by action and outcome (`success`, `refused`, `unavailable`), retries within one call not told apart.
pub const AWS_CALLS: &str = "brokerd_aws_calls_total";
/// How long calls to AWS took, retries included.
pub const AWS_CALL_SECONDS: &str = "brokerd_aws_call_duration_seconds";
/// Questions to a directory by kind (`authenticate`, `look_up`, `probe`) and outcome (`answered`, `unavailable`).
pub const DIRECTORY_CALLS: &str = "brokerd_directory_calls_total";
/// How long directories took to answer.
pub const DIRECTORY_CALL_SECONDS: &str = "brokerd_directory_call_duration_seconds";
/// Records made durable, by action and outcome: every sign-in, vend, refusal and change is one.
pub const RECORDS: &str = "brokerd_trail_records_total";
/// How long a commit of records, and of the changes with them, took.
pub const COMMIT_SECONDS: &str = "brokerd_trail_commit_duration_seconds";
/// Commits of the trail that failed: nothing was handed over.
pub const COMMITS_FAILED: &str = "brokerd_trail_commits_failed_total";
/// Connectors in service on this node.
pub const CONNECTORS: &str = "brokerd_connectors";
/// Access keys in service on this node, by state: `proved` where AWS has said whose they are, else `unproved`.
pub const ACCESS_KEYS: &str = "brokerd_access_keys";

/// Says to whoever collects what each metric is for.
pub fn describe() {
    metrics::describe_counter!(VENDS, "Credentials lent, by STS action and whether earlier ones were given again.");
    metrics::describe_counter!(AWS_CALLS, "Calls to AWS by action and outcome; retries within a call count once.");
    metrics::describe_histogram!(AWS_CALL_SECONDS, Unit::Seconds, "How long calls to AWS took, retries included.");
    metrics::describe_counter!(DIRECTORY_CALLS, "Questions to a directory by kind and outcome.");
    metrics::describe_histogram!(DIRECTORY_CALL_SECONDS, Unit::Seconds, "How long directories took to answer.");
    metrics::describe_counter!(RECORDS, "Audit records made durable, by action and outcome.");
    metrics::describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "How long commits of the audit trail took.");
    metrics::describe_counter!(COMMITS_FAILED, "Commits of the audit trail that failed; nothing was handed over.");
    metrics::describe_gauge!(CONNECTORS, "Connectors in service on this node.");
    metrics::describe_gauge!(ACCESS_KEYS, "Access keys in service on this node, by state.");
}

/// One question to the world outside, from when it was asked.
#[derive(Debug)]
pub(crate) struct Asked(Instant);

impl Asked {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// AWS answered, or did not.
    pub(crate) fn aws(self, action: &'static str, outcome: &'static str) {
        counter!(AWS_CALLS, "action" => action, "outcome" => outcome).increment(1);
        histogram!(AWS_CALL_SECONDS, "action" => action).record(self.0.elapsed());
    }

    /// A directory answered, or did not. Directories are few, and an operator gave them their names.
    pub(crate) fn directory(self, directory: &str, call: &'static str, outcome: &'static str) {
        let labels = [("directory", directory.to_owned()), ("call", call.to_owned())];
        histogram!(DIRECTORY_CALL_SECONDS, &labels).record(self.0.elapsed());
        counter!(DIRECTORY_CALLS, "directory" => directory.to_owned(), "call" => call, "outcome" => outcome)
            .increment(1);
    }
}

/// Credentials have been lent.
pub(crate) fn vended(action: &'static str, reused: bool) {
    counter!(VENDS, "action" => action, "reused" => if reused { "true" } else { "false" }).increment(1);
}

/// A record has become durable.
pub(crate) fn recorded(action: &'static str, outcome: &'static str) {
    counter!(RECORDS, "action" => action, "outcome" => outcome).increment(1);
}

/// A commit of the trail ended.
pub(crate) fn committed(took: Duration, succeeded: bool) {
    histogram!(COMMIT_SECONDS).record(took);
    if !succeeded {
        counter!(COMMITS_FAILED).increment(1);
    }
}

/// What is in service now.
pub(crate) fn in_service(connectors: usize, proved: usize, unproved: usize) {
    gauge!(CONNECTORS).set(as_float(connectors));
    for (state, count) in [("proved", proved), ("unproved", unproved)] {
        gauge!(ACCESS_KEYS, "state" => state).set(as_float(count));
    }
}

/// Counts stay far below where a float loses ones.
fn as_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
