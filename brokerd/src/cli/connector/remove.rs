//! `brokerd connector remove`: a connector that no file describes goes, and so does a damaged row.

use anyhow::Context;
use broker_core::administration::{ConnectorChangeError, SeenConnector};
use broker_core::store::Table;
use clap::Args;

use crate::cli::failure::say;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

/// Take a connector away that the API manages, or one whose row is damaged. One of the connectors file goes from there
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// The connector's name or id, as `brokerd connector list` shows them
    #[arg(value_name = "NAME|ID")]
    connector: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Remove {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        if let Some(row) = damaged::find(opened, Table::Connectors, &self.connector).await? {
            return damaged::remove(opened, &row, self.yes).await;
        }
        let connectors = opened.house.store.connectors().await?;
        let found = connectors.into_iter().find(|connector| damaged::means_connector(&self.connector, connector));
        let found = found.with_context(|| {
            let shown = self.connector.escape_debug();
            format!("no connector has the name or the id `{shown}`: `brokerd connector list` shows which there are")
        })?;
        let name = &found.name;
        terminal::agrees_if_attended(&format!("Take away connector `{name}`?"), self.yes)?;
        let seen = SeenConnector { id: found.id, revision: found.revision };
        let removed = opened.administration.remove_connector(name, Some(seen), &operator::may()).await;
        let removed = removed.map_err(|error| match error {
            // It may be gone.
            ConnectorChangeError::Stale(_) => error.into(),
            error => anyhow::Error::new(error).context(format!("connector `{name}` is NOT removed, and still lends")),
        })?;
        say(&format!("connector `{name}` is gone; nothing is vended from it within a second"));
        operator::recorded("the connector is gone", removed.recorded)
    }
}
