//! `brokerd user show`: what is known of one user.

use clap::Args;

use super::{list, named};
use crate::cli::output;
use crate::cli::site::Opened;

/// Show one user
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The user's name or id, as `brokerd user list` shows them
    #[arg(value_name = "NAME|ID")]
    user: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let shown = list::Shown::of(&named::listed(opened, &self.user).await?);
        if self.json {
            return output::json(&shown);
        }
        Ok(output::table(["FIELD", "VALUE"], &shown.lines())?)
    }
}
