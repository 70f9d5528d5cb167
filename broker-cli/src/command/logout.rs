//! `broker logout`: the session ends, and nothing of it stays here.

use clap::Args;
use serde_json::json;

use crate::api::Broker;
use crate::cache::Cache;
use crate::failure::{Failure, Next};
use crate::holder::{Holder, Signed};
use crate::out;
use crate::site::Site;

/// Sign out: the session ends, and what was kept here is deleted
///
/// Credentials that are out already live on until they end by themselves.
#[derive(Debug, Args)]
pub(super) struct Logout {}

impl Logout {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        let Self {} = self;
        // What is here goes first, whatever the broker says and whether or not it can be read.
        let signed = Signed::read(site);
        Cache::destroy(&site.folders)?;
        Signed::forget(site)?;
        let ended = match signed {
            Ok(Some(signed)) => match Broker::of(site)?.sign_out(&Holder::Person(signed)).await {
                Ok(()) => true,
                // It was over.
                Err(failure) if failure.next == Next::SignIn => true,
                Err(failure) => {
                    out::say(&format!("What was kept here is deleted, but the session may live on: {failure}"));
                    return Err(failure);
                }
            },
            Ok(None) | Err(_) => false,
        };
        if json {
            return out::json(&json!({ "server": site.server.origin(), "session_ended": ended }));
        }
        let said = if ended { "Signed out" } else { "Nobody was signed in" };
        out::line(&format!("{said} at {}.", site.server))
    }
}
