//! `brokerd key remove`: a key that no connector uses is forgotten.

use broker_core::administration::AccessKeyError;
use broker_core::store::Table;
use clap::Args;

use super::details::key_name;
use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

/// Forget a key that no connector uses. AWS still knows it: delete it there as well
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// What connectors call it; of a row that is out of service, the name or the id that `brokerd key list` shows
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        if let Some(row) = damaged::find(opened, Table::AccessKeys, &self.name).await? {
            return damaged::remove(opened, &row, self.yes).await;
        }
        let name = key_name(&self.name).map_err(anyhow::Error::msg)?;
        terminal::agrees_if_attended(&format!("Forget access key `{name}`?"), self.yes)?;
        let removed = opened.administration.remove_access_key(&name, None, &operator::may()).await;
        let removed = removed.map_err(|error| match error {
            // It may be gone.
            AccessKeyError::Stale(_) => error.into(),
            error => anyhow::Error::new(error).context(format!("access key `{name}` is NOT removed")),
        })?;
        say(&format!("access key `{name}` is forgotten here; AWS still knows it until you delete it there"));
        operator::recorded("the access key is forgotten", removed.recorded)
    }
}
