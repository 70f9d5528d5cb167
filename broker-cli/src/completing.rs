//! For a shell that completes a command line: the names of the connectors that somebody may use.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::CompletionCandidate;

use crate::api::Broker;
use crate::failure::Failure;
use crate::listed::{Listed, matching};
use crate::renewal;
use crate::site::Site;

/// Those that begin like this; none where they cannot be had at once. Names alone: what describes them is nothing for a shell to read.
pub(crate) fn connectors(begun: &OsStr) -> Vec<CompletionCandidate> {
    let Some(begun) = begun.to_str() else { return Vec::new() };
    let listed = matching(asked().unwrap_or_default(), None);
    let names = listed.iter().map(|one| one.name.as_str()).filter(|name| name.starts_with(begun));
    names.map(CompletionCandidate::new).collect()
}

/// Of the broker that the environment or the configuration names.
fn asked() -> Option<Vec<Listed>> {
    let site = Site::find(None, None).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked = async { Broker::of(&site)?.connectors(&renewal::holder(&site).await?).await };
    let answer: Result<Result<_, Failure>, _> = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    runtime.shutdown_background();
    answer.ok()?.ok()
}

/// Longer than that, nobody waits for a word to be completed.
const PATIENCE: Duration = Duration::from_secs(3);
