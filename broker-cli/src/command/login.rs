//! `broker login`: a session, by a browser or by a password, which this machine keeps.

use broker_api::SignInRequest;
use clap::Args;

use crate::api::{Broker, Welcome};
use crate::ask::{self, Asked};
use crate::cache::Cache;
use crate::failure::Failure;
use crate::holder::{ENDING, TOKEN, TOKEN_FILE, is_by_service_token};
use crate::identity::Known;
use crate::out;
use crate::renewal;
use crate::session::Signed;
use crate::sign_in::{by_browser, by_device};
use crate::site::{Site, variable};
use crate::text::Text;

/// Sign in
///
/// A browser opens at the broker's own page, and lets this program in when you say so there. Over ssh, and with --device, you get a code to
/// say yes to in a browser elsewhere. With --username you type your password here, unseen, or pipe it in. The session is kept in a
/// file that only you can read, and where the system has a keyring, that has its key.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Login {
    /// Your name in your company's directory, to sign in by a password
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Look for the name in this directory alone
    #[arg(long, value_name = "NAME", requires = "username")]
    directory: Option<String>,
    /// With a code of your authenticator, or a recovery code: piped in as a second line, or asked for
    #[arg(long, requires = "username")]
    otp: bool,
    /// By a code, in a browser on another machine
    #[arg(long, conflicts_with = "username")]
    device: bool,
    /// In a browser on this machine, over ssh as well
    #[arg(long, conflicts_with_all = ["username", "device"])]
    browser: bool,
}

impl Login {
    pub(super) async fn run(self, site: &Site, json: bool) -> Result<(), Failure> {
        if is_by_service_token() {
            let said = format!("{TOKEN} or {TOKEN_FILE} is set, and would be used instead of a session");
            return Err(Failure::usage(said, "unset it first"));
        }
        let broker = Broker::of(site)?;
        // Where nothing could be kept, nobody is asked for anything.
        site.folders.state()?;
        site.folders.cache()?;
        let Welcome { token, expires_at, identity, renewal } = self.welcome(site, &broker, json).await?;
        // The one of before, which nobody could end otherwise. A damaged one is written over.
        let before = Signed::read_to_end_it(site).ok().flatten();
        let signed = Signed::new(site, token, expires_at, &identity, renewal);
        let renews = signed.renews();
        if let Err(failure) = Cache::destroy(&site.folders).and_then(|()| signed.keep(site)) {
            return Err(give_back(&broker, signed, failure).await);
        }
        if let Some(before) = before {
            // It may be over, or the broker's, and ends by itself.
            let _ = renewal::end(site, before).await;
        }
        let known = Known { server: site.server.origin(), identity, expires_at, renews };
        if json {
            return out::json(&known);
        }
        out::line(&format!("Signed in at {} as {}, {}.", site.server, known.identity.shown(), known.until()))
    }

    async fn welcome(self, site: &Site, broker: &Broker<'_>, json: bool) -> Result<Welcome, Failure> {
        let Some(username) = self.username else {
            let elsewhere = self.device || (!self.browser && is_over_ssh());
            return if elsewhere { by_device(site, broker).await } else { by_browser(broker).await };
        };
        let prompt = format!("Password of {} at {}: ", Text::of(&username), site.server);
        let asked = Asked { prompt: &prompt, called: "password" };
        let (password, otp) =
            if self.otp { ask::two_secrets(&asked, &CODE, json)? } else { (ask::secret(&asked, json)?, None) };
        let mut request = SignInRequest { username, password, otp, directory: self.directory };
        match broker.sign_in(&request).await {
            Err(failure) if failure.code() == "otp_required" && !json && ask::can_ask() => {
                request.otp = Some(ask::secret(&CODE, json)?);
                broker.sign_in(&request).await
            }
            welcome => welcome,
        }
    }
}

/// Whoever sits elsewhere sees no browser of this machine.
fn is_over_ssh() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| variable(name).is_some())
}

/// Ends a session that cannot be kept, and that nobody could end afterwards.
async fn give_back(broker: &Broker<'_>, signed: Signed, failure: Failure) -> Failure {
    match broker.sign_out(signed).await {
        Ok(()) => failure,
        Err(_) => failure.leaving("your new session is not kept here, and may live on", ENDING),
    }
}

const CODE: Asked<'_> = Asked { prompt: "Code of your authenticator, or a recovery code: ", called: "code" };
const EXAMPLES: &str = r"Examples:
  broker login                        in the browser of this machine
  broker login --device               by a code, in a browser elsewhere
  broker login --username ada         by a password, typed unseen";
