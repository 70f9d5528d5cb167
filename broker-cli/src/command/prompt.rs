//! `broker prompt`: what a shell's prompt says of the credentials in it. Asks nobody, and is never an error.

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::clock;
use crate::failure::Failure;
use crate::name::ConnectorName;
use crate::out;
use crate::site::variable;

/// How long credentials in this shell still live, for a prompt
///
/// Prints as in `deploy 42m`, or nothing. In bash: PS1='$(broker prompt) \$ '
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Prompt {}

impl Prompt {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let Self {} = self;
        let connector = variable("BROKER_CONNECTOR").and_then(|name| name.parse::<ConnectorName>().ok());
        let end = variable("AWS_CREDENTIAL_EXPIRATION").and_then(|end| end.parse::<Timestamp>().ok());
        let left = end.map(|end| (end.as_second() - clock::now().as_second()).max(0));
        if json {
            return out::json(&json!({ "connector": connector, "seconds_left": left }));
        }
        let connector = connector.map(|name| name.to_string());
        let parts: Vec<_> = connector.into_iter().chain(left.map(shown)).collect();
        if parts.is_empty() { Ok(()) } else { out::line(&parts.join(" ")) }
    }
}

fn shown(seconds: i64) -> String {
    match seconds {
        0 => "over".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        _ => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

const EXAMPLES: &str = r"Examples:
  PS1='$(broker prompt) \$ '";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_has_little_room() {
        let said = [-5_i64, 0, 59, 60, 3_599, 3_600, 5_430].map(|seconds| shown(seconds.max(0)));
        assert_eq!(said, ["over", "over", "59s", "1m", "59m", "1h00m", "1h30m"]);
    }
}
