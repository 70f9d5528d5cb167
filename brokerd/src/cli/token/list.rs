//! `brokerd token list`: which tokens there are, for what, and when they were last used.

use std::collections::HashMap;

use broker_core::connector::Connector;
use broker_core::id::ConnectorId;
use broker_core::session::ServiceToken;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::listed;
use crate::cli::output::{self, time};
use crate::cli::site::Opened;

/// Show which tokens there are; the tokens themselves are kept nowhere
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A token as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    name: String,
    /// By name; one that is gone has none, and its id stands here.
    connectors: Vec<String>,
    /// None of them is there any more: the token is good for nothing.
    connectors_gone: bool,
    networks: Vec<String>,
    created_at: String,
    created_by: String,
    created_by_id: Option<String>,
    expires_at: String,
    expired: bool,
    /// Since a backup was restored: good for nothing until then.
    awaits_confirmation: bool,
    last_used_at: Option<String>,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let tokens = opened.house.store.all_service_tokens().await?;
        let good = shown(opened, &tokens.good).await?;
        listed::show(self.json, good, &tokens.damaged, HEADS, Shown::row)
    }
}

/// Tokens as people read them.
pub(super) async fn table(opened: &Opened, tokens: &[ServiceToken]) -> anyhow::Result<()> {
    let rows: Vec<_> = shown(opened, tokens).await?.into_iter().map(Shown::row).collect();
    Ok(output::table(HEADS, &rows)?)
}

async fn shown(opened: &Opened, tokens: &[ServiceToken]) -> anyhow::Result<Vec<Shown>> {
    let connectors = opened.house.store.connectors().await?;
    let names: HashMap<ConnectorId, &Connector> = connectors.iter().map(|it| (it.id, it)).collect();
    let now = opened.house.clock.now();
    Ok(tokens.iter().map(|token| Shown::of(token, &names, now)).collect())
}

impl Shown {
    fn of(token: &ServiceToken, names: &HashMap<ConnectorId, &Connector>, now: Timestamp) -> Self {
        let name = |id: &ConnectorId| names.get(id).map_or_else(|| format!("(gone: {id})"), |it| it.name.to_string());
        Self {
            id: token.id.to_string(),
            name: token.name.to_string(),
            connectors: token.terms.connectors.iter().map(name).collect(),
            connectors_gone: token.terms.connectors.iter().all(|id| !names.contains_key(id)),
            networks: token.terms.networks.iter().map(ToString::to_string).collect(),
            created_at: time(token.created_at),
            created_by: token.terms.created_by.clone(),
            created_by_id: token.terms.created_by_id.clone(),
            expires_at: time(token.expires_at),
            expired: token.expires_at <= now,
            awaits_confirmation: token.awaits_confirmation,
            last_used_at: token.last_used_at.map(time),
        }
    }

    fn row(self) -> [String; 8] {
        let networks = if self.networks.is_empty() { "anywhere".to_owned() } else { self.networks.join(",") };
        let state = match (self.expired, self.connectors_gone, self.awaits_confirmation) {
            (true, _, _) => "over",
            (false, true, _) => "of no use",
            (false, false, true) => "to confirm",
            (false, false, false) => "good",
        };
        let last_used = self.last_used_at.unwrap_or_else(|| "never".to_owned());
        [
            self.name,
            self.connectors.join(","),
            networks,
            state.to_owned(),
            self.expires_at,
            last_used,
            self.created_by,
            self.id,
        ]
    }
}

const HEADS: [&str; 8] = ["NAME", "CONNECTORS", "NETWORKS", "STATE", "ENDS", "LAST USED", "MADE BY", "ID"];
