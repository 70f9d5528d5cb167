//! `broker process`: what AWS's CLI and SDKs run as `credential_process`.

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::creds::for_process;
use super::wanting::Wanting;
use crate::completing::connectors;
use crate::failure::Failure;
use crate::lending::Code;
use crate::name::ConnectorName;
use crate::site::Site;

/// Credentials as an AWS `credential_process` prints them
///
/// In ~/.aws/config: `credential_process = broker process CONNECTOR`. What was lent is kept, sealed, and given again while more than 15
/// minutes of its life are left, since AWS's clients keep nothing. What came of an MFA code is given until a minute before its end.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Process {
    /// The connector; `broker ls` lists yours
    #[arg(add = ArgValueCompleter::new(connectors))]
    connector: ConnectorName,
    #[command(flatten)]
    wanting: Wanting,
}

impl Process {
    pub(super) async fn run(self, site: &Site) -> Result<(), Failure> {
        for_process(&self.wanting.of(self.connector, [Code::Never, Code::Typed])?.lend(site).await?)
    }
}

const EXAMPLES: &str = r"Examples:
  broker process deploy
  credential_process = broker process deploy              in ~/.aws/config; `broker setup` writes it";
