//! `brokerd user add`: somebody who can sign in within a second.

use broker_core::administration::{NewLocalUser, UserForm};
use broker_core::local_user::{DisplayName, Email, UserName};
use clap::Args;

use super::list;
use super::named::{display_name, email};
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, output, terminal};

/// Add a user; asks for the password, or takes it from standard input
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The name to sign in by
    #[arg(value_parser = user_name)]
    name: UserName,
    /// A group of the directory that the user is to be in; may be repeated
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// What people call them
    #[arg(long, value_name = "TEXT", value_parser = display_name)]
    display_name: Option<DisplayName>,
    #[arg(long, value_name = "ADDRESS", value_parser = email, help = "Their mail address; it may name sessions and tags at AWS")]
    email: Option<Email>,
    /// For the day when other directories are down: asked for before those, slower to guess at, and an alarm whenever it is used
    #[arg(long)]
    break_glass: bool,
    /// The local directory [default: the only one]
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
    /// Take the password from standard input, one line, though that be a terminal
    #[arg(long)]
    password_stdin: bool,
    /// The user as JSON
    #[arg(long)]
    json: bool,
}

impl Add {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let form = UserForm {
            display_name: self.display_name,
            email: self.email,
            groups: self.group,
            disabled: false,
            break_glass: self.break_glass,
        };
        let password = terminal::new_password(&format!("Password of {}: ", self.name), self.password_stdin)?;
        let new = NewLocalUser { name: self.name, directory: self.directory, password, form };
        let user = opened.users()?.add_user(new, &operator::may()).await?;
        if self.json {
            return output::json(&list::Shown::of(&user));
        }
        say(&format!("user `{}` is added ({})", user.person.username, user.person.subject.id));
        Ok(())
    }
}

fn user_name(text: &str) -> Result<UserName, String> {
    UserName::try_from(text.to_owned()).map_err(|error| error.to_string())
}
