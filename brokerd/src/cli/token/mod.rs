//! `brokerd token`: tokens by which CI jobs vend from named system connectors.

mod confirm;
mod create;
mod list;
mod named;
mod revoke;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// Service tokens for CI jobs: create, list, revoke, confirm
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, once, to standard output
    Create(create::Create),
    /// Show which tokens there are; the tokens themselves are kept nowhere
    List(list::List),
    /// Take a token's rights away, at once
    Revoke(revoke::Revoke),
    /// Let tokens count again that wait since a backup was restored
    Confirm(confirm::Confirm),
}

impl Token {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => site.open().await?.and_close(async |opened| create.run(opened).await).await?,
            Self::List(list) => site.open().await?.and_close(async |opened| list.run(opened).await).await?,
            Self::Revoke(revoke) => site.open().await?.and_close(async |opened| revoke.run(opened).await).await?,
            Self::Confirm(confirm) => site.open().await?.and_close(async |opened| confirm.run(opened).await).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
