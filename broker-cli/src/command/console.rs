//! `broker console`: AWS's console, in the browser.

use broker_api::ConsoleUrlRequest;
use clap::Args;
use clap_complete::ArgValueCompleter;
use serde_json::json;

use crate::api::Broker;
use crate::ask;
use crate::browser::Browser;
use crate::completing::connectors;
use crate::failure::Failure;
use crate::lending::{CODE, Code};
use crate::name::ConnectorName;
use crate::out;
use crate::picker::named_or_chosen;
use crate::renewal;
use crate::site::Site;
use crate::used;

/// Open AWS's console in the browser
///
/// The browser is led by way of the broker's own page, where it may have to sign in: a link that is a secret would stand in the list of
/// this machine's programs, for everybody to read. With --print such a link is printed instead.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Console {
    /// The connector; without it you choose one of yours, on a terminal
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: Option<ConnectorName>,
    /// A page of AWS's console
    #[arg(long, value_name = "URL")]
    destination: Option<String>,
    /// The browser.
    #[arg(long, value_enum, conflicts_with = "print", help = BROWSER_HELP)]
    browser: Option<Browser>,
    /// Print a link that is signed in already; it is good for minutes, for whoever has it
    #[arg(long)]
    print: bool,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT", requires = "print")]
    reason: Option<String>,
    /// With the code that the connector's MFA device shows now: asked for, or piped in. The browser's page asks for it by itself
    #[arg(long, requires = "print")]
    mfa_code: bool,
}

impl Console {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let connector = named_or_chosen(self.connector.clone(), site, json, |one| one.console).await?;
        if self.print {
            return self.show(connector, site, json).await;
        }
        let mut url = site.server.at(&["console", connector.as_str()]);
        if let Some(destination) = &self.destination {
            url.query_pairs_mut().append_pair("destination", destination);
        }
        if json {
            out::json(&json!({ "opens": url }))?;
        }
        self.browser.unwrap_or(site.console_browser).open(
            &site.folders,
            &format!("{connector}@{}", site.server.plain_name()),
            &url,
        )?;
        if !json {
            // Where no browser shows, there is nothing else to be seen.
            out::say(&format!("Opening {url}"));
        }
        used::count(site, &connector);
        Ok(())
    }

    async fn show(self, connector: ConnectorName, site: &Site, json: bool) -> Result<(), Failure> {
        let code = if self.mfa_code { Code::First { json } } else { Code::of_people(json) };
        let mut request = ConsoleUrlRequest {
            destination: self.destination,
            session_duration_seconds: None,
            reason: self.reason,
            mfa_code: code.first()?,
        };
        let (holder, broker) = (renewal::holder(site).await?, Broker::of(site)?);
        let (url, expires_at) = match broker.console_url(&holder, &connector, &request).await {
            Err(failure) if code.is_wanted_by(&failure) => {
                out::say(failure.said());
                request.mfa_code = Some(ask::secret(&CODE, false)?);
                broker.console_url(&holder, &connector, &request).await?
            }
            told => told?,
        };
        used::count(site, &connector);
        if json { out::json(&json!({ "url": url, "expires_at": expires_at })) } else { out::line(url.expose()) }
    }
}

const BROWSER_HELP: &str = "The browser; but for the system's own, each connector has cookies of its own there, so that two accounts are open side by side [default: $BROKER_CONSOLE_BROWSER, then `console_browser` of the configuration]";
const EXAMPLES: &str = r"Examples:
  broker console deploy
  broker console deploy --browser firefox       in a container of its own
  broker console deploy --destination https://eu-central-1.console.aws.amazon.com/ecs
  broker console deploy --print                 a link that is signed in: a secret";
