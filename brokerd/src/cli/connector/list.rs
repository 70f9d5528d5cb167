//! `brokerd connector list`: which connectors there are, by which key, for whom, and which are out of service.

use std::collections::BTreeSet;

use broker_core::connector::{Audience, Connector, ManagedBy, Scope};
use broker_core::name::AccessKeyName;
use clap::Args;
use serde::Serialize;

use crate::cli::listed;
use crate::cli::output;
use crate::cli::site::Opened;

/// Show which connectors there are, and which are out of service
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A connector as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    id: String,
    principal: &'static str,
    access_key: &'a str,
    managed_by: ManagedBy,
    revision: i64,
    scope: Scope,
    /// Empty: administrators only, or no person at all.
    groups: Vec<String>,
    /// Whether its access key is in service. Without it, nothing is vended.
    access_key_in_service: bool,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let store = &opened.house.store;
        let (connectors, keys) = (store.all_connectors().await?, store.access_keys().await?);
        let keys: BTreeSet<&AccessKeyName> = keys.iter().map(|key| &key.name).collect();
        let good = connectors.good.iter().map(|connector| Shown::of(connector, &keys)).collect();
        let heads = ["NAME", "PRINCIPAL", "ACCESS KEY", "FROM", "FOR", "STATE"];
        listed::show(self.json, good, &connectors.damaged, heads, Shown::row)
    }
}

impl<'a> Shown<'a> {
    fn of(connector: &'a Connector, keys: &BTreeSet<&AccessKeyName>) -> Self {
        let spec = &connector.spec;
        let groups = match spec.audience() {
            Audience::People(groups) => groups.iter().map(ToString::to_string).collect(),
            Audience::System => Vec::new(),
        };
        Self {
            name: connector.name.as_str(),
            id: connector.id.to_string(),
            principal: spec.principal().kind().as_str(),
            access_key: spec.access_key().as_str(),
            managed_by: connector.managed_by,
            revision: connector.revision,
            scope: spec.scope(),
            groups,
            access_key_in_service: keys.contains(spec.access_key()),
        }
    }

    fn row(self) -> [String; 6] {
        let audience = match (self.scope, self.groups.is_empty()) {
            (Scope::System, _) => "service tokens".to_owned(),
            (Scope::User, true) => "administrators only".to_owned(),
            (Scope::User, false) => self.groups.join(","),
        };
        let state = if self.access_key_in_service {
            "good".to_owned()
        } else {
            format!("OUT OF SERVICE: access key `{}` is, as `brokerd key list` shows", self.access_key)
        };
        [
            self.name.to_owned(),
            self.principal.to_owned(),
            self.access_key.to_owned(),
            output::managed_by(self.managed_by).to_owned(),
            audience,
            state,
        ]
    }
}
