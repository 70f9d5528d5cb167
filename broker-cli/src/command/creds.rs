//! `broker creds`: credentials in the form that a shell, a program or a file takes.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;
use zeroize::Zeroizing;

use super::wanting::Wanting;
use crate::completing::connectors;
use crate::failure::Failure;
use crate::lending::Code;
use crate::lent::Lent;
use crate::name::ConnectorName;
use crate::out;
use crate::picker::named_or_chosen;
use crate::shell::{dotenv, fish, posix, powershell};
use crate::site::Site;
use crate::used;

/// Credentials, for a shell, a program or a file
///
/// In two steps, so that a refusal ends a script: `credentials=$(broker creds deploy) && eval "$credentials"`
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Creds {
    /// The connector; without it you choose one of yours, on a terminal
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: Option<ConnectorName>,
    #[command(flatten)]
    wanting: Wanting,
    #[arg(long, value_enum, default_value_t = Format::Env)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Exports for sh, bash and zsh
    Env,
    /// The broker's own JSON, as with --json
    Json,
    /// As an AWS `credential_process` prints them
    Process,
    /// NAME=value lines for a `.env` file
    Dotenv,
    /// For PowerShell: `broker creds deploy --format powershell | Out-String | Invoke-Expression`
    Powershell,
    /// For fish: `broker creds deploy --format fish | source`
    Fish,
}

impl Creds {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let connector = named_or_chosen(self.connector, site, json, |_| true).await?;
        let wanted = self.wanting.of(connector, [Code::of_people(json), Code::First { json }])?;
        let lent = wanted.lend(site).await?;
        used::count(site, &wanted.connector);
        let format = if json { Format::Json } else { self.format };
        let lines = |write: fn(&str, &str) -> String| {
            lent.variables().map(|(name, value)| write(name, &Zeroizing::new(value))).concat()
        };
        match format {
            Format::Json => out::json(&lent.in_full()),
            Format::Process => for_process(&lent),
            Format::Env => text(lines(|name, value| format!("export {name}={}\n", posix(value)))),
            Format::Powershell => text(lines(|name, value| format!("$env:{name} = {}\n", powershell(value)))),
            Format::Fish => text(lines(|name, value| format!("set -gx {name} {}\n", fish(value)))),
            Format::Dotenv => text(plain(&lent)?),
        }
    }
}

/// One line of JSON.
pub(super) fn for_process(lent: &Lent) -> Result<(), Failure> {
    let told = Zeroizing::new(serde_json::to_string(&lent.for_process()).map_err(std::io::Error::from)?);
    out::line(&told)
}

fn plain(lent: &Lent) -> Result<String, Failure> {
    let lines = lent.variables().map(|(name, value)| Some(format!("{name}={}\n", dotenv(&value)?)));
    lines.into_iter().collect::<Option<String>>().ok_or_else(|| {
        Failure::usage(
            "these credentials hold characters that not every reader of .env files takes",
            "take another --format",
        )
    })
}

fn text(text: String) -> Result<(), Failure> {
    out::raw(Zeroizing::new(text).as_bytes())
}

const EXAMPLES: &str = r#"Examples:
  credentials=$(broker creds deploy) && eval "$credentials"
  credentials=$(broker creds) && eval "$credentials"      choose from a list
  broker creds deploy --format dotenv > .env
  broker creds deploy --format fish | source"#;
