//! What every request works with.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use broker_core::administration::{Administration, LocalUsers};
use broker_core::caller::{Caller, Subject};
use broker_core::clock::Clock;
use broker_core::inventory::Inventory;
use broker_core::oauth::Clients;
use broker_core::sign_in::SignIn;
use broker_core::store::Store;
use broker_core::sts::Sts;
use broker_core::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind, Trail};
use broker_core::vend::Broker;
use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use crate::allowance::Allowance;
use crate::config::{AwsClients, Limits};
use crate::metrics::Metrics;
use crate::missing_token::MissingToken;
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::room::{Place, Room, Share};

/// The daemon's state. Clones share everything.
#[derive(Clone, Debug)]
pub struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    parts: Inner,
    requests: Room,
    vends: Allowance,
    /// Codes of other machines that one may look up.
    codes: Allowance,
    /// What whoever has proved nothing yet may ask where AWS's own clients get their tokens.
    tokens: Allowance,
    missing_token: MissingToken,
}

/// The parts, made by whoever starts the daemon.
#[derive(Debug)]
pub struct Inner {
    pub broker: Broker,
    pub sign_in: SignIn,
    pub clients: Clients,
    pub trail: Trail,
    pub store: Store,
    pub administration: Administration,
    pub users: LocalUsers,
    pub inventory: Inventory,
    pub sts: Arc<dyn Sts>,
    pub clock: Arc<dyn Clock>,
    pub operations: Operations,
    pub settings: HttpSettings,
}

/// What operators are told from, and what they show for it.
#[derive(Debug)]
pub struct Operations {
    pub readiness: Readiness,
    pub metrics: Metrics,
    /// Opens causes and metrics wherever they are asked for.
    pub token: Option<SecretString>,
    /// Nobody but this machine can reach the daemon at all, so causes and metrics stand open.
    pub only_this_machine: bool,
}

/// How the daemon meets the network.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Where people and clients find us; all absolute URLs come from here.
    pub public_url: PublicUrl,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the console's federation endpoint is, when it is not AWS's own: forms must be able to lead there.
    pub federation_origin: Option<String>,
    /// How much is taken on at once, and from whom.
    pub limits: Limits,
    /// What AWS's own clients are told.
    pub aws_clients: AwsClients,
    /// For calls of jobs.
    pub deadline: Duration,
    /// For calls that a person waits for.
    pub interactive_deadline: Duration,
}

/// The address under which the daemon is known: https, or http on this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    authorities: BTreeSet<String>,
    https: bool,
}

/// Not fit to be a public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a public URL is https://HOST or https://HOST:PORT and nothing more; http only on 127.0.0.1, [::1] or localhost"
)]
pub struct NotAPublicUrl;

impl App {
    pub fn new(inner: Inner) -> Self {
        let limits = inner.settings.limits;
        Self(Arc::new(Shared {
            parts: inner,
            requests: Room::new(limits.requests, limits.requests_per_address),
            vends: Allowance::per_minute(limits.vends_per_minute),
            codes: Allowance::per_minute(CODES_PER_MINUTE),
            tokens: Allowance::per_minute(limits.token_requests_per_minute),
            missing_token: MissingToken::default(),
        }))
    }

    /// Room to answer one more request of that address, until it is dropped.
    pub(crate) fn room_for(&self, address: IpAddr) -> Result<(Share, Place), Problem> {
        let share = self.0.requests.share(address).ok_or_else(|| {
            Problem::rate_limited("too many requests of your address are being answered", Duration::from_secs(1))
        })?;
        Ok((share, self.0.requests.free_place().ok_or_else(Problem::overloaded)?))
    }

    /// Takes one code off what somebody may look up in a minute: nobody guesses one that somebody else was shown.
    pub(crate) fn allow_code(&self, caller: &Caller, origin: &Origin) -> Result<(), Problem> {
        self.0.codes.take(caller).map_err(|_| {
            let detail = "you have tried as many codes as one may in a minute";
            let entry = Entry::new(Actor::of(caller), Action::ClientRefused, Outcome::Refused, origin.clone());
            self.trail.note_refusal(RefusalKind::Client, entry.reason(&detail));
            Problem::rate_limited(detail, Duration::from_mins(1))
        })
    }

    /// Takes one request off what one address may ask in a minute where AWS's own clients get their tokens. Who is told to wait leaves no record.
    pub(crate) fn allow_token_request(&self, address: IpAddr) -> Result<(), Problem> {
        self.0.tokens.take_from(address)
    }

    /// Notes a request without a token where AWS's own clients show theirs.
    pub(crate) fn note_missing_token(&self, headers: &HeaderMap, address: IpAddr) {
        self.0.missing_token.note(headers, address);
    }

    /// Takes one vend off what the caller may have in a minute; whoever has had them all is refused, and the trail says so.
    pub(crate) fn allow_vend(&self, caller: &Caller, origin: &Origin) -> Result<(), Problem> {
        self.0.vends.take(caller).inspect_err(|problem| {
            let entry = Entry::new(Actor::of(caller), Action::Vend, Outcome::Refused, origin.clone());
            self.trail.note_refusal(RefusalKind::Vend, entry.reason(&problem.detail()));
        })
    }

    /// The same for somebody who shows a password with one request, whatever that is for: it costs no less.
    pub(crate) fn allow_visit(&self, person: &Subject) -> Result<(), Problem> {
        self.0.vends.take_for(person)
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0.parts
    }
}

const CODES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(20).unwrap();

impl PublicUrl {
    pub fn parse(text: &str) -> Result<Self, NotAPublicUrl> {
        let url = Url::parse(text).map_err(|_| NotAPublicUrl)?;
        let host = url.host_str().ok_or(NotAPublicUrl)?;
        let https = match url.scheme() {
            "https" => true,
            "http" if matches!(host, "127.0.0.1" | "[::1]" | "localhost") => false,
            _ => return Err(NotAPublicUrl),
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(NotAPublicUrl);
        }
        let port = url.port_or_known_default().ok_or(NotAPublicUrl)?;
        let mut authorities = BTreeSet::from([format!("{host}:{port}")]);
        // Clients leave a default port out.
        if url.port().is_none() {
            authorities.insert(host.to_owned());
        }
        Ok(Self { origin: url.origin().ascii_serialization(), authorities, https })
    }

    /// `scheme://host[:port]`, as browsers write it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a `Host` header means us.
    pub fn is_host(&self, host: &str) -> bool {
        self.authorities.contains(&host.to_ascii_lowercase())
    }

    pub fn is_https(&self) -> bool {
        self.https
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_name_is_our_host() {
        let url = PublicUrl::parse("https://broker.corp.example").unwrap();
        for (host, ours) in [
            ("broker.corp.example", true),
            ("BROKER.corp.example:443", true),
            ("broker.corp.example:8443", false),
            ("evil.example", false),
            ("broker.corp.example.evil.example", false),
            ("", false),
        ] {
            assert_eq!(url.is_host(host), ours, "{host}");
        }
        assert!(PublicUrl::parse("http://127.0.0.1:8080").unwrap().is_host("127.0.0.1:8080"));
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for bad in [
            "http://broker.corp.example",
            "https://user@host",
            "https://host/path",
            "https://host?q",
            "ftp://host",
            "host",
            "",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
