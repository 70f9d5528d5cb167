//! The stand-in for AWS as a process of its own, told what to do line by line.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use aws_sim::Sim;
use serde_json::Value;

use crate::child::Running;
use crate::{part, world};

/// A stand-in that runs elsewhere.
#[derive(Debug)]
pub(crate) struct FarSim {
    running: Running,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    endpoint: String,
}

impl FarSim {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut command = part::aws_sim()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start("the stand-in for AWS", command)?;
        let orders = running.child().stdin.take().context("no way to the stand-in for AWS")?;
        let answers = running.child().stdout.take().context("no way from the stand-in for AWS")?;
        let mut sim = Self { running, orders, answers: BufReader::new(answers), endpoint: String::new() };
        sim.endpoint = sim.hear()?;
        Ok(sim)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn process(&self) -> u32 {
        self.running.id()
    }

    /// Every answer from now on takes this much longer.
    pub(crate) fn latency(&mut self, latency: Duration) -> anyhow::Result<()> {
        self.tell(&format!("{LATENCY} {}", latency.as_millis())).map(drop)
    }

    /// What it gives from now on lives so long at most.
    pub(crate) fn shorten(&mut self, life: Duration) -> anyhow::Result<()> {
        self.tell(&format!("{SHORTEN} {}", life.as_secs())).map(drop)
    }

    /// Empties the journal.
    pub(crate) fn forget(&mut self) -> anyhow::Result<()> {
        self.tell(FORGET).map(drop)
    }

    /// How many calls of AssumeRole came since then.
    pub(crate) fn count(&mut self) -> anyhow::Result<usize> {
        Ok(self.tell(COUNT)?.parse()?)
    }

    /// The parameters of the last one.
    pub(crate) fn last(&mut self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.tell(LAST)?)?)
    }

    fn tell(&mut self, order: &str) -> anyhow::Result<String> {
        writeln!(self.orders, "{order}")?;
        self.orders.flush()?;
        self.hear()
    }

    fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the stand-in for AWS has ended");
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Serves until nobody gives orders any more.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sim = runtime.block_on(Sim::start(world::world(), listen))?;
    let mut answers = std::io::stdout().lock();
    writeln!(answers, "{}", sim.endpoint())?;
    answers.flush()?;
    for order in std::io::stdin().lock().lines() {
        writeln!(answers, "{}", obey(&sim, &order?)?)?;
        answers.flush()?;
    }
    Ok(())
}

fn obey(sim: &Sim, order: &str) -> anyhow::Result<String> {
    Ok(match order.split_once(' ') {
        Some((LATENCY, milliseconds)) => {
            sim.faults().latency(Duration::from_millis(milliseconds.parse()?));
            "done".to_owned()
        }
        Some((SHORTEN, seconds)) => {
            sim.shorten_sessions(seconds.parse()?);
            "done".to_owned()
        }
        None if order == FORGET => {
            sim.forget_calls();
            "done".to_owned()
        }
        None if order == COUNT => sim.count(world::ACTION).to_string(),
        None if order == LAST => {
            let calls = sim.calls();
            let last = calls.iter().rfind(|call| call.action == world::ACTION).context("there was no such call")?;
            serde_json::to_string(&last.parameters)?
        }
        _ => bail!("not an order: {order}"),
    })
}

const LATENCY: &str = "latency";
const SHORTEN: &str = "shorten";
const FORGET: &str = "forget";
const COUNT: &str = "count";
const LAST: &str = "last";
