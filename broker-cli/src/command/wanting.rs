//! What credentials are wanted: the arguments that `creds`, `process` and `exec` share.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::lending::{Code, Wanted};
use crate::name::ConnectorName;
use crate::text::Text;

#[derive(Debug, Args)]
pub(super) struct Wanting {
    /// How long they shall live, as in `30m` or `1h`; the connector says how long is possible
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    duration: Option<u32>,
    /// A file with an IAM policy that narrows what they may do
    #[arg(long, value_name = "PATH")]
    policy_file: Option<PathBuf>,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// With the code that the connector's MFA device shows now: asked for; to `creds` it can be piped
    #[arg(long)]
    mfa_code: bool,
    /// Not those of before
    #[arg(long)]
    fresh: bool,
    /// Keep nothing on this machine's disk, and look for nothing there
    #[arg(long)]
    no_cache: bool,
}

impl Wanting {
    /// What is done about the code of an MFA device, where nothing is said of it and with `--mfa-code`.
    pub(super) fn of(self, connector: ConnectorName, [attended, said]: [Code; 2]) -> Result<Wanted, Failure> {
        let policy = self.policy_file.map(|path| {
            let wrong = |error: &dyn std::error::Error| {
                let said = format!("{} is no policy: {}", path.display(), Text::of(&error.to_string()));
                Failure::usage(said, "name a file with an IAM policy in JSON")
            };
            let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
            serde_json::from_str::<Box<RawValue>>(&text).map_err(|error| wrong(&error))
        });
        Ok(Wanted {
            connector,
            duration_seconds: self.duration,
            policy: policy.transpose()?,
            reason: self.reason,
            code: if self.mfa_code { said } else { attended },
            fresh: self.fresh,
            no_cache: self.no_cache,
        })
    }
}

/// `3600`, `30m`, `1h`, `1h30m`
fn seconds(text: &str) -> Result<u32, String> {
    let seconds = text.parse::<u32>().ok().or_else(|| {
        let duration: SignedDuration = text.parse().ok()?;
        u32::try_from(duration.as_secs()).ok()
    });
    seconds.filter(|seconds| *seconds > 0).ok_or_else(|| "write a time as in 3600, 30m, 1h or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_people_write_it() {
        for (text, expected) in [("3600", 3_600), ("30m", 1_800), ("1h", 3_600), ("1h30m", 5_400), ("1h 30m", 5_400)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "0", "-1h", "soon", "1", "99999999999h"].into_iter().filter(|text| *text != "1") {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
