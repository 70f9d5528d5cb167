//! `broker ls`: the connectors that one may use.

use broker_api::PrincipalType;
use clap::Args;
use serde_json::json;

use crate::api::Broker;
use crate::failure::{Failure, Next};
use crate::lent::AccountId;
use crate::listed::{Listed, matching};
use crate::out;
use crate::renewal;
use crate::site::Site;

/// The connectors that one may use
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Ls {
    /// Only those that these letters fit, in this order: `pdadm` finds `prod-admin`
    letters: Option<String>,
}

impl Ls {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let all = Broker::of(site)?.connectors(&renewal::holder(site).await?).await?;
        let any = !all.is_empty();
        let found = matching(all, self.letters.as_deref());
        if json {
            return out::json(&json!({ "connectors": found }));
        }
        if found.is_empty() {
            let (said, advice) = if any {
                ("no connector of yours fits", "`broker ls` lists all")
            } else {
                ("there is no connector that you may use", "ask the broker's administrators for one")
            };
            return Err(Failure::new(Next::AskFor, said, advice));
        }
        let heads = ["NAME", "ACCOUNT", "ACTS AS", "CONSOLE", "WANTS", "DESCRIPTION"];
        out::table(heads, &found.iter().map(row).collect::<Vec<_>>())
    }
}

fn row(one: &Listed) -> [String; 6] {
    let acts_as = match one.principal {
        PrincipalType::AssumeRole => "role",
        PrincipalType::FederatedUser => "federated user",
        PrincipalType::SessionToken => "user",
    };
    [
        one.name.to_string(),
        one.account_id.as_ref().map_or("-", AccountId::as_str).to_owned(),
        acts_as.to_owned(),
        if one.console { "yes" } else { "-" }.to_owned(),
        wants(one),
        one.description.to_string(),
    ]
}

/// What whoever asks must give or have shown, beside being granted it.
fn wants(one: &Listed) -> String {
    let wanted = [
        (one.require_reason, "reason"),
        (one.require_second_factor, "second factor"),
        (one.mfa_serial.is_some(), "MFA code"),
    ];
    let words: Vec<&str> = wanted.into_iter().filter_map(|(is_wanted, word)| is_wanted.then_some(word)).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

const EXAMPLES: &str = r"Examples:
  broker ls
  broker ls pdadm                     finds prod-admin
  broker ls --json | jq -r '.connectors[].name'";
