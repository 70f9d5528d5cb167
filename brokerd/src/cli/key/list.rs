//! `brokerd key list`: which keys there are, whose, and what AWS last said of them.

use std::collections::BTreeMap;

use broker_core::access_key::AccessKey;
use broker_core::connector::ManagedBy;
use broker_core::name::AccessKeyName;
use clap::Args;
use serde::Serialize;

use crate::cli::listed;
use crate::cli::output::{self, time};
use crate::cli::site::Opened;

/// Show which keys there are
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A key as it is shown: everything but its secret.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    access_key_id: &'a str,
    region: &'a str,
    endpoint_url: Option<&'a str>,
    account_id: Option<&'a str>,
    arn: Option<&'a str>,
    /// Whose key it has to be, where AWS has not said that it is.
    expected_arn: Option<&'a str>,
    managed_by: ManagedBy,
    generation: i64,
    refused_at: Option<String>,
    refused_code: Option<&'a str>,
    connectors: usize,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let store = &opened.house.store;
        let (keys, connectors) = (store.all_access_keys().await?, store.connectors().await?);
        let mut uses: BTreeMap<&AccessKeyName, usize> = BTreeMap::new();
        for connector in &connectors {
            *uses.entry(connector.spec.access_key()).or_default() += 1;
        }
        let borrowers = |key: &AccessKey| uses.get(&key.name).copied().unwrap_or_default();
        let good = keys.good.iter().map(|key| Shown::of(key, borrowers(key))).collect();
        let heads = ["NAME", "ACCESS KEY ID", "REGION", "FROM", "CONNECTORS", "OWNER", "STATE"];
        listed::show(self.json, good, &keys.damaged, heads, Shown::row)
    }
}

impl<'a> Shown<'a> {
    fn of(key: &'a AccessKey, connectors: usize) -> Self {
        let owner = key.details.owner.as_ref();
        let refused = key.health.refused.as_ref();
        Self {
            name: key.name.as_str(),
            access_key_id: key.details.source.as_str(),
            region: key.details.region.as_str(),
            endpoint_url: key.details.endpoint_url.as_ref().map(url::Url::as_str),
            account_id: owner.map(|owner| owner.account.as_str()),
            arn: owner.map(|owner| owner.arn.as_str()),
            expected_arn: key.details.expected_owner.as_ref().map(|owner| owner.arn.as_str()),
            managed_by: key.managed_by,
            generation: key.generation,
            refused_at: refused.map(|(at, _)| time(*at)),
            refused_code: refused.map(|(_, code)| code.as_str()),
            connectors,
        }
    }

    fn row(self) -> [String; 7] {
        let refused = self.refused_code.zip(self.refused_at.as_deref());
        let state = match (self.expected_arn, refused, self.arn) {
            (Some(expected), _, Some(_)) => format!("not used: it took the place of a key of {expected}"),
            (_, Some((code, at)), _) => format!("refused by AWS since {at}: {code}"),
            (Some(expected), None, None) => format!("not used until AWS says that it is of {expected}"),
            (None, None, Some(_)) => "good".to_owned(),
            (None, None, None) => "AWS has not been asked".to_owned(),
        };
        [
            self.name.to_owned(),
            self.access_key_id.to_owned(),
            self.region.to_owned(),
            output::managed_by(self.managed_by).to_owned(),
            self.connectors.to_string(),
            self.arn.unwrap_or("not known yet").to_owned(),
            state,
        ]
    }
}
