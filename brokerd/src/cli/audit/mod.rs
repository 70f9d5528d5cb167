//! `brokerd audit`: the trail proved, exported and followed.

mod export;
mod record;
mod tail;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// The audit trail: verify, export, follow
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Prove that no record was changed, taken out or put in
    Verify(verify::Verify),
    /// Print records for other programs, oldest first
    Export(export::Export),
    /// Print the newest records, and with -f every new one
    Tail(tail::Tail),
}

impl Audit {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify(verify) => site.open().await?.and_close(async |opened| verify.run(opened).await).await,
            Self::Export(export) => site.open().await?.and_close(async |opened| export.run(opened).await).await,
            Self::Tail(tail) => site.open().await?.and_close(async |opened| tail.run(opened).await).await,
        }
    }
}
