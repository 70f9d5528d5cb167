//! All that one run has found out, and the short form of it as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::ahead::Ahead;
use crate::command::Processes;
use crate::ldap::{SignedIn, Times, Way};
use crate::load::Sample;
use crate::machine::Machine;
use crate::nested::Nested;
use crate::work::Work;

/// Everything.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) machine: Machine,
    pub(crate) concurrency: usize,
    pub(crate) measured: Duration,
    /// The load alone, against a route that does nothing.
    pub(crate) ceiling: Sample,
    pub(crate) compared: Vec<Compared>,
    pub(crate) memory: Memory,
    /// From the start of the process to the first credentials, sorted.
    pub(crate) first_requests: Vec<Duration>,
    /// Records of the main installation, every link proved.
    pub(crate) records: u64,
    pub(crate) growth: Vec<Growth>,
    /// `broker process`, where there is a `broker`.
    pub(crate) command: Option<Processes>,
    /// Of container credentials that are about to end, where those are measured.
    pub(crate) ahead: Option<Ahead>,
    /// Of sign-ins by LDAP, where slapd is installed.
    pub(crate) ldap: Option<SignedIn>,
    /// Of groups in groups in Active Directory, where Samba's domain controller can run.
    pub(crate) nested: Vec<Nested>,
}

/// One kind of work at one latency of STS.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) work: Work,
    pub(crate) latency: Duration,
    /// One request after the other.
    pub(crate) alone: Sample,
    /// Many at the same time.
    pub(crate) crowd: Sample,
}

/// Resident memory of brokerd, in MiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) idle: f64,
    pub(crate) loaded: f64,
    pub(crate) peak: f64,
}

/// An installation with so many connectors. One request after the other.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) connectors: u32,
    /// The very first start, which reads the file and puts every connector into the store.
    pub(crate) first_start: Duration,
    /// From a later start to the first credentials.
    pub(crate) first_request: Duration,
    pub(crate) idle_mib: f64,
    /// Reused credentials, for the person in a thousand groups.
    pub(crate) many: Sample,
    /// The same, for a person in ten.
    pub(crate) few: Sample,
    /// The list of what that person may use.
    pub(crate) list: Sample,
}

/// The agreed form of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    direct: Series,
    vend_uncached: Series,
    vend_reused: Series,
    sso_reused: Series,
    container_warm: Series,
    job_proved: Series,
    sign_in: Series,
    rss_idle_mib: f64,
    rss_loaded_mib: f64,
    first_request_ms: f64,
    growth: Vec<Point>,
    /// Of `broker process`, where it was measured: the median, and the most memory.
    broker_process_ms: Option<f64>,
    broker_process_mib: Option<f64>,
    /// The longest wait for container credentials: the first time, and when the client came back for what had been fetched ahead.
    container_first_ms: Option<f64>,
    container_ahead_ms: Option<f64>,
    /// Of sign-ins by LDAP, for each hash that the server keeps; none where there is no server.
    ldap: Vec<ByLdap>,
    /// How many searches beside the person's found 300 groups in groups; none where there is no Active Directory.
    nested_searches: BTreeMap<&'static str, usize>,
}

/// One value for each latency: throughput of many at the same time, times of one after the other.
#[derive(Debug, Default, Serialize)]
struct Series {
    latency_ms: Vec<u128>,
    requests_per_s: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Point {
    connectors: u32,
    p50_us: f64,
    p99_us: f64,
}

/// Medians, one after the other.
#[derive(Debug, Serialize)]
struct ByLdap {
    hash: &'static str,
    by_hand_us: f64,
    directory_us: f64,
    whole_us: f64,
}

impl ByLdap {
    fn of(times: &Times) -> Self {
        let [by_hand_us, directory_us, whole_us] =
            Way::ALL.map(|way| tenths(milliseconds(times.percentile(way, 50)) * 1e3));
        Self { hash: times.hash.name(), by_hand_us, directory_us, whole_us }
    }
}

impl Figures {
    pub(crate) fn of(&self, work: Work) -> impl Iterator<Item = &Compared> {
        self.compared.iter().filter(move |compared| compared.work == work)
    }

    /// The median start.
    pub(crate) fn first_request(&self) -> Duration {
        self.first_requests.get(self.first_requests.len() / 2).copied().unwrap_or_default()
    }

    pub(crate) fn summary(&self) -> Summary {
        let point = |growth: &Growth| Point {
            connectors: growth.connectors,
            p50_us: tenths(growth.many.percentile_us(50.0)),
            p99_us: tenths(growth.many.percentile_us(99.0)),
        };
        Summary {
            direct: self.series(Work::Direct),
            vend_uncached: self.series(Work::VendUncached),
            vend_reused: self.series(Work::VendReused),
            sso_reused: self.series(Work::SsoReused),
            container_warm: self.series(Work::ContainerWarm),
            job_proved: self.series(Work::JobProved),
            sign_in: self.series(Work::SignIn),
            rss_idle_mib: tenths(self.memory.idle),
            rss_loaded_mib: tenths(self.memory.loaded),
            first_request_ms: tenths(milliseconds(self.first_request())),
            growth: self.growth.iter().map(point).collect(),
            broker_process_ms: self.command.as_ref().map(|it| tenths(milliseconds(it.percentile(50)))),
            broker_process_mib: self.command.as_ref().map(|it| tenths(it.peak_mib)),
            container_first_ms: self.ahead.as_ref().map(|it| tenths(milliseconds(it.first))),
            container_ahead_ms: self.ahead.as_ref().map(|it| tenths(milliseconds(it.again))),
            ldap: self.ldap.iter().flat_map(|ldap| &ldap.times).map(ByLdap::of).collect(),
            nested_searches: self.nested.iter().map(|nested| (nested.way, nested.searches)).collect(),
        }
    }

    fn series(&self, work: Work) -> Series {
        let mut series = Series::default();
        for compared in self.of(work) {
            series.latency_ms.push(compared.latency.as_millis());
            series.requests_per_s.push(tenths(compared.crowd.per_second()));
            series.p50_us.push(tenths(compared.alone.percentile_us(50.0)));
            series.p99_us.push(tenths(compared.alone.percentile_us(99.0)));
        }
        series
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
