//! `brokerd user change`: what is known of a user, a part of it at a time.

use broker_core::administration::{SeenUser, UserForm};
use broker_core::local_user::{DisplayName, Email};
use clap::{ArgGroup, Args};

use super::list;
use super::named::{self, display_name, email};
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, output};

/// Change what is known of a user. What is not named stays; groups are changed by `brokerd group members`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub(in crate::cli) struct Change {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
    #[command(flatten)]
    name: Name,
    #[command(flatten)]
    mail: Mail,
    #[command(flatten)]
    emergencies: Emergencies,
    /// The user as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Name {
    /// What people call them
    #[arg(long, value_name = "TEXT", value_parser = display_name, group = "what")]
    display_name: Option<DisplayName>,
    /// Call them by the name that they sign in by
    #[arg(long, group = "what", conflicts_with = "display_name")]
    no_display_name: bool,
}

#[derive(Debug, Args)]
struct Mail {
    #[arg(long, value_name = "ADDRESS", value_parser = email, group = "what", help = "Their mail address; it may name sessions and tags at AWS")]
    email: Option<Email>,
    /// Forget their mail address
    #[arg(long, group = "what", conflicts_with = "email")]
    no_email: bool,
}

#[derive(Debug, Args)]
struct Emergencies {
    /// Make the account one for the day when other directories are down
    #[arg(long, group = "what")]
    break_glass: bool,
    /// Make it an ordinary one again
    #[arg(long, group = "what", conflicts_with = "break_glass")]
    no_break_glass: bool,
}

impl Change {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let user = named::stored(opened, &self.user).await?;
        let users = opened.users()?;
        let before = users.form_of(&user).await?;
        let form = UserForm {
            display_name: self.name.display_name.or(before.display_name).filter(|_| !self.name.no_display_name),
            email: self.mail.email.or(before.email).filter(|_| !self.mail.no_email),
            break_glass: (before.break_glass || self.emergencies.break_glass) && !self.emergencies.no_break_glass,
            groups: before.groups,
            disabled: before.disabled,
        };
        let (user, recorded) = users.change_user(user.id, form, Some(SeenUser::of(&user)), &operator::may()).await?;
        if self.json {
            output::json(&list::Shown::of(&user))?;
        } else {
            say(&format!("user `{}` is changed", user.person.username));
        }
        operator::recorded("the user is changed", recorded)
    }
}
