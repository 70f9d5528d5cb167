//! A process that is measured: started, watched through /proc, and ended.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A running child. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    pub(crate) fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended by itself.
    pub(crate) fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself: {status}", self.name),
        }
    }

    /// Memory that is resident now, in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        status_mib(self.id(), "VmRSS:")
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn peak_mib(&self) -> anyhow::Result<f64> {
        peak_mib(self.id())
    }

    /// Asks it to end and waits for that.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > GRACE {
                bail!("{} does not end when it is told to", self.name);
            }
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.stop().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The most memory of a process that was ever resident, in MiB.
pub(crate) fn peak_mib(process: u32) -> anyhow::Result<f64> {
    status_mib(process, "VmHWM:")
}

fn status_mib(process: u32, line: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = status.lines().find_map(|other| other.strip_prefix(line)?.trim().strip_suffix(" kB"));
    let kib: u32 = kib.context("/proc does not tell the memory of a process")?.trim().parse()?;
    Ok(f64::from(kib) / 1024.0)
}

/// The time that a process has had on all cores.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name stands in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("/proc does not tell the time of a process")?;
    let mut ticks = fields.split_whitespace().skip(USER_TIME).take(2).map(str::parse::<u64>);
    let (Some(user), Some(system)) = (ticks.next(), ticks.next()) else {
        bail!("/proc does not tell the time of a process");
    };
    let milliseconds = (user? + system?) * 1_000 / rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(milliseconds))
}

/// Its place behind the name, in proc(5).
const USER_TIME: usize = 11;
const GRACE: Duration = Duration::from_secs(30);
