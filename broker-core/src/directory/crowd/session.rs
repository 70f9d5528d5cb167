//! Crowd's single sign-on: whose session a browser's token is, and in which cookie browsers have it.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::said::{No, Reason, Said};
use super::trouble::Trouble;
use super::{CrowdDirectory, Failure};
use crate::directory::{Refusal, SingleSignOn, SsoToken, Unavailable, Vouched};

/// The cookie's name, as Crowd said it the last time.
#[derive(Debug, Default)]
pub(super) struct Cookie(Mutex<Known>);

#[derive(Clone, Debug, Default)]
struct Known {
    name: Option<String>,
    /// From then on it is asked again.
    good_until: Option<Instant>,
}

/// Nobody waits for what hung just now.
#[derive(Debug, thiserror::Error)]
#[error("it did not say the name of its cookie when it was asked less than {} seconds ago", ASKED_AGAIN.as_secs())]
struct NotSaid;

/// What Crowd says of the cookie for all its applications.
#[derive(Deserialize)]
pub(super) struct CookieConfig {
    name: String,
}

/// What must be as it was when the session was begun.
#[derive(Serialize)]
struct Factors {
    #[serde(rename = "validationFactors")]
    all: [Factor; 1],
}

#[derive(Serialize)]
struct Factor {
    name: &'static str,
    value: String,
}

/// What counts of a session's representation.
#[derive(Deserialize)]
struct Session {
    user: Owner,
    /// Milliseconds since 1970; newer versions say it.
    #[serde(default, rename = "created-date")]
    created: Option<i64>,
}

/// Whether the rest of them is there depends on the version: they are looked up by this.
#[derive(Deserialize)]
struct Owner {
    name: String,
}

impl CookieConfig {
    /// A name as cookies have them (RFC 6265, 4.1.1), of the plainest characters.
    fn checked(self) -> Result<String, Trouble> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=64).contains(&self.name.len()) && self.name.bytes().all(plain);
        if fits { Ok(self.name) } else { Err(Trouble::Malformed) }
    }
}

impl CrowdDirectory {
    /// The cheapest question, which proves that Crowd is there and takes our own credential; it answers with the cookie's name.
    pub(super) async fn ask_cookie(&self) -> Result<String, Trouble> {
        match self.client.get::<CookieConfig>(&["config", "cookie"], &[]).await? {
            Said::Yes(config) => config.checked(),
            Said::No(no) => Err(no.unexpected()),
        }
    }

    async fn vouched(&self, token: &SsoToken, address: IpAddr) -> Result<Vouched, Failure> {
        let value = address.to_canonical().to_string();
        let factors = Factors { all: [Factor { name: "remote_address", value }] };
        let path = ["session", token.expose()];
        let asked = self.client.post(&path, &[("expand", "user")], &factors);
        let session: Session = match asked.await.map_err(|trouble| self.failure(trouble))? {
            Said::Yes(session) => session,
            Said::No(no) => return not_vouched(no).map_err(|trouble| self.failure(trouble)),
        };
        let user = self.user("username", &session.user.name).await.map_err(|trouble| self.failure(trouble))?;
        let Some(user) = user else { return Ok(Vouched::Nobody) };
        if let Some(refusal) = user.refusal() {
            return Ok(Vouched::Refused(refusal));
        }
        let person = match self.profile(&user) {
            Ok(profile) => self.person(profile).await,
            Err(unusable) => Err(unusable.into()),
        };
        match person {
            Ok(person) => {
                let since = session.created.and_then(|created| Timestamp::from_millisecond(created).ok());
                Ok(Vouched::Somebody { attested: Box::new(super::attested(person)), since })
            }
            Err(Failure::Unusable(unusable)) => Ok(Vouched::Refused(Refusal::UnusableEntry(unusable.0))),
            Err(failure @ Failure::Trouble { .. }) => Err(failure),
        }
    }
}

/// What the refusal of a session says. One that is over, that there never was, and that is for another address look the same.
fn not_vouched(no: No) -> Result<Vouched, Trouble> {
    match no.reason {
        Reason::InvalidSsoToken | Reason::InvalidUserAuthentication | Reason::UserNotFound => Ok(Vouched::Nobody),
        Reason::InactiveAccount => Ok(Vouched::Refused(Refusal::Disabled)),
        Reason::ExpiredCredential => Ok(Vouched::Refused(Refusal::Expired)),
        Reason::ApplicationAccessDenied => Ok(Vouched::Refused(Refusal::NotForUs)),
        Reason::Other(_) => Err(no.unexpected()),
    }
}

#[async_trait]
impl SingleSignOn for CrowdDirectory {
    async fn cookie(&self) -> Result<Option<String>, Unavailable> {
        let known = self.cookie.known();
        if known.good_until.is_some_and(|until| Instant::now() < until) {
            let not_said = || Unavailable { directory: self.name.clone(), source: Box::new(NotSaid) };
            return known.name.map(Some).ok_or_else(not_said);
        }
        let began = Instant::now();
        let asked = async { self.ask_cookie().await.map_err(|trouble| self.unavailable(trouble)) };
        let said = self.in_time(asked, |late| late).await;
        match &said {
            Ok(name) => self.cookie.keep(Some(name.clone()), GOOD_FOR),
            Err(_) if began.elapsed() >= SLOW => self.cookie.rest(ASKED_AGAIN),
            Err(_) => {}
        }
        // It is hardly another one now; Crowd is asked about whatever stands in it.
        said.or_else(|error| self.cookie.known().name.ok_or(error)).map(Some)
    }

    async fn vouch(&self, token: &SsoToken, address: IpAddr) -> Result<Vouched, Unavailable> {
        let vouched = async { self.vouched(token, address).await.map_err(|failure| self.because(failure)) };
        self.in_time(vouched, |late| late).await
    }
}

impl Cookie {
    fn known(&self) -> Known {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nobody asks for so long, unless somebody has just been told.
    fn rest(&self, rest_for: Duration) {
        let (mut known, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        if known.good_until.is_none_or(|until| until <= now) {
            known.good_until = Some(now + rest_for);
        }
    }

    fn keep(&self, name: Option<String>, good_for: Duration) {
        let known = Known { name, good_until: Some(Instant::now() + good_for) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

/// Nobody renames the cookie of all a company's applications more often.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// Whoever opens the sign-in page must not wait so long for an answer that does not come.
const SLOW: Duration = Duration::from_secs(1);
const ASKED_AGAIN: Duration = Duration::from_secs(15);
