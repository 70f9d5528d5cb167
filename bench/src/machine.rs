//! What the figures were measured on, as far as it bears on them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) system: String,
    /// The median time until what was written is on the disk. Each commit of the trail waits that long at least.
    pub(crate) sync: Duration,
}

impl Machine {
    /// Looks, and writes a little where the stores will lie.
    pub(crate) fn look(folder: &Path) -> anyhow::Result<Self> {
        let described = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = described.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let uname = rustix::system::uname();
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            system: format!("{} {}", uname.sysname().to_string_lossy(), uname.release().to_string_lossy()),
            sync: sync(folder)?,
        })
    }
}

fn sync(folder: &Path) -> anyhow::Result<Duration> {
    let folder = tempfile::Builder::new().prefix("brokerd-bench-").tempdir_in(folder);
    let folder = folder.context("cannot write where the stores are to lie: take another --folder")?;
    let mut file = OpenOptions::new().create(true).append(true).open(folder.path().join("sync"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[0; PAGE])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    times.sort();
    times.get(SYNCS / 2).copied().context("nothing was written")
}

const SYNCS: usize = 101;
const PAGE: usize = 4_096;
