//! `brokerd user passwd`: another password, from this moment on.

use clap::Args;

use super::named;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Give a user another password, and end all their sessions
#[derive(Debug, Args)]
pub(in crate::cli) struct Passwd {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
    /// Take the password from standard input, one line, though that be a terminal
    #[arg(long)]
    password_stdin: bool,
}

impl Passwd {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let user = named::stored(opened, &self.user).await?;
        let password = terminal::new_password(&format!("New password of {}: ", user.name), self.password_stdin)?;
        opened.users()?.set_password(user.id, password, &operator::may()).await?;
        say(&format!("user `{}` has another password, and no session any more", user.name));
        Ok(())
    }
}
