//! The order of a run. What is compared is measured in turns, so that whatever else the machine does meets all alike.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::ahead::{self, Ahead};
use crate::ask::{Asked, Line};
use crate::command::{self, Processes};
use crate::daemon::{Daemon, Tokens};
use crate::direct::Direct;
use crate::figures::{Compared, Figures, Growth, Memory};
use crate::house::{self, House};
use crate::ldap::{self, SignedIn};
use crate::load::{self, Sample, Watched};
use crate::machine::Machine;
use crate::nested::{self, Nested};
use crate::samba::Samba;
use crate::say;
use crate::sim::FarSim;
use crate::slapd::Slapd;
use crate::work::{Site, Work, Worker};

/// What is to be measured, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// For each figure.
    pub(crate) measured: Duration,
    /// Into how many turns that is cut.
    pub(crate) rounds: u32,
    /// How often a start is timed.
    pub(crate) starts: u32,
    pub(crate) works: Vec<Work>,
    pub(crate) connectors: Vec<u32>,
    /// Before brokerd counts as idle.
    pub(crate) rest: Duration,
    pub(crate) concurrency: usize,
    pub(crate) brokerd: Option<PathBuf>,
    pub(crate) broker: Option<PathBuf>,
    pub(crate) folder: PathBuf,
    /// Whether groups in groups are counted where they can be: their domain takes a minute to make.
    pub(crate) nested: bool,
}

/// An installation that grows, served and signed in to.
struct Grown {
    connectors: u32,
    daemon: Daemon,
    tokens: Tokens,
    first_start: Duration,
    first_request: Duration,
    idle_mib: f64,
    samples: [Option<Sample>; 3],
}

impl Plan {
    pub(crate) async fn carry_out(&self) -> anyhow::Result<Figures> {
        let machine = Machine::look(&self.folder)?;
        let mut sim = FarSim::start()?;
        let direct = Direct::new(sim.endpoint())?;

        say("brokerd: first start, people sign in");
        let (daemon, _) = Daemon::start(self.house(FEW_CONNECTORS, &sim)?).await?;
        let tokens = daemon.sign_everybody_in().await?;
        let (daemon, first_requests) = self.starts(daemon, &tokens).await?;
        tokio::time::sleep(self.rest).await;
        let idle = daemon.running().resident_mib()?;

        prove_alike(&daemon, &tokens, &direct, &mut sim).await?;
        let watched = Watched { brokerd: daemon.running().id(), sim: sim.process() };
        let site = Site { house: daemon.house(), tokens: &tokens, direct: &direct };
        say("the load alone, against /healthz");
        let ceiling = load::run(self.healthy(site).await?, watched, self.measured).await?;
        let mut compared = Vec::new();
        for latency in LATENCIES {
            sim.latency(latency)?;
            compared.extend(self.compare(site, watched, latency).await?);
        }
        let ahead = self.ahead(&daemon, &tokens, &mut sim).await?;
        sim.latency(Duration::ZERO)?;
        let command = self.command(&daemon)?;
        let ldap = self.ldap(&sim).await?;
        let nested = self.nested().await?;
        let memory = Memory { idle, loaded: daemon.running().resident_mib()?, peak: daemon.running().peak_mib()? };
        say("brokerd stops; every link of its audit trail is proved");
        let records = daemon.stop()?.prove_trail()?;
        let vends: u64 = compared.iter().filter(|compared| compared.work.is_recorded()).map(Compared::requests).sum();
        ensure!(records >= vends, "{vends} requests were answered, and the trail has {records} records");

        let growth = self.grow(&sim).await?;
        let (concurrency, measured) = (self.concurrency, self.measured);
        Ok(Figures {
            machine,
            concurrency,
            measured,
            ceiling,
            compared,
            memory,
            first_requests,
            records,
            growth,
            command,
            ahead,
            ldap,
            nested,
        })
    }

    /// Where container credentials are measured at all. STS is as slow as it was last.
    async fn ahead(&self, daemon: &Daemon, tokens: &Tokens, sim: &mut FarSim) -> anyhow::Result<Option<Ahead>> {
        if !self.works.contains(&Work::ContainerWarm) {
            return Ok(None);
        }
        say("container credentials that are about to end");
        ahead::measure(daemon.house().address(), &tokens.service, sim, LATENCIES[1]).await.map(Some)
    }

    /// `broker`, where it is there: it is a program of its own.
    fn command(&self, daemon: &Daemon) -> anyhow::Result<Option<Processes>> {
        let Some(program) = self.broker.as_deref().filter(|_| self.works.len() == Work::ALL.len()) else {
            return Ok(None);
        };
        say("`broker process`, from its cache");
        command::measure(daemon.house(), program, &self.folder, self.measured).map(Some)
    }

    /// Of an installation of its own, where sign-ins are measured at all.
    async fn ldap(&self, sim: &FarSim) -> anyhow::Result<Option<SignedIn>> {
        if !self.works.contains(&Work::SignIn) {
            return Ok(None);
        }
        let Some(slapd) = Slapd::start(&self.folder)? else {
            say("slapd is not installed: sign-in by LDAP is not measured");
            return Ok(None);
        };
        say("sign-in by LDAP, and a search and a bind by hand");
        let house = self.house(FEW_CONNECTORS, sim)?;
        // A task like any other, which waits where all wait.
        tokio::spawn(ldap::measure(slapd, house, self.measured)).await?.map(Some)
    }

    /// Where sign-ins are measured at all.
    async fn nested(&self) -> anyhow::Result<Vec<Nested>> {
        if !self.works.contains(&Work::SignIn) || !self.nested {
            return Ok(Vec::new());
        }
        say("three hundred groups in groups of an Active Directory, which is made first");
        let folder = self.folder.clone();
        let samba = tokio::task::spawn_blocking(move || Samba::start(&folder, NESTED)).await??;
        let Some(samba) = samba else {
            say("Samba's domain controller is not installed, or this is not root: they are not counted");
            return Ok(Vec::new());
        };
        nested::measure(&samba, NESTED).await
    }

    fn house(&self, connectors: u32, sim: &FarSim) -> anyhow::Result<House> {
        House::build(&self.folder, connectors, sim.endpoint(), self.brokerd.as_deref())
    }

    async fn starts(&self, mut daemon: Daemon, tokens: &Tokens) -> anyhow::Result<(Daemon, Vec<Duration>)> {
        let mut times = Vec::new();
        for _ in 0..self.starts {
            let (again, took) = Daemon::first_request(daemon.stop()?, &tokens.many).await?;
            daemon = again;
            times.push(took);
        }
        times.sort();
        Ok((daemon, times))
    }

    async fn healthy(&self, site: Site<'_>) -> anyhow::Result<Vec<Worker>> {
        let mut workers = Vec::new();
        for _ in 0..self.concurrency {
            workers.push(Worker::to(site.house.address(), Asked::health()).await?);
        }
        Ok(workers)
    }

    /// All work at one latency, alone and in a crowd.
    async fn compare(&self, site: Site<'_>, watched: Watched, latency: Duration) -> anyhow::Result<Vec<Compared>> {
        // What is to be given again must have been given once.
        load::run(Work::VendUncached.workers(site, house::PEOPLE as usize).await?, watched, WARM).await?;
        load::run(Work::ContainerWarm.workers(site, 1).await?, watched, WARM).await?;
        let mut compared: Vec<Compared> = Vec::new();
        for round in 1..=self.rounds {
            say(&format!("STS answers after {} ms: round {round} of {}", latency.as_millis(), self.rounds));
            for work in self.works.iter().copied() {
                let turn = self.measured / self.rounds;
                let alone = load::run(work.workers(site, 1).await?, watched, turn).await?;
                let crowd = work.workers(site, work.crowd(self.concurrency)).await?;
                let crowd = load::run(crowd, watched, turn).await?;
                match compared.iter_mut().find(|earlier| earlier.work == work) {
                    Some(earlier) => {
                        earlier.alone.add(&alone)?;
                        earlier.crowd.add(&crowd)?;
                    }
                    None => compared.push(Compared { work, latency, alone, crowd }),
                }
            }
        }
        Ok(compared)
    }

    /// Installations of all sizes, side by side.
    async fn grow(&self, sim: &FarSim) -> anyhow::Result<Vec<Growth>> {
        let mut all = Vec::new();
        for connectors in &self.connectors {
            say(&format!("{connectors} connectors: first start, people sign in, start again"));
            all.push(self.grown(*connectors, sim).await?);
        }
        for round in 1..=self.rounds {
            say(&format!("what grows with connectors and groups: round {round} of {}", self.rounds));
            for grown in &mut all {
                grown.measure(sim, self.measured / self.rounds).await?;
            }
        }
        all.into_iter().map(Grown::finish).collect()
    }

    async fn grown(&self, connectors: u32, sim: &FarSim) -> anyhow::Result<Grown> {
        let (daemon, first_start) = Daemon::start(self.house(connectors, sim)?).await?;
        let tokens = daemon.sign_everybody_in().await?;
        let (daemon, first_request) = Daemon::first_request(daemon.stop()?, &tokens.many).await?;
        tokio::time::sleep(self.rest).await;
        let idle_mib = daemon.running().resident_mib()?;
        Ok(Grown { connectors, daemon, tokens, first_start, first_request, idle_mib, samples: [None, None, None] })
    }
}

impl Grown {
    async fn measure(&mut self, sim: &FarSim, turn: Duration) -> anyhow::Result<()> {
        let watched = Watched { brokerd: self.daemon.running().id(), sim: sim.process() };
        let address = self.daemon.house().address();
        let few = self.tokens.few.first().context("nobody is signed in")?;
        let connector = house::connector(0);
        let asked = [
            Asked::vend(&connector, &self.tokens.many, false)?,
            Asked::vend(&connector, few, false)?,
            Asked::list(few)?,
        ];
        // One fresh vend each, so that there is something to be reused.
        for token in [&self.tokens.many, few] {
            Line::open(address).await?.ask(&Asked::vend(&connector, token, true)?).await?;
        }
        for (asked, sample) in asked.into_iter().zip(&mut self.samples) {
            let more = load::run(vec![Worker::to(address, asked).await?], watched, turn).await?;
            match sample {
                Some(sample) => sample.add(&more)?,
                None => *sample = Some(more),
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Growth> {
        let Self { connectors, first_start, first_request, idle_mib, samples, .. } = self;
        let [Some(many), Some(few), Some(list)] = samples else { anyhow::bail!("nothing was measured") };
        Ok(Growth { connectors, first_start, first_request, idle_mib, many, few, list })
    }
}

impl Compared {
    fn requests(&self) -> u64 {
        self.alone.requests() + self.crowd.requests()
    }
}

/// That the direct call and a fresh vend ask AWS for the very same, once a time, and that a reused vend asks for nothing.
async fn prove_alike(daemon: &Daemon, tokens: &Tokens, direct: &Direct, sim: &mut FarSim) -> anyhow::Result<()> {
    let mut line = Line::open(daemon.house().address()).await?;
    let token = tokens.few.first().context("nobody is signed in")?;
    sim.forget()?;
    direct.call().await?;
    let by_us = sim.last()?;
    line.ask(&Asked::vend(&house::connector(0), token, true)?).await?;
    let by_brokerd = sim.last()?;
    ensure!(by_us == by_brokerd, "the direct call is another one than brokerd's:\n{by_us}\n{by_brokerd}");
    line.ask(&Asked::vend(&house::connector(0), token, true)?).await?;
    line.ask(&Asked::vend(&house::connector(0), token, false)?).await?;
    let calls = sim.count()?;
    ensure!(calls == 3, "AWS was asked {calls} times: once directly and by two fresh vends, not by a reused one");
    Ok(())
}

const LATENCIES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(20)];
/// Groups in groups.
const NESTED: usize = 300;
const FEW_CONNECTORS: u32 = 10;
const WARM: Duration = Duration::from_millis(100);
