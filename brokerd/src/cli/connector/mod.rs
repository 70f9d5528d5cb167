//! `brokerd connector`: what is in service, and what is to go that no file describes.

mod list;
mod remove;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// Connectors: list, remove
#[derive(Debug, Subcommand)]
pub(super) enum Connectors {
    /// Show which connectors there are, and which are out of service
    List(list::List),
    /// Take a connector away that the API manages, or one whose row is damaged
    Remove(remove::Remove),
}

impl Connectors {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => site.open().await?.and_close(async |opened| list.run(opened).await).await?,
            Self::Remove(remove) => site.open().await?.and_close(async |opened| remove.run(opened).await).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
