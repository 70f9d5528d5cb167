//! `brokerd token create`: the one moment in which a token can be seen.

use std::net::IpAddr;

use anyhow::anyhow;
use broker_core::administration::{DEFAULT_DAYS, MAX_DAYS, NewServiceToken};
use broker_core::clock::after;
use broker_core::name::{ConnectorName, ServiceTokenName};
use clap::Args;
use ipnet::IpNet;
use secrecy::ExposeSecret;

use crate::cli::failure::say;
use crate::cli::operator;
use crate::cli::output::{self, time};
use crate::cli::site::Opened;

/// Make a token and print it, once, to standard output
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// What the token is called in lists and in the audit trail
    #[arg(value_parser = token_name)]
    name: ServiceTokenName,
    /// A connector with `scope = "system"` that it is good for; may be repeated
    #[arg(long, value_name = "NAME", required = true, value_parser = connector_name)]
    connector: Vec<ConnectorName>,
    /// When it ends
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DAYS)))]
    expires_in_days: u32,
    /// A network that it may be used from, such as 203.0.113.0/24; may be repeated [default: anywhere]
    #[arg(long, value_name = "CIDR", value_parser = network)]
    network: Vec<IpNet>,
}

impl Create {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let expires_at = after(opened.house.clock.now(), self.expires_in_days * SECONDS_A_DAY);
        let new = NewServiceToken {
            name: self.name,
            connectors: self.connector.into_iter().collect(),
            expires_at: Some(expires_at),
            networks: self.network,
        };
        let (text, token) = opened.administration.create_service_token(new, &operator::may()).await?;
        // Not by way of the closed pipe's quiet end: a token that nobody has seen must not seem to be in good hands.
        output::line(text.expose_secret()).map_err(|error| {
            anyhow!(
                "the token could not be written ({error}), and cannot be shown again: `brokerd token revoke {}`",
                token.name
            )
        })?;
        say(&format!("service token `{}` ends at {}; it is not shown again", token.name, time(token.expires_at)));
        Ok(())
    }
}

fn token_name(text: &str) -> Result<ServiceTokenName, String> {
    ServiceTokenName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn connector_name(text: &str) -> Result<ConnectorName, String> {
    ConnectorName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)));
    network
        .map(|network| network.trunc())
        .map_err(|_| "write a network such as 203.0.113.0/24, or one address".to_owned())
}

const SECONDS_A_DAY: u32 = 86_400;
