//! `broker logout`: the session ends, and nothing of it stays here.

use clap::Args;
use serde_json::json;

use crate::cache::Cache;
use crate::failure::{Failure, Next};
use crate::holder::ENDING;
use crate::out;
use crate::renewal;
use crate::session::Signed;
use crate::site::Site;
use crate::used::Used;

/// Sign out: the session ends, and what was kept here is deleted
///
/// Credentials that are out already live on until they end by themselves.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Logout {}

impl Logout {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let Self {} = self;
        // Whoever renews it just now writes it down first.
        let held = renewal::hold(site).await;
        // What is here goes first, whatever the broker says and whether or not it can be read.
        let signed = Signed::read_to_end_it(site);
        let forgotten = Cache::destroy(&site.folders).and(Used::forget(site)).and(Signed::forget(site));
        drop(held);
        let ended = match signed {
            Ok(Some(signed)) => end(site, signed).await,
            Ok(None) => Ok(false),
            Err(failure) => Err(failure),
        };
        let ended =
            ended.map_err(|failure| failure.leaving(&format!("your session at {} may live on", site.server), ENDING));
        // A `broker process` that had read the session before may have kept something since, under another key.
        let destroyed = Cache::destroy(&site.folders);
        let ended = ended?;
        forgotten.and(destroyed)?;
        if json {
            return out::json(&json!({ "server": site.server.origin(), "session_ended": ended }));
        }
        let said = if ended { "Signed out" } else { "Nobody was signed in" };
        out::line(&format!("{said} at {}.", site.server))
    }
}

/// Has the broker end the session; whether it lived.
async fn end(site: &Site, signed: Signed) -> Result<bool, Failure> {
    match renewal::end(site, signed).await {
        Ok(()) => Ok(true),
        // It was over.
        Err(failure) if failure.next == Next::SignIn => Ok(true),
        Err(failure) => Err(failure),
    }
}

const EXAMPLES: &str = r"Examples:
  broker logout";
