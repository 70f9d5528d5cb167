//! `broker whoami`: who one is here, or in AWS.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::api::{ActsAs, Broker};
use crate::completing::connectors;
use crate::failure::Failure;
use crate::identity::Known;
use crate::name::ConnectorName;
use crate::out;
use crate::renewal;
use crate::site::Site;

/// Who one is here, or, of a connector, in AWS
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Whoami {
    /// Ask AWS whom this connector's credentials act as
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: Option<ConnectorName>,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT", requires = "connector")]
    reason: Option<String>,
}

impl Whoami {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let (holder, broker) = (renewal::holder(site).await?, Broker::of(site)?);
        if let Some(connector) = self.connector {
            let ActsAs { account, arn, user_id } =
                broker.caller_identity(&holder, &connector, self.reason.as_deref()).await?;
            if json {
                return out::json(&json!({ "account": account, "arn": arn, "user_id": user_id }));
            }
            return out::line(&arn.to_string());
        }
        let (identity, expires_at) = broker.session(&holder).await?;
        let known = Known { server: site.server.origin(), identity, expires_at, renews: holder.renews() };
        if json {
            return out::json(&known);
        }
        let Known { identity, .. } = &known;
        out::line(&format!("{} at {}, {}", identity.shown(), site.server, known.until()))?;
        if !identity.groups.is_empty() {
            let groups: Vec<_> = identity.groups.iter().map(ToString::to_string).collect();
            out::line(&format!("groups: {}", groups.join(", ")))?;
        }
        Ok(())
    }
}

const EXAMPLES: &str = r"Examples:
  broker whoami
  broker whoami deploy                whom the credentials act as, by AWS's own word";
