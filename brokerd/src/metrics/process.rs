//! What the system says of this process, under the names that all Prometheus clients use.
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use procfs::ProcResult;
use procfs::process::{LimitValue, Process};

pub(super) fn describe() {
    describe_counter!(CPU, Unit::Seconds, "Processor time spent, whole seconds.");
    describe_gauge!(RESIDENT, Unit::Bytes, "Memory that is resident.");
    describe_gauge!(VIRTUAL, Unit::Bytes, "Memory that is mapped.");
    describe_gauge!(OPEN_FILES, "Files and connections that are open.");
    describe_gauge!(MAX_FILES, "How many may be.");
    describe_gauge!(THREADS, "Threads.");
    describe_gauge!(START, Unit::Seconds, "When the process began, in seconds since 1970.");
}

/// Asks the system now; what it does not say stays as it was.
pub(super) fn measure() {
    if let Err(error) = read() {
        tracing::debug!(%error, "the system says nothing of this process");
    }
}

fn read() -> ProcResult<()> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    counter!(CPU).absolute((stat.utime + stat.stime) / procfs::ticks_per_second().max(1));
    gauge!(RESIDENT).set(float(stat.rss.saturating_mul(procfs::page_size())));
    gauge!(VIRTUAL).set(float(stat.vsize));
    gauge!(THREADS).set(float(u64::try_from(stat.num_threads).unwrap_or_default()));
    gauge!(OPEN_FILES).set(float(u64::try_from(process.fd_count()?).unwrap_or_default()));
    if let LimitValue::Value(most) = process.limits()?.max_open_files.soft_limit {
        gauge!(MAX_FILES).set(float(most));
    }
    let began = procfs::boot_time_secs()?.saturating_add(stat.starttime / procfs::ticks_per_second().max(1));
    gauge!(START).set(float(began));
    Ok(())
}

/// In halves, since a float takes 32 bits without loss; what is measured here stays below what it loses.
fn float(number: u64) -> f64 {
    let half = |part: u64| f64::from(u32::try_from(part & u64::from(u32::MAX)).unwrap_or(u32::MAX));
    half(number >> 32) * 4_294_967_296.0 + half(number)
}

const CPU: &str = "process_cpu_seconds_total";
const RESIDENT: &str = "process_resident_memory_bytes";
const VIRTUAL: &str = "process_virtual_memory_bytes";
const OPEN_FILES: &str = "process_open_fds";
const MAX_FILES: &str = "process_max_fds";
const THREADS: &str = "process_threads";
const START: &str = "process_start_time_seconds";
