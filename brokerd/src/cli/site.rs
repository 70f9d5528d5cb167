//! The installation that a subcommand works on: its configuration, and what stands behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use broker_core::administration::{Administration, LocalUsers};
use broker_core::file::Environment;
use broker_core::iam::AwsIam;
use broker_core::store::Unusable;
use broker_core::sts::AwsSts;
use tokio::time::Instant;

use super::failure::Mistakes;
use crate::config::{Config, Level, Log, LogFormat};
use crate::house::House;
use crate::people::{People, Weights};
use crate::telemetry;

/// Where the configuration is.
#[derive(Debug)]
pub(super) struct Site {
    named: Option<PathBuf>,
    environment: Environment,
}

/// An open installation.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) house: House,
    pub(super) administration: Administration,
}

impl Site {
    pub(super) fn new(named: Option<PathBuf>, environment: Environment) -> Self {
        Self { named, environment }
    }

    /// The file that was named, or else the first that is there.
    pub(super) fn config_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(named) = &self.named {
            return Ok(named.clone());
        }
        match [HERE, SYSTEM].into_iter().map(Path::new).find(|path| path.exists()) {
            Some(path) => Ok(path.to_owned()),
            None => bail!(
                "there is neither {HERE} in this directory nor {SYSTEM}: name the configuration with --config, or make one with `brokerd init`"
            ),
        }
    }

    /// The file that was named, if one was.
    pub(super) fn named(&self) -> Option<&Path> {
        self.named.as_deref()
    }

    /// What secrets there are in the environment.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Reads the configuration.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load_with(&self.config_path()?, self.environment.clone()).map_err(Mistakes)?)
    }

    /// Opens everything, for a subcommand other than `serve`. To be closed.
    pub(super) async fn open(&self) -> anyhow::Result<Opened> {
        let mut config = self.config()?;
        telemetry::begin(Log { format: LogFormat::Text, level: Level::Warn });
        let house = House::open(&mut config).await.context("cannot open the store")?;
        let administration = Administration::new(
            house.store.clone(),
            Arc::clone(&house.vault),
            house.trail.clone(),
            Arc::clone(&house.clock),
        );
        Ok(Opened { config, house, administration })
    }
}

impl Opened {
    /// AWS, as the configuration says that it is reached, and how long somebody waits for it.
    pub(super) fn sts(&self) -> anyhow::Result<(AwsSts, Instant)> {
        let aws = &self.config.aws;
        let sts = AwsSts::new(aws.outbound.pool()?, aws.sts.clone(), Arc::clone(&self.house.clock));
        Ok((sts, Instant::now() + aws.interactive_deadline))
    }

    /// Whoever manages local users; of the directories none but local ones is opened.
    pub(super) fn users(&self) -> anyhow::Result<LocalUsers> {
        People::open_local(&self.config.directories, Weights::of(&self.config), &self.house)
    }

    /// AWS's IAM, as the configuration says that it is reached.
    pub(super) fn iam(&self) -> anyhow::Result<AwsIam> {
        let aws = &self.config.aws;
        Ok(AwsIam::new(&aws.outbound, aws.iam.clone(), Arc::clone(&self.house.clock))?)
    }

    /// Does something with the open installation, and closes it whatever comes of it.
    pub(super) async fn and_close<T>(self, work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let outcome = work(&self).await;
        self.house.close().await;
        outcome.map_err(|error| self.advised(error))
    }

    /// With what to do, where it was the store that failed.
    fn advised(&self, error: anyhow::Error) -> anyhow::Error {
        match Unusable::behind(&self.config.store, error.as_ref()) {
            Some(unusable) => anyhow::Error::new(unusable).context(error.to_string()),
            None => error,
        }
    }
}

const HERE: &str = "brokerd.toml";
const SYSTEM: &str = "/etc/brokerd/brokerd.toml";
