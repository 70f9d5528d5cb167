//! Who asks, as an argument: a handler that takes one runs only for those whom its route admits.

mod password;

use std::net::IpAddr;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::{HeaderMap, header, request::Parts};
use broker_core::caller::{Caller, PersonCaller};
use broker_core::id::SessionId;
use broker_core::permission::{NotPermitted, Permission};
use broker_core::sign_in::{ByMemory, Leaving, Recognised, Shown, Visit};
use broker_core::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind};
use broker_core::vault::Purpose;
use broker_core::vend::Asking;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::access::{Client, Cookie, Scheme, takes};
use crate::app::App;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::{Meta, Who};

/// Anybody whom the route admits, and the request's circumstances.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) deadline: Instant,
    /// By what they are known; nothing, where they showed a password.
    pub(crate) shown: Option<Shown>,
    /// Of somebody who showed a password with this one request.
    visit: Option<Visit>,
}

/// Somebody to whom credentials are lent, and nothing else is told: the record of it proves that they are as they were read, so that it
/// need not have been for this request.
#[derive(Debug)]
pub(crate) struct Borrower {
    asker: Asker,
    by_memory: Option<ByMemory>,
}

/// How recently a caller must have been read.
#[derive(Clone, Copy, Debug)]
enum Read {
    Now,
    Lately,
}

/// Somebody who ends their own session. No directory is asked: whoever cannot be looked up at this moment must be able to leave.
#[derive(Debug)]
pub(crate) struct Leaver {
    pub(crate) leaving: Leaving,
    pub(crate) by_cookie: bool,
    pub(crate) origin: Origin,
}

/// Somebody who sees to their own account, by the token of their session.
#[derive(Debug)]
pub(crate) struct InPerson {
    pub(crate) person: PersonCaller,
    pub(crate) shown: Shown,
    pub(crate) address: IpAddr,
    pub(crate) origin: Origin,
}

/// Somebody whom their role permits what the route is for; the permission says what that is.
#[derive(Debug)]
pub(crate) struct Permitted<P> {
    pub(crate) permission: P,
    pub(crate) deadline: Instant,
    pub(crate) asker: Asker,
}

impl Asker {
    /// Leave to have something vended: there is no other way to ask for it, and it counts; where a password was shown, it has been counted.
    pub(crate) fn asking(&self, app: &App) -> Result<Asking<'_>, Problem> {
        if self.visit.is_none() {
            app.allow_vend(&self.caller, &self.origin)?;
        }
        Ok(Asking { caller: &self.caller, by_memory: None, origin: &self.origin, deadline: self.deadline })
    }

    async fn of(parts: &Parts, app: &App, read: Read) -> Result<(Self, Option<ByMemory>), Problem> {
        let meta = parts.extensions.get::<Meta>().cloned().ok_or_else(Problem::unauthenticated)?;
        let route = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
        let takes = takes(&parts.method, &route);
        let (Recognised { caller, by_memory }, shown, visit) =
            if let (Scheme::BearerOrBasic, Some(password)) = (takes.scheme, password::shown(&parts.headers)) {
                let (caller, visit) = password.sign_in(&parts.headers, &meta, app).await?;
                (Recognised { caller, by_memory: None }, None, Some(visit))
            } else {
                let shown = match takes.client {
                    Client::Portal => {
                        if !parts.headers.contains_key(PORTAL_TOKEN) {
                            app.note_missing_token(&parts.headers, meta.address);
                        }
                        Shown::Portal(portal_token(&parts.headers)?)
                    }
                    Client::Never | Client::Bearer => shown(&parts.headers, takes.scheme, app)?,
                };
                let recognised = match read {
                    Read::Lately => app.sign_in.recognise(&shown, meta.address, &meta.origin).await?,
                    Read::Now => {
                        let caller = app.sign_in.authenticate(&shown, meta.address, &meta.origin).await?;
                        Recognised { caller, by_memory: None }
                    }
                };
                (recognised, Some(shown), None)
            };
        if let Some(who) = parts.extensions.get::<Who>() {
            who.is(&caller);
        }
        let admitted = match (&caller, &shown) {
            (Caller::Person(person), Some(Shown::Bearer(_))) if person.client.is_some() => {
                takes.client == Client::Bearer
            }
            (Caller::Person(_), Some(Shown::Bearer(_)) | None) => takes.session,
            (Caller::Person(person), Some(Shown::Portal(_))) => {
                person.client.is_some() && takes.client == Client::Portal
            }
            (Caller::Person(person), Some(Shown::Cookie(_))) => {
                admits_cookie(takes.cookie, parts, person.session, app)?
            }
            (Caller::Service(_) | Caller::Workload(_), Some(Shown::Bearer(_))) => takes.service,
            (Caller::Service(_) | Caller::Workload(_), Some(Shown::Cookie(_) | Shown::Portal(_)) | None) => false,
        };
        if !admitted {
            let entry = Entry::new(Actor::of(&caller), Action::TokenRefused, Outcome::Refused, meta.origin);
            app.trail.note_refusal(RefusalKind::Token, entry.reason(&"this route does not take such a token"));
            return Err(Problem::new(Code::Forbidden, "this route does not take the kind of token that was sent"));
        }
        let limit = match &caller {
            Caller::Person(_) => app.settings.interactive_deadline,
            Caller::Service(_) | Caller::Workload(_) => app.settings.deadline,
        };
        let deadline = meta.deadline(&parts.headers, limit);
        Ok((Self { caller, deadline, origin: meta.origin, shown, visit }, by_memory))
    }
}

impl Borrower {
    /// The same, with what is to be proved of them.
    pub(crate) fn asking(&self, app: &App) -> Result<Asking<'_>, Problem> {
        Ok(Asking { by_memory: self.by_memory.as_ref(), ..self.asker.asking(app)? })
    }

    /// Read now, if they were not: for whoever is told something that no record of a loan proves.
    pub(crate) async fn read_now(self, app: &App) -> Result<Asker, Problem> {
        let Self { asker, by_memory } = self;
        let Some(by_memory) = by_memory else { return Ok(asker) };
        let caller = app.sign_in.read_anew(&asker.caller, &by_memory, (&asker.origin, asker.deadline)).await?;
        Ok(Asker { caller, ..asker })
    }
}

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Self::of(parts, app, Read::Now).await.map(|(asker, _)| asker)
    }
}

impl FromRequestParts<App> for Borrower {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (asker, by_memory) = Asker::of(parts, app, Read::Lately).await?;
        Ok(Self { asker, by_memory })
    }
}

impl FromRequestParts<App> for Leaver {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let meta = parts.extensions.get::<Meta>().cloned().ok_or_else(Problem::unauthenticated)?;
        let shown = shown(&parts.headers, Scheme::Bearer, app)?;
        let Some(leaving) = app.sign_in.leaving(&shown).await? else {
            // Nobody's session, or no session at all: refused as everywhere, and noted.
            let refused = Asker::from_request_parts(parts, app).await.err();
            return Err(refused.unwrap_or_else(Problem::unauthenticated));
        };
        if let Some(who) = parts.extensions.get::<Who>() {
            who.is_person(leaving.person());
        }
        let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        let takes = takes(&parts.method, route);
        let (by_cookie, admitted) = match shown {
            Shown::Bearer(_) | Shown::Portal(_) => (false, takes.session),
            Shown::Cookie(_) => (true, admits_cookie(takes.cookie, parts, leaving.session(), app)?),
        };
        if admitted {
            Ok(Self { leaving, by_cookie, origin: meta.origin })
        } else {
            Err(Problem::new(Code::Forbidden, "this route does not take the kind of token that was sent"))
        }
    }
}

impl<P: Permission> FromRequestParts<App> for Permitted<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let asker = Asker::from_request_parts(parts, app).await?;
        let Caller::Person(person) = &asker.caller else {
            return Err(for_people());
        };
        let refused = match P::prove(person, &asker.origin, app.clock.now()) {
            Ok(permission) => return Ok(Self { permission, deadline: asker.deadline, asker }),
            Err(refused) => refused,
        };
        let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        let reason = format!("{} {route}: {refused}", parts.method);
        let (actor, origin) = (Actor::person(&person.person), asker.origin.clone());
        let entry = Entry::new(actor, Action::AdministrationRefused, Outcome::Refused, origin);
        app.trail.note_refusal(RefusalKind::Administration, entry.reason(&reason));
        let code = match refused {
            NotPermitted::SecondFactor => Code::SecondFactorRequired,
            NotPermitted::Role(_) | NotPermitted::OldSignIn => Code::Forbidden,
        };
        Err(Problem::new(code, refused.to_string()))
    }
}

impl FromRequestParts<App> for InPerson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let address = parts.extensions.get::<Meta>().map(|meta| meta.address).ok_or_else(Problem::unauthenticated)?;
        match Asker::from_request_parts(parts, app).await? {
            Asker { caller: Caller::Person(person), shown: Some(shown), origin, .. } => {
                Ok(Self { person, shown, address, origin })
            }
            _ => Err(for_people()),
        }
    }
}

fn for_people() -> Problem {
    Problem::new(Code::Forbidden, "this route is for people")
}

/// What a request shows to say who it is.
fn shown(headers: &HeaderMap, scheme: Scheme, app: &App) -> Result<Shown, Problem> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = authorizations.next() else {
        return cookie::session_of(headers, &app.settings.public_url).ok_or_else(Problem::unauthenticated);
    };
    let text = value.to_str().map_err(|_| Problem::unauthenticated())?;
    let single = authorizations.next().is_none();
    let token = match (text.trim().split_once(' '), scheme) {
        (Some((said, token)), _) if said.eq_ignore_ascii_case("bearer") => token.trim(),
        (None, Scheme::BearerOrNone) => text.trim(),
        (Some(_) | None, Scheme::Bearer | Scheme::BearerOrNone | Scheme::BearerOrBasic) => {
            return Err(Problem::unauthenticated());
        }
    };
    if single { Ok(Shown::Bearer(SecretString::from(token))) } else { Err(Problem::unauthenticated()) }
}

/// The token in the header that AWS's own clients have for it.
pub(crate) fn portal_token(headers: &HeaderMap) -> Result<SecretString, Problem> {
    let mut tokens = headers.get_all(PORTAL_TOKEN).iter();
    let token = tokens.next().ok_or_else(|| Problem::new(Code::Unauthenticated, NO_TOKEN))?;
    let token = token.to_str().map_err(|_| Problem::unauthenticated())?;
    let single = tokens.next().is_none();
    single.then(|| SecretString::from(token.trim())).ok_or_else(Problem::unauthenticated)
}

fn admits_cookie(rule: Cookie, parts: &Parts, session: SessionId, app: &App) -> Result<bool, Problem> {
    let own_page = || {
        let proved = from_own_page(&parts.headers, app);
        proved.then_some(()).ok_or_else(|| {
            Problem::new(
                Code::Forbidden,
                "the browser did not show that one of the broker's own pages asks (Origin, Sec-Fetch-Site)",
            )
        })
    };
    match rule {
        Cookie::Never => Ok(false),
        Cookie::Reads => Ok(true),
        Cookie::OwnPage => own_page().map(|()| true),
        Cookie::OwnPageWithToken => {
            own_page()?;
            let token = parts.headers.get("x-csrf-token").and_then(|value| hex::decode(value.as_bytes()).ok());
            let proved = token.is_some_and(|token| is_csrf_token(app, session, &token));
            proved.then_some(true).ok_or_else(|| {
                Problem::new(
                    Code::Forbidden,
                    "with a cookie, this route wants the session's CSRF token in X-CSRF-Token",
                )
            })
        }
    }
}

/// Whether the browser says that our own page made it ask. No evidence is a no.
pub(crate) fn from_own_page(headers: &HeaderMap, app: &App) -> bool {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (value("origin"), value("sec-fetch-site")) {
        (Some(origin), _) => origin == app.settings.public_url.origin(),
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}

/// The CSRF token of a session: known to our own pages only.
pub(crate) fn csrf_token(app: &App, person: &PersonCaller) -> String {
    hex::encode(app.store.seals().mac(Purpose::Form, &[b"csrf", person.session.as_bytes()]))
}

pub(crate) fn is_csrf_token(app: &App, session: SessionId, token: &[u8]) -> bool {
    app.store.seals().verify(Purpose::Form, &[b"csrf", session.as_bytes()], token)
}

const PORTAL_TOKEN: &str = "x-amz-sso_bearer_token";
const NO_TOKEN: &str = "no token came in x-amz-sso_bearer_token: a proxy on the way may drop headers with underscores";
