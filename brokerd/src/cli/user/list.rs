//! `brokerd user list`: who there is, in which groups, and who cannot sign in.

use broker_core::administration::ListedUser;
use broker_core::connector::ManagedBy;
use broker_core::permission::Administrator;
use broker_core::store::Table;
use clap::Args;
use serde::Serialize;

use crate::cli::output::time;
use crate::cli::site::Opened;
use crate::cli::{listed, operator, output};

/// Show which users there are
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A user as they are shown.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    name: String,
    id: String,
    directory: String,
    display_name: Option<String>,
    email: Option<String>,
    groups: Vec<String>,
    role: Option<String>,
    disabled: bool,
    break_glass: bool,
    /// The configuration has somebody of the same name.
    shadowed: bool,
    managed_by: ManagedBy,
    created_at: Option<String>,
    password_changed_at: Option<String>,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let mut users = opened.users()?.users(&operator::may::<Administrator>()).await?;
        users.sort_by_cached_key(|user| (user.person.username.to_lowercase(), user.person.subject.clone()));
        let damaged = opened.administration.damaged_rows().await?;
        let damaged: Vec<_> = damaged.into_iter().filter(|row| row.table == Table::LocalUsers).collect();
        let heads = ["NAME", "DIRECTORY", "GROUPS", "ROLE", "FROM", "STATE", "ID"];
        listed::show(self.json, users.iter().map(Shown::of).collect(), &damaged, heads, Shown::row)
    }
}

impl Shown {
    pub(super) fn of(user: &ListedUser) -> Self {
        let (person, stored) = (&user.person, user.stored.as_ref());
        Self {
            name: person.username.clone(),
            id: person.subject.id.clone(),
            directory: person.subject.directory.to_string(),
            display_name: person.display_name.clone(),
            email: person.email.clone(),
            groups: person.groups.iter().map(|group| group.name.clone()).collect(),
            role: user.role.map(|role| role.to_string()),
            disabled: user.disabled,
            break_glass: user.break_glass,
            shadowed: user.shadowed,
            managed_by: user.managed_by(),
            created_at: stored.map(|it| time(it.details.created_at)),
            password_changed_at: stored.map(|it| time(it.password_changed_at)),
        }
    }

    fn state(&self) -> &'static str {
        match (self.shadowed, self.disabled, self.break_glass) {
            (true, ..) => "OUT OF SERVICE: the configuration has somebody of this name",
            (false, true, _) => "disabled",
            (false, false, true) => "good, break-glass",
            (false, false, false) => "good",
        }
    }

    fn row(self) -> [String; 7] {
        let (state, from) = (self.state().to_owned(), output::managed_by(self.managed_by).to_owned());
        let role = self.role.unwrap_or_else(|| "-".to_owned());
        [self.name, self.directory, self.groups.join(","), role, from, state, self.id]
    }

    /// Line by line, for one alone.
    pub(super) fn lines(self) -> Vec<[String; 2]> {
        let state = self.state().to_owned();
        let from = output::managed_by(self.managed_by).to_owned();
        let groups = self.groups.join(", ");
        let fields = [
            ("name", Some(self.name)),
            ("id", Some(self.id)),
            ("directory", Some(self.directory)),
            ("display name", self.display_name),
            ("email", self.email),
            ("groups", Some(groups)),
            ("role", self.role),
            ("state", Some(state)),
            ("from", Some(from)),
            ("made", self.created_at),
            ("password of", self.password_changed_at),
        ];
        fields.into_iter().filter_map(|(field, value)| Some([field.to_owned(), value?])).collect()
    }
}
