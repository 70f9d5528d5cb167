//! Container credentials that are about to end: what a client waits for that comes back for new ones, when STS is slow.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use secrecy::SecretString;

use crate::ask::{Asked, Line};
use crate::house;
use crate::sim::FarSim;

/// The longest waits of some clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    /// Of STS, for each call.
    pub(crate) latency: Duration,
    /// When nobody had asked yet.
    pub(crate) first: Duration,
    /// When they came back, and new ones were there.
    pub(crate) again: Duration,
}

/// AWS's credentials live a quarter of an hour at least; those of the stand-in, so short that one can wait for their end. What is asked for
/// differs for each client by its duration.
pub(crate) async fn measure(
    address: SocketAddr,
    token: &SecretString,
    sim: &mut FarSim,
    latency: Duration,
) -> anyhow::Result<Ahead> {
    sim.shorten(LIFE)?;
    sim.forget()?;
    let first = longest(address, token).await?;
    let begun = sim.count()?;
    tokio::time::sleep(BACK_AFTER).await;
    let fetched = sim.count()?;
    let again = longest(address, token).await?;
    let asked = sim.count()?;
    ensure!(
        (begun, fetched, asked) == (CLIENTS, 2 * CLIENTS, 2 * CLIENTS),
        "AWS was asked {begun} times at first, {fetched} until they came back and {asked} in all: {CLIENTS}, and {CLIENTS} ahead"
    );
    sim.shorten(ASKED)?;
    Ok(Ahead { latency, first, again })
}

/// One after the other.
async fn longest(address: SocketAddr, token: &SecretString) -> anyhow::Result<Duration> {
    let (mut line, mut longest) = (Line::open(address).await?, Duration::ZERO);
    for seconds in (SHORTEST..).take(CLIENTS) {
        let asked = Asked::container(house::SYSTEM, seconds, token)?;
        let begun = Instant::now();
        line.ask(&asked).await?;
        longest = longest.max(begun.elapsed());
    }
    Ok(longest)
}

/// brokerd expects one token for 32 different things.
const CLIENTS: usize = 16;
const SHORTEST: u32 = 900;
/// As long as anybody asks for.
const ASKED: Duration = Duration::from_hours(36);
const LIFE: Duration = Duration::from_secs(14);
/// At half of so short a life new ones are fetched.
const BACK_AFTER: Duration = Duration::from_secs(10);
