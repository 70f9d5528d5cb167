//! `brokerd group`: groups of local directories, and who is in those that the store keeps.

mod change;
mod list;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// Groups of local directories: add, list, members, delete
#[derive(Debug, Subcommand)]
pub(super) enum Group {
    /// Add a group
    Add(change::Add),
    /// Show which groups there are, and who is in them
    List(list::List),
    /// Put users into a group, or take them out of it
    Members(change::Members),
    /// Remove a group for good
    Delete(change::Delete),
}

impl Group {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add(add) => site.open().await?.and_close(async |opened| add.run(opened).await).await?,
            Self::List(list) => site.open().await?.and_close(async |opened| list.run(opened).await).await?,
            Self::Members(members) => site.open().await?.and_close(async |opened| members.run(opened).await).await?,
            Self::Delete(delete) => site.open().await?.and_close(async |opened| delete.run(opened).await).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
