//! `brokerd second-factors`: what people have enrolled, and its reset for whoever lost theirs, a sole administrator among them.

mod list;
mod reset;
mod told;
mod who;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;
use crate::people::{People, Weights};

/// What people have enrolled as second factors: list, reset
#[derive(Debug, Subcommand)]
pub(super) enum SecondFactors {
    /// Show who has enrolled what; nobody's secret
    List(list::List),
    /// Take away all that somebody has enrolled, who lost it: their sessions end, and their password lets them in until they enrol anew
    Reset(reset::Reset),
}

impl SecondFactors {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let mut opened = site.open().await?;
        let configured = std::mem::take(&mut opened.config.directories);
        let people = People::open(configured, Weights::of(&opened.config), &opened.house);
        opened
            .and_close(async |opened| match self {
                Self::List(list) => list.run(opened, &people?.directories).await,
                Self::Reset(reset) => reset.run(opened, &people?.directories).await,
            })
            .await?;
        Ok(ExitCode::SUCCESS)
    }
}
