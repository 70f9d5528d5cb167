//! What is measured, and the workers that do it: each asks, waits for the answer, and asks again.

use std::net::SocketAddr;

use crate::ask::{Asked, Line};
use crate::daemon::Tokens;
use crate::direct::Direct;
use crate::house::{self, House};
use crate::world;

/// What a run compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    Direct,
    VendUncached,
    VendReused,
    SsoReused,
    ContainerWarm,
    JobProved,
    SignIn,
}

/// One who asks.
#[derive(Debug)]
pub(crate) enum Worker {
    Direct(Box<Direct>),
    Http(Line, Box<Asked>),
}

/// Where there is work to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) house: &'a House,
    pub(crate) tokens: &'a Tokens,
    pub(crate) direct: &'a Direct,
}

impl Work {
    pub(crate) const ALL: [Self; 7] = [
        Self::Direct,
        Self::VendUncached,
        Self::VendReused,
        Self::SsoReused,
        Self::ContainerWarm,
        Self::JobProved,
        Self::SignIn,
    ];

    /// Whether each answer has a record in the trail.
    pub(crate) fn is_recorded(self) -> bool {
        match self {
            Self::VendUncached | Self::VendReused | Self::SsoReused | Self::ContainerWarm | Self::SignIn => true,
            Self::Direct | Self::JobProved => false,
        }
    }

    /// How many at the same time show what brokerd carries.
    pub(crate) fn crowd(self, concurrency: usize) -> usize {
        match self {
            Self::Direct
            | Self::VendUncached
            | Self::VendReused
            | Self::SsoReused
            | Self::ContainerWarm
            | Self::JobProved => concurrency,
            // A password costs a core for a while: more at once would only wait. Each person signs in once at a time.
            Self::SignIn => concurrency.min(SIGN_INS),
        }
    }

    /// As many workers as are wanted, each with a connection of its own.
    pub(crate) async fn workers(self, site: Site<'_>, count: usize) -> anyhow::Result<Vec<Worker>> {
        let mut workers = Vec::with_capacity(count);
        let people = (0..house::PEOPLE).zip(&site.tokens.few).zip(&site.tokens.by_sso).cycle();
        for ((number, token), by_sso) in people.take(count) {
            workers.push(match self {
                Self::Direct => Worker::Direct(Box::new(site.direct.clone())),
                Self::VendUncached => Worker::http(site, Asked::vend(&house::connector(0), token, true)?).await?,
                Self::VendReused => Worker::http(site, Asked::vend(&house::connector(0), token, false)?).await?,
                Self::SsoReused => {
                    let asked = Asked::by_sso(world::ACCOUNT, &house::connector(0), by_sso)?;
                    Worker::http(site, asked).await?
                }
                Self::ContainerWarm => {
                    let asked = Asked::container(house::SYSTEM, world::SECONDS, &site.tokens.service)?;
                    Worker::http(site, asked).await?
                }
                Self::JobProved => Worker::http(site, Asked::job(site.house.job())?).await?,
                Self::SignIn => {
                    let asked = Asked::sign_in(&world::person(number), site.house.password())?;
                    Worker::http(site, asked).await?
                }
            });
        }
        Ok(workers)
    }
}

impl Worker {
    async fn http(site: Site<'_>, asked: Asked) -> anyhow::Result<Self> {
        Self::to(site.house.address(), asked).await
    }

    /// One who asks this brokerd the same again and again.
    pub(crate) async fn to(address: SocketAddr, asked: Asked) -> anyhow::Result<Self> {
        Ok(Self::Http(Line::open(address).await?, Box::new(asked)))
    }

    pub(crate) async fn once(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Direct(direct) => direct.call().await,
            Self::Http(line, asked) => line.ask(asked).await.map(drop),
        }
    }
}

const SIGN_INS: usize = 4;
