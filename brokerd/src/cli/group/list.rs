//! `brokerd group list`: which groups there are, and who is in them.

use broker_core::administration::ListedGroup;
use broker_core::connector::ManagedBy;
use broker_core::permission::Administrator;
use broker_core::store::Table;
use clap::Args;
use serde::Serialize;

use crate::cli::site::Opened;
use crate::cli::{listed, operator, output};

/// Show which groups there are, and who is in them
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A group as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    /// Of the store's; those of the configuration have none.
    id: Option<String>,
    directory: String,
    members: Vec<String>,
    /// Those whom the configuration puts into it.
    file_members: Vec<String>,
    role: Option<String>,
    managed_by: ManagedBy,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let mut groups = opened.users()?.groups(&operator::may::<Administrator>()).await?;
        groups.sort_by_cached_key(|listed| listed.group.clone());
        let damaged = opened.administration.damaged_rows().await?;
        let damaged: Vec<_> = damaged.into_iter().filter(|row| row.table == Table::LocalGroups).collect();
        let heads = ["NAME", "DIRECTORY", "MEMBERS", "ROLE", "FROM", "STATE", "ID"];
        listed::show(self.json, groups.into_iter().map(Shown::of).collect(), &damaged, heads, Shown::row)
    }
}

impl Shown {
    fn of(listed: ListedGroup) -> Self {
        Self {
            id: listed.stored.as_ref().map(|group| group.id.to_string()),
            managed_by: listed.managed_by(),
            name: listed.group.name,
            directory: listed.group.directory.to_string(),
            members: listed.members.into_iter().collect(),
            file_members: listed.file_members.into_iter().collect(),
            role: listed.role.map(|role| role.to_string()),
        }
    }

    fn row(self) -> [String; 7] {
        let members = self.members.into_iter().chain(self.file_members).collect::<Vec<_>>().join(",");
        let from = output::managed_by(self.managed_by).to_owned();
        let (role, id) = (self.role.unwrap_or_else(|| "-".to_owned()), self.id.unwrap_or_else(|| "-".to_owned()));
        [self.name, self.directory, members, role, from, "good".to_owned(), id]
    }
}
