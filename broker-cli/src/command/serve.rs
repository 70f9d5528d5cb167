//! `broker serve`: an agent for all connectors, for programs that were started by somebody else.

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::agent::{Agent, Listening, Machine, Offer};
use crate::completing::connectors;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::name::ConnectorName;
use crate::site::Site;
use crate::{out, private};

/// Hand credentials to the programs on this machine, from a server on loopback
///
/// Prints what such a program needs to know, and serves until it is ended. Its token is in a file that only you can read.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Serve {
    /// The port of 127.0.0.1; a free one if none is named
    #[arg(long, value_name = "NUMBER")]
    port: Option<u16>,
    /// Play a machine of EC2's as well, with this connector's credentials. These need no token: every program on this machine can have them
    #[arg(long, value_name = "CONNECTOR", add = ArgValueCompleter::new(connectors))]
    imds: Option<ConnectorName>,
    /// Keep nothing on this machine's disk, and look for nothing there
    #[arg(long)]
    no_cache: bool,
}

impl Serve {
    pub(super) async fn run(self, site: Site, json: bool) -> Result<(), Failure> {
        // Who is not signed in learns it here, not from a program that gets nothing.
        Holder::find(&site)?;
        let listening = Listening::on(self.port).await?;
        let token = site.folders.state()?.join(format!("serve-{}.token", listening.port()));
        private::write(&token, listening.token().as_bytes())?;
        let address = format!("http://127.0.0.1:{}", listening.port());
        if json {
            out::json(&json!({ "address": address, "token_file": token, "imds": self.imds }))?;
        } else {
            out::line(&format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}", token.display()))?;
            out::line(&format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={address}/credentials/CONNECTOR"))?;
            if self.imds.is_some() {
                out::line(&format!("AWS_EC2_METADATA_SERVICE_ENDPOINT={address}/"))?;
            }
        }
        let machine = self.imds.map(Machine::playing).transpose()?;
        let agent = Agent::new(site, Offer::Any { no_cache: self.no_cache }, machine);
        tokio::select! {
            never = listening.serve(agent) => match never {},
            () = told_to_end() => private::remove(&token),
        }
    }
}

#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

#[cfg(not(unix))]
async fn told_to_end() {
    let _ = tokio::signal::ctrl_c().await;
}

const EXAMPLES: &str = r"Examples:
  broker serve --port 4710
  broker serve --port 4710 --imds deploy";
