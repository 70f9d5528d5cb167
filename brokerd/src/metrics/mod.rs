//! Collects what the process counts and times, and writes it out in Prometheus' text format.

mod process;

use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{counter, gauge, histogram};
use axum::http::Method;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests answered, by method, route and status.
pub(crate) const REQUESTS: &str = "brokerd_http_requests_total";
/// How long they took, by method and route.
pub(crate) const REQUEST_SECONDS: &str = "brokerd_http_request_duration_seconds";
/// Requests that are being answered.
pub(crate) const IN_FLIGHT: &str = "brokerd_http_requests_in_flight";
/// Lines of the log that carry an `alarm`: somebody should look.
pub(crate) const ALARMS: &str = "brokerd_alarms_total";
/// Whether a check of `/readyz` passed when it was last made.
pub(crate) const READY: &str = "brokerd_ready";
/// Always 1; says which release runs.
pub(crate) const BUILD: &str = "brokerd_build_info";

/// The process's metrics. One recorder for a process, however many daemons it holds.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Counts one request while it is being answered.
#[derive(Debug)]
pub(crate) struct InFlight;

impl Metrics {
    /// Begins to collect; whoever asks later gets the same.
    pub fn begin() -> Result<Self, BuildError> {
        if let Some(begun) = BEGUN.get() {
            return Ok(begun.clone());
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
            .build_recorder();
        let begun = Self { handle: recorder.handle() };
        // Somebody else in this process may have one already: then it is theirs that counts, and ours stays empty.
        if ::metrics::set_global_recorder(recorder).is_ok() {
            broker_core::meter::describe();
            process::describe();
            describe();
            gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        }
        Ok(BEGUN.get_or_init(|| begun).clone())
    }

    /// Empties the histograms' buffers, which grow until somebody does.
    pub async fn keep_up(self) {
        loop {
            tokio::time::sleep(KEEP_UP_EVERY).await;
            self.handle.run_upkeep();
        }
    }

    pub(crate) fn render(&self) -> String {
        process::measure();
        self.handle.render()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl InFlight {
    pub(crate) fn begin() -> Self {
        gauge!(IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT).decrement(1.0);
    }
}

/// A request has been answered.
pub(crate) fn answered(method: &Method, route: &str, status: u16, took: Duration) {
    // Anybody may invent a method; a label may not have as many values.
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
    histogram!(REQUEST_SECONDS, "method" => method, "route" => route.to_owned()).record(took);
}

/// A line with an alarm has been logged.
pub(crate) fn alarmed(alarm: &str) {
    counter!(ALARMS, "alarm" => alarm.to_owned()).increment(1);
}

fn describe() {
    ::metrics::describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    ::metrics::describe_histogram!(
        REQUEST_SECONDS,
        ::metrics::Unit::Seconds,
        "How long requests took, by method and route."
    );
    ::metrics::describe_gauge!(IN_FLIGHT, "Requests that are being answered.");
    ::metrics::describe_counter!(ALARMS, "Lines of the log that carry an alarm.");
    ::metrics::describe_gauge!(READY, "Whether a check of /readyz passed when it was last made.");
    ::metrics::describe_gauge!(BUILD, "Always 1; the release is a label.");
}

static BEGUN: OnceLock<Metrics> = OnceLock::new();

/// From a reused vend to the deadline of a job, in seconds.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0, 60.0];
const KEEP_UP_EVERY: Duration = Duration::from_secs(5);
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
