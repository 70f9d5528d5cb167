//! `brokerd group add`, `members` and `delete`.

use std::collections::BTreeSet;

use anyhow::Context;
use broker_core::administration::{ListedGroup, LocalUserError, SeenGroup};
use broker_core::local_user::LocalGroupName;
use broker_core::permission::Administrator;
use broker_core::store::Table;
use clap::Args;

use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

/// Add a group
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The group's name, without the directory's
    #[arg(value_parser = group_name)]
    name: LocalGroupName,
    /// A user who is to be in it, by name or id; may be repeated
    #[arg(long, value_name = "NAME|ID")]
    member: Vec<String>,
    /// The local directory [default: the only one]
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

/// Put users into a group, or take them out of it
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(in crate::cli) struct Members {
    /// The group's name or id, as `brokerd group list` shows them
    #[arg(value_name = "NAME|ID")]
    group: String,
    /// A user who comes into it, by name or id; may be repeated
    #[arg(long, value_name = "NAME|ID", required_unless_present = "remove")]
    add: Vec<String>,
    /// A user who goes, by name or id; may be repeated
    #[arg(long, value_name = "NAME|ID")]
    remove: Vec<String>,
}

/// Remove a group for good. Its members are so no more, nor of another group of its name
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The group's name or id, as `brokerd group list` shows them
    #[arg(value_name = "NAME|ID")]
    group: String,
    /// Say what would go, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Add {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let members: BTreeSet<String> = self.member.into_iter().collect();
        let users = opened.users()?;
        let group = users.add_group(self.name, self.directory.as_deref(), &members, &operator::may()).await?;
        say(&format!("group `{}` is added, with {} members", group.group, group.members.len()));
        Ok(())
    }
}

impl Members {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let (listed, seen) = stored(opened, &self.group).await?;
        let users = opened.users()?.users(&operator::may::<Administrator>()).await?;
        let by_id = |text: &str| {
            let mut of_here = users.iter().filter(|user| user.person.subject.directory == listed.group.directory);
            of_here.find(|user| user.stored.as_ref().is_some_and(|user| user.id.to_string() == text))
        };
        let mut members = listed.members;
        for text in &self.remove {
            let name = by_id(text).map_or(text, |user| &user.person.username).to_lowercase();
            let found = members.iter().find(|member| member.to_lowercase() == name).cloned();
            members.remove(&found.with_context(|| format!("`{}` is not in the group", text.escape_debug()))?);
        }
        members.extend(self.add);
        let changed = opened.users()?.change_group(seen.id, &members, Some(seen), &operator::may()).await;
        let (group, recorded) = changed.context("the group is NOT changed")?;
        say(&format!("group `{}` has {} members", group.group, group.members.len()));
        operator::recorded("the group is changed", recorded)
    }
}

impl Delete {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        if let Some(row) = damaged::find(opened, Table::LocalGroups, &self.group).await?
            && !self.dry_run
        {
            return damaged::remove(opened, &row, self.yes).await;
        }
        let (listed, seen) = stored(opened, &self.group).await?;
        let shown = format!("`{}` with {} members", listed.group, listed.members.len());
        if self.dry_run {
            say(&format!("group {shown} would be removed"));
            return Ok(());
        }
        terminal::agrees_if_attended(&format!("Remove group {shown}?"), self.yes)?;
        let removed = opened.users()?.remove_group(seen.id, Some(seen), &operator::may()).await;
        let recorded = removed.with_context(|| format!("group {shown} is NOT removed"))?;
        say(&format!("group {shown} is gone"));
        operator::recorded("the group is gone", recorded)
    }
}

/// The group that somebody means, where the store keeps it.
async fn stored(opened: &Opened, text: &str) -> anyhow::Result<(ListedGroup, SeenGroup)> {
    let listed = opened.users()?.group(text, &operator::may::<Administrator>()).await.with_context(|| {
        let shown: String = text.chars().take(80).collect();
        format!(
            "no local group has the name or the id `{}`: `brokerd group list` shows which there are",
            shown.escape_debug()
        )
    })?;
    let id = listed.stored.as_ref().ok_or_else(|| LocalUserError::ReadOnly(listed.group.to_string()))?.id;
    let seen = SeenGroup { id, version: listed.version };
    Ok((listed, seen))
}

fn group_name(text: &str) -> Result<LocalGroupName, String> {
    LocalGroupName::try_from(text.to_owned()).map_err(|error| error.to_string())
}
