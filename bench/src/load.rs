//! Lets workers ask for a while and gathers how long each answer took, and what it cost whom.

use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::child::cpu_time;
use crate::work::Worker;

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// In nanoseconds.
    times: Histogram<u64>,
    lasted: Duration,
    pub(crate) cost: Cost,
}

/// The time on any core that the processes have had meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) bench: Duration,
    pub(crate) brokerd: Duration,
    pub(crate) sim: Duration,
}

/// Whose time is taken, beside the bench's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) brokerd: u32,
    pub(crate) sim: u32,
}

/// Measures for that long, after a tenth of it that does not count; longer where nobody has got an answer in that time.
pub(crate) async fn run(workers: Vec<Worker>, watched: Watched, measured: Duration) -> anyhow::Result<Sample> {
    let begin = Instant::now() + measured / 10;
    let end = begin + measured;
    let mut tasks = JoinSet::new();
    for worker in workers {
        tasks.spawn(work(worker, begin, end));
    }
    tokio::time::sleep_until(begin.into()).await;
    let before = watched.cost()?;
    tokio::time::sleep_until(end.into()).await;
    let cost = watched.cost()?.since(before);
    let mut sample = Sample { times: histogram()?, lasted: measured, cost };
    while let Some(done) = tasks.join_next().await {
        let (times, last) = done??;
        sample.times.add(times)?;
        sample.lasted = sample.lasted.max(last - begin);
    }
    Ok(sample)
}

/// Gives the times of the answers that count, one at least, and when the last of them came.
async fn work(mut worker: Worker, begin: Instant, end: Instant) -> anyhow::Result<(Histogram<u64>, Instant)> {
    let (mut times, mut last) = (histogram()?, begin);
    loop {
        let asked = Instant::now();
        if asked >= end && !times.is_empty() {
            return Ok((times, last));
        }
        worker.once().await?;
        let answered = Instant::now();
        // Answers count where they come in.
        if answered >= begin && (answered < end || times.is_empty()) {
            times.record(u64::try_from((answered - asked).as_nanos())?)?;
            last = answered;
        }
    }
}

impl Sample {
    /// Takes another turn's answers in.
    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.times.add(&other.times)?;
        self.lasted += other.lasted;
        self.cost = self.cost.and(other.cost);
        Ok(())
    }

    pub(crate) fn requests(&self) -> u64 {
        self.times.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.lasted.as_secs_f64()
    }

    /// So many of a hundred answers came within this time.
    pub(crate) fn percentile_us(&self, percentile: f64) -> f64 {
        Duration::from_nanos(self.times.value_at_percentile(percentile)).as_secs_f64() * 1e6
    }

    /// What one request takes of some process's time, in microseconds.
    pub(crate) fn each_us(&self, total: Duration) -> f64 {
        total.as_secs_f64() * 1e6 / self.count().max(1.0)
    }

    fn count(&self) -> f64 {
        // Far below what is exact in a float.
        u32::try_from(self.times.len()).map_or(f64::from(u32::MAX), f64::from)
    }
}

impl Watched {
    fn cost(self) -> anyhow::Result<Cost> {
        Ok(Cost { bench: cpu_time(std::process::id())?, brokerd: cpu_time(self.brokerd)?, sim: cpu_time(self.sim)? })
    }
}

impl Cost {
    fn since(self, before: Self) -> Self {
        Self {
            bench: self.bench.saturating_sub(before.bench),
            brokerd: self.brokerd.saturating_sub(before.brokerd),
            sim: self.sim.saturating_sub(before.sim),
        }
    }

    fn and(self, other: Self) -> Self {
        Self { bench: self.bench + other.bench, brokerd: self.brokerd + other.brokerd, sim: self.sim + other.sim }
    }
}

/// Three digits, and no limit that matters.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Histogram::new(3).context("no histogram can be made")
}
