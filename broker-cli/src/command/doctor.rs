//! `broker doctor`: looks for what keeps this machine from working with the broker.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::doctor::{State, examine};
use crate::failure::{Failure, Next};
use crate::out;
use crate::site::Site;

/// Look for what keeps this machine from working with the broker
///
/// The way to it, clocks, the session, the AWS CLI, whether AWS's own clients know the broker's certificate authority, and where the variables
/// and ~/.aws/config really lead them. Ends with 1 if something is bad.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<ExitCode, Failure> {
        let Self {} = self;
        let found = examine(site).await;
        let is_bad = found.iter().any(|finding| finding.state == State::Bad);
        if json {
            out::json(&json!({ "checks": found }))?;
        } else {
            for finding in &found {
                let state = match finding.state {
                    State::Good => "good",
                    State::Note => "note",
                    State::Bad => "BAD ",
                };
                out::line(&format!("{state}  {}: {}", finding.check, finding.said))?;
                if !finding.advice.is_empty() {
                    out::line(&format!("      {}", finding.advice))?;
                }
            }
        }
        Ok(if is_bad { Next::Mend.into() } else { ExitCode::SUCCESS })
    }
}

const EXAMPLES: &str = r#"Examples:
  broker doctor
  broker doctor --json | jq '.checks[] | select(.state == "bad")'"#;
