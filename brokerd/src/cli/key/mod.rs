//! `brokerd key`: the long-term access keys that everything is vended from.

mod add;
mod details;
mod list;
mod remove;
mod replace;

use std::process::ExitCode;

use broker_core::access_key::AccessKey;
use broker_core::administration::{AccessKeyError, Proof};
use broker_core::sts::AwsSts;
use clap::Subcommand;
use tokio::time::Instant;

use super::failure::say;
use super::site::Site;

pub(super) use details::{connector_name, key_name, role_arn};

/// Long-term access keys: add, list, replace, remove
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Take in a key; its secret is asked for, or piped in
    Add(add::Add),
    /// Show which keys there are
    List(list::List),
    /// Put another key of the same IAM user in the place of one; all its connectors follow
    Replace(replace::Replace),
    /// Forget a key that no connector uses
    Remove(remove::Remove),
}

impl Key {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add(add) => site.open().await?.and_close(async |opened| add.run(opened).await).await?,
            Self::List(list) => site.open().await?.and_close(async |opened| list.run(opened).await).await?,
            Self::Replace(replace) => site.open().await?.and_close(async |opened| replace.run(opened).await).await?,
            Self::Remove(remove) => site.open().await?.and_close(async |opened| remove.run(opened).await).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Says whose key it is, or that nobody has asked.
fn say_owner(key: &AccessKey) {
    let details = &key.details;
    match (&details.owner, &details.expected_owner) {
        (_, Some(expected)) => say(&format!(
            "not used before AWS says that it is of {}: the daemon asks, and `brokerd key list` shows it",
            expected.arn
        )),
        (Some(owner), None) => say(&format!("AWS says: account {}, {}", owner.account.as_str(), owner.arn)),
        (None, None) => say("nobody has asked AWS whose key this is: the daemon will, and `brokerd key list` shows it"),
    }
}

/// Where nothing was learnt about a key, somebody who is sure of it may say so.
fn advised(error: AccessKeyError) -> anyhow::Error {
    match error {
        AccessKeyError::NotProved(not_proved) if not_proved.says_nothing_of_the_key() => {
            anyhow::anyhow!("{not_proved}; or take the key unproved with `--skip-validation`")
        }
        other => other.into(),
    }
}

/// Whether AWS is to be asked.
fn proof(sts: &(AwsSts, Instant), skip: bool) -> Proof<'_> {
    if skip { Proof::Skipped } else { Proof::Required(&sts.0, sts.1) }
}

/// Told to whoever waits for longer than a moment.
const ASKING: &str = "asking AWS whose key this is; a key that was just made takes AWS some seconds to know";
