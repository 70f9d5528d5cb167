//! `broker serve`: an agent for all connectors, for programs that were started by somebody else.

use std::path::Path;
use std::str::FromStr;

use clap::Args;
use clap_complete::ArgValueCompleter;
use serde::Serialize;
use serde_json::json;

use crate::agent::{Lender, Listening, Offer, serve};
use crate::completing::connectors;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::name::{ConnectorName, NotAName};
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
    /// Play a machine of EC2's as well, with this connector's credentials, at a port of its own. These need no token: every program on this
    /// machine can have them. May be given several times; without a port, one of them is at --port
    #[arg(long, value_name = "CONNECTOR[=PORT]", add = ArgValueCompleter::new(connectors))]
    imds: Vec<Played>,
    /// Keep nothing on this machine's disk, and look for nothing there
    #[arg(long)]
    no_cache: bool,
}

/// `deploy=4711`
#[derive(Clone, Debug)]
struct Played {
    connector: ConnectorName,
    /// None: where everything else is served.
    port: Option<u16>,
}

impl FromStr for Played {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (connector, port) = match text.split_once('=') {
            Some((connector, port)) => {
                let port = port.parse().map_err(|_| "a port is a number up to 65535, as in deploy=4711".to_owned())?;
                (connector, Some(port))
            }
            None => (text, None),
        };
        let connector = connector.parse().map_err(|error: NotAName| error.to_string())?;
        Ok(Self { connector, port })
    }
}

/// Where which connector is played.
#[derive(Debug, Serialize)]
struct Machine {
    connector: ConnectorName,
    endpoint: String,
}

impl Serve {
    pub(super) async fn run(self, site: Site, json: bool) -> Result<(), Failure> {
        // Who is not signed in learns it here, not from a program that gets nothing.
        Holder::find(&site)?;
        let (mut main, mut others, mut machines) = (Listening::on(self.port).await?, Vec::new(), Vec::new());
        let mut is_free = true;
        for Played { connector, port } in self.imds {
            let machine =
                |at: &Listening| Machine { connector: connector.clone(), endpoint: format!("{}/", at.address()) };
            if let Some(port) = port {
                let own = Listening::on(Some(port)).await?;
                machines.push(machine(&own));
                others.push(own.playing(connector)?);
            } else if std::mem::take(&mut is_free) {
                machines.push(machine(&main));
                main = main.playing(connector)?;
            } else {
                let advice = format!("give it one of its own, as in --imds {connector}=4711");
                return Err(Failure::usage(format!("{connector} would be played at another's port"), advice));
            }
        }
        let token = site.folders.state()?.join(format!("serve-{}.token", main.port()));
        private::write(&token, main.token().as_bytes())?;
        tell(&main, &token, &machines, json)?;
        let lender = Lender::new(site, Offer::Any { no_cache: self.no_cache });
        others.push(main);
        tokio::select! {
            never = serve(others, lender) => match never {},
            () = told_to_end() => private::remove(&token),
        }
    }
}

fn tell(main: &Listening, token: &Path, machines: &[Machine], json: bool) -> Result<(), Failure> {
    let address = main.address();
    if json {
        return out::json(&json!({ "address": address, "token_file": token, "imds": machines }));
    }
    out::line(&format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}", token.display()))?;
    out::line(&format!("AWS_CONTAINER_CREDENTIALS_FULL_URI={address}/credentials/CONNECTOR"))?;
    for Machine { connector, endpoint } in machines {
        out::line(&format!("# {connector}, for every program on this machine:"))?;
        out::line(&format!("AWS_EC2_METADATA_SERVICE_ENDPOINT={endpoint}"))?;
    }
    Ok(())
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
  broker serve --port 4710 --imds deploy
  broker serve --port 4710 --imds deploy=4711 --imds reports=4712";
