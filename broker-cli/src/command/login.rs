//! `broker login`: a password for a session, which this machine keeps.

use broker_api::SignInRequest;
use clap::Args;

use crate::api::{Broker, Welcome};
use crate::ask;
use crate::cache::Cache;
use crate::failure::Failure;
use crate::holder::{ENDING, Holder, Signed, TOKEN, TOKEN_FILE, is_by_service_token};
use crate::identity::Known;
use crate::out;
use crate::site::Site;

/// Sign in
///
/// The password is typed unseen, or piped in. The session is kept in a file that only you can read.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// Your name in your company's directory
    #[arg(long, short, value_name = "NAME")]
    username: String,
    /// Look for the name in this directory alone
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

impl Login {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        if is_by_service_token() {
            let said = format!("{TOKEN} or {TOKEN_FILE} is set, and would be used instead of a session");
            return Err(Failure::usage(said, "unset it first"));
        }
        let broker = Broker::of(site)?;
        // Where nothing could be kept, no password is asked for.
        site.folders.state()?;
        site.folders.cache()?;
        let prompt = format!("Password of {} at {}: ", crate::text::Text::of(&self.username), site.server);
        let password = ask::secret(&prompt)?;
        let request = SignInRequest { username: self.username, password, directory: self.directory };
        let Welcome { token, expires_at, identity } = broker.sign_in(&request).await?;
        // The one of before, which nobody could end otherwise. A damaged one is written over.
        let before = Signed::read_to_end_it(site).ok().flatten();
        let signed = Signed::new(site, token, expires_at, &identity);
        if let Err(failure) = Cache::destroy(&site.folders).and_then(|()| signed.keep(site)) {
            return Err(give_back(&broker, signed, failure).await);
        }
        if let Some(before) = before {
            // It may be over, or the broker's, and ends by itself.
            let _ = broker.sign_out(&Holder::Person(before)).await;
        }
        let known = Known { server: site.server.origin(), identity, expires_at };
        if json {
            return out::json(&known);
        }
        out::line(&format!("Signed in at {} as {}, until {:.0}.", site.server, known.identity.shown(), expires_at))
    }
}

/// Ends a session that cannot be kept, and that nobody could end afterwards.
async fn give_back(broker: &Broker<'_>, signed: Signed, failure: Failure) -> Failure {
    match broker.sign_out(&Holder::Person(signed)).await {
        Ok(()) => failure,
        Err(_) => failure.leaving("your new session is not kept here, and may live on", ENDING),
    }
}
