//! `brokerd directory`: what a directory answers, step by step.

mod grants;
mod lockout;
mod report;
mod steps;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// Directories of people: test
#[derive(Debug, Subcommand)]
pub(super) enum Directories {
    Test(test::Test),
}

impl Directories {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Test(test) => Box::pin(test.run(site)).await,
        }
    }
}
