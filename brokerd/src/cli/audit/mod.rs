//! `brokerd audit`: the trail proved, exported, followed, and pruned.

mod export;
mod prune;
mod record;
mod tail;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// The audit trail: verify, export, follow, prune
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Prove that no record was changed, taken out or put in
    Verify(verify::Verify),
    /// Print records for other programs, oldest first
    Export(export::Export),
    /// Print the newest records, and with -f every new one
    Tail(tail::Tail),
    /// Remove old records; what stays proves as before, and what is gone stays known to have been removed
    Prune(prune::Prune),
}

impl Audit {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify(verify) => site.open().await?.and_close(async |opened| verify.run(opened).await).await,
            Self::Export(export) => site.open().await?.and_close(async |opened| export.run(opened).await).await,
            Self::Tail(tail) => site.open().await?.and_close(async |opened| tail.run(opened).await).await,
            Self::Prune(prune) => site.open().await?.and_close(async |opened| prune.run(opened).await).await,
        }
    }
}
