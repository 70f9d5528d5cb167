//! A session of a directory's own, shown by a browser → person → session of ours. No password is shown to us, so nothing that wants one of just
//! now takes it for that.

use std::net::IpAddr;

use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use super::{Begun, SessionKind, SignIn, SignInError, SignedIn};
use crate::directory::{Directory, SingleSignOn, SsoToken, Unavailable, Vouched};
use crate::network::Network;
use crate::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind};

/// The directories together did not keep to the time of a sign-in.
#[derive(Debug, thiserror::Error)]
#[error("no answer by the end of the sign-in's time")]
struct TooLate;

impl SignIn {
    /// Whether a directory's own sessions let anybody in.
    pub fn takes_single_sign_on(&self) -> bool {
        self.vouching().next().is_some()
    }

    /// Lets somebody in for whom a directory vouches by a session of its own, if the browser shows one: `cookie` gives what it has under a name.
    /// Nobody where it shows none that is good.
    pub async fn sign_in_by_directory(
        &self,
        cookie: impl Fn(&str) -> Option<SecretString>,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Option<SignedIn>, SignInError> {
        let started = Instant::now();
        let by = started + self.0.settings.sign_in_within;
        for (directory, vouching) in self.vouching() {
            let late = || Unavailable { directory: directory.name().clone(), source: Box::new(TooLate) };
            let asked = async {
                // Whoever makes tokens up keeps nobody busy but themselves.
                let _place = self.0.vouching.next(Network::of(address)).await;
                let shown = vouching.cookie().await?.and_then(|name| cookie(&name));
                let Some(token) = shown.as_ref().and_then(SsoToken::parse) else {
                    return Ok(None);
                };
                vouching.vouch(&token, address).await.map(Some)
            };
            let refused = |outcome, reason: &dyn ToString| {
                let entry = Entry::new(Actor::Anonymous { mark: None }, Action::SignIn, outcome, origin.clone());
                self.0.trail.note_refusal(RefusalKind::SignIn, entry.reason(&reason.to_string()));
            };
            match timeout_at(by, asked).await.unwrap_or_else(|_| Err(late())) {
                Ok(None) => {}
                Ok(Some(Vouched::Nobody)) => refused(Outcome::Refused, &NOBODYS),
                Ok(Some(Vouched::Refused(refusal))) => {
                    refused(Outcome::Refused, &format!("by single sign-on: {refusal}"));
                    return Ok(None);
                }
                Ok(Some(Vouched::Somebody { attested, since })) => {
                    // What the directory has seen of them is no second factor of ours: they show it after their password.
                    let newcomer = self.newcomer(&attested.person.subject).await?;
                    if newcomer.is_enrolled {
                        refused(Outcome::Refused, &SECOND_FACTOR);
                        return Ok(None);
                    }
                    let (kind, begun) = (SessionKind::Browser, Begun::Vouched { since });
                    let signed_in =
                        self.begin_session(*attested, kind, begun, newcomer, None, (origin, started)).await?;
                    let is_over = self.is_ended_by_enrolling(&signed_in, origin).await?;
                    return Ok(Some(signed_in).filter(|_| !is_over));
                }
                Err(error) => {
                    tracing::error!(directory.name = %error.directory, source = ?error.source, "a directory is unavailable");
                    refused(Outcome::Failed, &"by single sign-on: a directory is unavailable");
                    return Err(error.into());
                }
            }
        }
        Ok(None)
    }

    fn vouching(&self) -> impl Iterator<Item = (&dyn Directory, &dyn SingleSignOn)> {
        self.0.directories.iter().filter_map(|directory| Some((directory.as_ref(), directory.single_sign_on()?)))
    }
}

const SECOND_FACTOR: &str =
    "by single sign-on: the person has a second factor, which is asked for after their password";
const NOBODYS: &str = "by single sign-on: the directory knows no such session, or not from this address";
/// For each network, so many at a time: an office has one address.
pub(super) const AT_ONCE: usize = 8;
