//! `brokerd key remove`: a key that no connector uses is forgotten.

use broker_core::name::AccessKeyName;
use clap::Args;

use super::details::key_name;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Forget a key that no connector uses. AWS still knows it: delete it there as well
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// What connectors call it
    #[arg(value_parser = key_name)]
    name: AccessKeyName,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        terminal::agrees_if_attended(&format!("Forget access key `{}`?", self.name), self.yes)?;
        opened.administration.remove_access_key(&self.name, &operator::may()).await?;
        say(&format!("access key `{}` is forgotten here; AWS still knows it until you delete it there", self.name));
        Ok(())
    }
}
