//! brokerd serving an installation: started, timed until its first answer, and signed in to.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use broker_api::SignedIn;
use secrecy::SecretString;
use tokio::net::TcpStream;

use crate::ask::{Asked, Line};
use crate::aws_client::AwsClient;
use crate::child::Running;
use crate::house::{self, House};
use crate::world;

/// A daemon that answers.
#[derive(Debug)]
pub(crate) struct Daemon {
    house: House,
    running: Running,
}

/// The tokens of people who are signed in; they outlive the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// Of the people in ten groups.
    pub(crate) few: Vec<SecretString>,
    /// Of the same people, as AWS's own clients have them.
    pub(crate) by_sso: Vec<SecretString>,
    /// Of the one in a thousand.
    pub(crate) many: SecretString,
    /// Of a job: a service token.
    pub(crate) service: SecretString,
}

impl Daemon {
    /// Starts it and waits until it listens. The first start makes the store and applies the connectors file.
    pub(crate) async fn start(house: House) -> anyhow::Result<(Self, Duration)> {
        let started = Instant::now();
        let mut command = house.command(&["serve"])?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut running = Running::start("brokerd", command)?;
        while TcpStream::connect(house.address()).await.is_err() {
            running.still_runs().with_context(|| house.log())?;
            ensure!(started.elapsed() < LONGEST_START, "brokerd does not listen\n{}", house.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok((Self { house, running }, started.elapsed()))
    }

    /// Starts it in a store that is there already, and says how long it takes until the first credentials are there.
    pub(crate) async fn first_request(house: House, token: &SecretString) -> anyhow::Result<(Self, Duration)> {
        let started = Instant::now();
        let (daemon, _) = Self::start(house).await?;
        let vend = Asked::vend(&house::connector(0), token, true)?;
        Line::open(daemon.house.address()).await?.ask(&vend).await.with_context(|| daemon.house.log())?;
        Ok((daemon, started.elapsed()))
    }

    pub(crate) fn house(&self) -> &House {
        &self.house
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Ends it and gives the installation back.
    pub(crate) fn stop(mut self) -> anyhow::Result<House> {
        self.running.stop()?;
        Ok(self.house)
    }

    pub(crate) async fn sign_everybody_in(&self) -> anyhow::Result<Tokens> {
        let mut line = Line::open(self.house.address()).await?;
        let mut few = Vec::new();
        for number in 0..house::PEOPLE {
            few.push(self.sign_in(&mut line, &world::person(number)).await?);
        }
        let (mut client, mut by_sso) = (AwsClient::registered(&self.house).await?, Vec::new());
        for number in 0..house::PEOPLE {
            let token = client.sign_in(&world::person(number), self.house.password()).await;
            by_sso.push(token.with_context(|| self.house.log())?);
        }
        let many = self.sign_in(&mut line, world::MANY).await?;
        Ok(Tokens { few, by_sso, many, service: self.house.service_token()? })
    }

    async fn sign_in(&self, line: &mut Line, username: &str) -> anyhow::Result<SecretString> {
        let asked = Asked::sign_in(username, self.house.password())?;
        let answer = line.ask(&asked).await.with_context(|| self.house.log())?;
        Ok(serde_json::from_slice::<SignedIn>(&answer)?.token)
    }
}

/// A hundred thousand connectors are read, checked and written in one go.
const LONGEST_START: Duration = Duration::from_mins(10);
const LOOK_EVERY: Duration = Duration::from_micros(500);
