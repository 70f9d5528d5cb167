//! `brokerd user`: users of local directories whom the store keeps; those of the configuration are shown beside them.

mod add;
mod change;
mod list;
mod named;
mod passwd;
mod show;
mod standing;

use std::process::ExitCode;

use clap::Subcommand;

use super::site::Site;

/// Users of local directories: add, list, show, change, passwd, disable, enable, delete
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user; asks for the password, or takes it from standard input
    Add(add::Add),
    /// Show which users there are
    List(list::List),
    /// Show one user
    Show(show::Show),
    /// Change what is known of a user: display name, mail address, whether the account is for emergencies
    Change(change::Change),
    /// Give a user another password, and end all their sessions
    Passwd(passwd::Passwd),
    /// Let a user sign in no more, and end all their sessions
    Disable(standing::Disable),
    /// Let a disabled user sign in again
    Enable(standing::Enable),
    /// Remove a user for good, and end all their sessions
    Delete(standing::Delete),
}

impl User {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add(add) => site.open().await?.and_close(async |opened| add.run(opened).await).await?,
            Self::List(list) => site.open().await?.and_close(async |opened| list.run(opened).await).await?,
            Self::Show(show) => site.open().await?.and_close(async |opened| show.run(opened).await).await?,
            Self::Change(change) => site.open().await?.and_close(async |opened| change.run(opened).await).await?,
            Self::Passwd(passwd) => site.open().await?.and_close(async |opened| passwd.run(opened).await).await?,
            Self::Disable(disable) => site.open().await?.and_close(async |opened| disable.run(opened).await).await?,
            Self::Enable(enable) => site.open().await?.and_close(async |opened| enable.run(opened).await).await?,
            Self::Delete(delete) => site.open().await?.and_close(async |opened| delete.run(opened).await).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
