//! `broker ecr-login`: docker's passwords for AWS's container registry, by docker's own protocol for credential helpers or on standard output.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::api::Broker;
use crate::completing::connectors;
use crate::ecr::{self, Password, Place, Registry};
use crate::failure::{Failure, Next};
use crate::lending::{Code, Wanted};
use crate::name::ConnectorName;
use crate::out;
use crate::picker::named_or_chosen;
use crate::renewal;
use crate::site::{Site, variable};
use crate::used;

/// Passwords for AWS's container registry
///
/// Docker fetches them by itself: link `docker-credential-broker` in your PATH to this program, and name the registry in
/// ~/.docker/config.json: `"credHelpers": { "111111111111.dkr.ecr.eu-central-1.amazonaws.com": "broker" }`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct EcrLogin {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a password, for `docker login --username AWS --password-stdin REGISTRY`
    Password(ByHand),
    /// For docker: name and password of the registry that standard input names
    Get,
    /// For docker: refused, since nothing is kept
    Store,
    /// For docker: nothing is kept that could be deleted
    Erase,
    /// For docker: the registries of the configuration
    List,
}

#[derive(Debug, Args)]
struct ByHand {
    /// The connector; without it you choose one of yours, on a terminal
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: Option<ConnectorName>,
    /// The registry's region.
    #[arg(long, value_name = "REGION", help = REGION_HELP)]
    region: Option<String>,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// With the code that the connector's MFA device shows now: asked for, or piped in
    #[arg(long)]
    mfa_code: bool,
}

impl EcrLogin {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<ExitCode, Failure> {
        match self.what {
            What::Password(by_hand) => by_hand.print(site, json).await?,
            What::Get => return for_docker(get(site).await),
            What::Store => {
                let said = "nothing is kept here: docker gets a new password of the broker each time";
                return for_docker(Err(Failure::usage(said, "take `docker login` out of your script")));
            }
            What::Erase => {
                // Docker does so after each refusal, and waits for its words to be read.
                asked_for()?;
            }
            What::List => {
                let registries: BTreeMap<String, &str> =
                    site.ecr.keys().map(|host| (format!("https://{host}"), USER)).collect();
                out::json(&registries)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl ByHand {
    async fn print(self, site: &Site, json: bool) -> Result<(), Failure> {
        let region = self.region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let place = region.as_deref().and_then(Place::of_region);
        let place = place.ok_or_else(|| Failure::usage("no region is named", "give --region, as in eu-central-1"))?;
        let connector = named_or_chosen(self.connector, site, json, |_| true).await?;
        let code = if self.mfa_code { Code::First { json } } else { Code::of_people(json) };
        let wanted = Wanted { reason: self.reason, code, ..Wanted::plain(connector, false) };
        let lent = wanted.lend(site).await?;
        used::count(site, &wanted.connector);
        let Password { password, expires_at } = ecr::password(&place, &lent).await?;
        if json {
            return out::json(&json!({ "username": USER, "password": password, "expires_at": expires_at }));
        }
        if let Some(end) = expires_at {
            out::say(&format!("This password lives until {end:.0}, whatever becomes of the credentials."));
        }
        out::line(password.expose())
    }
}

/// Docker's own protocol: the registry comes on standard input, JSON goes out.
async fn get(site: &Site) -> Result<(), Failure> {
    let asked = asked_for()?;
    let registry: Registry = asked.trim().parse().map_err(|()| {
        // In these words docker understands that it may go on without a password.
        Failure::new(Next::AskFor, "credentials not found in native keychain", "")
    })?;
    let connector = connector(site, &registry).await?;
    let lent = Wanted::plain(connector, false).lend(site).await?;
    let Password { password, expires_at: _ } = ecr::password(registry.place(), &lent).await?;
    out::json(&json!({ "ServerURL": asked.trim(), "Username": USER, "Secret": password }))
}

/// The one that the configuration names for the registry, or the only one in its account.
async fn connector(site: &Site, registry: &Registry) -> Result<ConnectorName, Failure> {
    if let Some(named) = site.ecr.get(&registry.host) {
        return Ok(named.clone());
    }
    let listed = Broker::of(site)?.connectors(&renewal::holder(site).await?).await?;
    let mut fitting = listed.into_iter().filter(|one| one.account_id.as_ref() == Some(&registry.account));
    let (first, others) = (fitting.next(), fitting.count());
    let named = format!("name one in the configuration, as in `[ecr]` and `\"{}\" = \"CONNECTOR\"`", registry.host);
    match first {
        Some(one) if others == 0 => Ok(one.name),
        Some(_) => {
            let said = format!("{} of your connectors are in account {}", others + 1, registry.account.as_str());
            Err(Failure::usage(said, named))
        }
        None => {
            let said = format!("none of your connectors is known to be in account {}", registry.account.as_str());
            Err(Failure::new(Next::AskFor, said, named))
        }
    }
}

/// What docker writes, which is the address of a registry.
fn asked_for() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("standard input cannot be read: {error}"), "docker runs this"))?;
    Ok(text)
}

/// Docker shows its user what stands on standard output.
fn for_docker(outcome: Result<(), Failure>) -> Result<ExitCode, Failure> {
    let Err(failure) = outcome else { return Ok(ExitCode::SUCCESS) };
    if failure.next == Next::Nothing {
        return Err(failure);
    }
    out::line(&failure.to_string())?;
    Ok(failure.next.into())
}

/// Who one is there, always.
const USER: &str = "AWS";
const LONGEST: u64 = 4_096;

const REGION_HELP: &str = "The registry's region [default: $AWS_REGION, then $AWS_DEFAULT_REGION]";
const EXAMPLES: &str = r"Examples:
  broker ecr-login password deploy --region eu-central-1 |
    docker login --username AWS --password-stdin 111111111111.dkr.ecr.eu-central-1.amazonaws.com";
