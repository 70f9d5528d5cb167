//! `brokerd user disable`, `enable` and `delete`: who can sign in, and who cannot.

use anyhow::Context;
use broker_core::administration::{SeenUser, UserForm};
use broker_core::local_user::LocalUser;
use broker_core::store::Table;
use clap::Args;

use super::named;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

/// Let a user sign in no more, and end all their sessions
#[derive(Debug, Args)]
pub(in crate::cli) struct Disable {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
}

/// Let a disabled user sign in again
#[derive(Debug, Args)]
pub(in crate::cli) struct Enable {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
}

/// Remove a user for good, and end all their sessions. Whoever gets the name later is somebody else
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
    /// Say who would go, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Disable {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let user = named::stored(opened, &self.user).await?;
        let recorded = changed(opened, &user, true).await;
        let recorded = recorded.with_context(|| format!("user `{}` is NOT disabled", user.name))?;
        say(&format!("user `{}` is disabled, and has no session any more", user.name));
        operator::recorded("the user is disabled", recorded)
    }
}

impl Enable {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let user = named::stored(opened, &self.user).await?;
        changed(opened, &user, false).await?;
        say(&format!("user `{}` can sign in", user.name));
        Ok(())
    }
}

impl Delete {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        if let Some(row) = damaged::find(opened, Table::LocalUsers, &self.user).await?
            && !self.dry_run
        {
            return damaged::remove(opened, &row, self.yes).await;
        }
        let user = named::stored(opened, &self.user).await?;
        let shown = format!("`{}` of directory `{}` ({})", user.name, user.directory, user.id);
        if self.dry_run {
            say(&format!("user {shown} would be removed"));
            return Ok(());
        }
        terminal::agrees_if_attended(&format!("Remove user {shown}?"), self.yes)?;
        let removed = opened.users()?.remove_user(user.id, Some(SeenUser::of(&user)), &operator::may()).await;
        let recorded = removed.with_context(|| format!("user {shown} is NOT removed"))?;
        say(&format!("user {shown} is gone, with all sessions"));
        operator::recorded("the user is gone", recorded)
    }
}

/// The same user, but for that. Whether it is recorded.
async fn changed(opened: &Opened, user: &LocalUser, disabled: bool) -> anyhow::Result<bool> {
    let users = opened.users()?;
    let form = UserForm { disabled, ..users.form_of(user).await? };
    let (_, recorded) = users.change_user(user.id, form, Some(SeenUser::of(user)), &operator::may()).await?;
    Ok(recorded)
}
