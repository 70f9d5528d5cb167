//! Name and password → person → session; and token → caller, with groups that are never older than the bound.

mod throttle;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::caller::{Caller, Person, PersonCaller, ServiceCaller};
use crate::clock::{Clock, Millis, after, seconds_between};
use crate::directory::{self, Directory, Password, Standing, TypedName, Unavailable, Untypable};
use crate::id::SessionId;
use crate::name::{DirectoryName, Group};
use crate::session::{ServiceToken, Session};
use crate::store::{Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind, Trail, TrailError};
use crate::vault::{Mac, Purpose, SealBroken, new_token};

pub use throttle::{Attempt, Throttle, ThrottleError};

/// Lets people in and knows them again. Clones share everything.
#[derive(Clone, Debug)]
pub struct SignIn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    directories: Vec<Arc<dyn Directory>>,
    trail: Trail,
    clock: Arc<dyn Clock>,
    throttle: Throttle,
    settings: Settings,
}

/// How long people stay, and who administers.
#[derive(Clone, Debug)]
pub struct Settings {
    pub idle_seconds: u32,
    pub absolute_seconds: u32,
    /// Groups and account state are never older than this when they decide.
    pub recheck_seconds: u32,
    /// Only of directories that may grant administration; the configuration sees to that.
    pub admin_groups: BTreeSet<Group>,
}

/// What somebody typed, and from where.
#[derive(Debug)]
pub struct Credentials<'a> {
    pub username: &'a str,
    pub password: SecretString,
    /// Only this directory is asked.
    pub directory: Option<&'a str>,
    pub address: IpAddr,
    pub origin: &'a Origin,
}

/// Somebody who has just been let in.
#[derive(Debug)]
pub struct SignedIn {
    /// Shown once; the store has a keyed hash.
    pub token: SecretString,
    pub caller: PersonCaller,
}

/// Why somebody is not let in. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// One answer for unknown, wrong, disabled, locked and ambiguous.
    #[error("unknown user name or wrong password")]
    InvalidCredentials,
    #[error("the password has expired: change it where it is kept, then sign in again")]
    PasswordExpired,
    #[error("too many attempts")]
    TooManyAttempts { retry_after_seconds: u64 },
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

/// Why a token is good for nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Unknown, expired, revoked, from the wrong network: the trail knows which.
    #[error("sign in first")]
    Unauthenticated,
    #[error("the account has been disabled or removed")]
    AccountDisabled,
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SignIn {
    pub fn new(
        store: Store,
        directories: Vec<Arc<dyn Directory>>,
        trail: Trail,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let throttle = Throttle::new(store.clone(), Arc::clone(&clock));
        Self(Arc::new(Inner { store, directories, trail, clock, throttle, settings }))
    }

    /// Lets somebody in. Every failure before the password is proved is one answer, after one time.
    pub async fn sign_in(&self, credentials: Credentials<'_>) -> Result<SignedIn, SignInError> {
        let started = Instant::now();
        let (address, origin) = (credentials.address, credentials.origin.clone());
        let mark = self.0.throttle.mark(credentials.username);
        let attempt = match self.0.throttle.admit(&mark, address).await {
            Ok(attempt) => attempt,
            Err(ThrottleError::TooMany { seconds }) => {
                self.note_refusal(&mark, &origin, "too many attempts");
                return Err(SignInError::TooManyAttempts { retry_after_seconds: seconds });
            }
            Err(ThrottleError::Store(error)) => return Err(error.into()),
        };
        match self.authenticate_person(credentials).await {
            Ok(person) => {
                self.0.throttle.succeeded(&attempt).await?;
                self.begin_session(person, origin).await
            }
            Err(Failure::Refused(reason)) => {
                self.note_refusal(&mark, &origin, &reason);
                pad(started).await;
                Err(SignInError::InvalidCredentials)
            }
            Err(Failure::PasswordExpired) => {
                self.0.throttle.succeeded(&attempt).await?;
                self.note_refusal(&mark, &origin, "the password has expired or must be changed");
                Err(SignInError::PasswordExpired)
            }
            Err(Failure::Unavailable(error)) => {
                self.0.throttle.undecided(&attempt).await?;
                tracing::error!(directory.name = %error.directory, source = ?error.source, "a directory is unavailable");
                self.note_refusal(&mark, &origin, "a directory is unavailable");
                Err(error.into())
            }
        }
    }

    /// Who a token belongs to, with groups read within the bound.
    pub async fn authenticate(
        &self,
        token: &SecretString,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Caller, AuthenticateError> {
        let text = token.expose_secret();
        let hash = self.0.store.seals().mac(Purpose::Token, &[text.as_bytes()]);
        if text.starts_with(SESSION_PREFIX) {
            match self.0.store.session_by_token(&hash).await? {
                Some(session) => self.person(session, &hash, origin).await,
                None => Err(self.unknown_token(origin, "no such session")),
            }
        } else if text.starts_with(SERVICE_PREFIX) {
            match self.0.store.service_token(&hash).await? {
                Some(token) => self.service(token, address, origin).await,
                None => Err(self.unknown_token(origin, "no such service token: unknown or revoked")),
            }
        } else {
            Err(self.unknown_token(origin, "not a token of ours"))
        }
    }

    /// The same caller, seen again after a wait: still there, and in which groups.
    pub(crate) async fn again(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        let now = self.0.clock.now();
        match caller {
            Caller::Person(caller) => {
                let session = self.0.store.session(caller.session).await?.ok_or(AuthenticateError::Unauthenticated)?;
                if self.is_over(&session, now) {
                    return Err(AuthenticateError::Unauthenticated);
                }
                let stale = self.is_stale(&session, now);
                let person = if stale { self.look_up(&session).await? } else { session.person.clone() };
                Ok(Caller::Person(self.caller(session.id, session.expires_at, person)))
            }
            Caller::Service(caller) => {
                let token = self.0.store.service_token_by_id(caller.token).await?;
                let token = token.filter(|token| token.expires_at > now).ok_or(AuthenticateError::Unauthenticated)?;
                Ok(Caller::Service(service_caller(&token)))
            }
        }
    }

    /// Ends a session at once, on every node, whether or not that can be recorded at this moment.
    pub async fn sign_out(&self, caller: &PersonCaller, origin: &Origin) -> Result<(), StoreError> {
        if self.0.store.end_session(caller.session).await? {
            let actor = Actor::person(&caller.person);
            let entry = Entry::new(actor, Action::SignOut, Outcome::Success, origin.clone());
            if self.0.trail.record(entry.clone(), ()).await.is_err() {
                self.0.trail.record_later(entry);
            }
        }
        Ok(())
    }

    /// Whether a directory answers, for each.
    pub async fn probe(&self) -> Vec<(DirectoryName, Result<(), Unavailable>)> {
        let probes =
            self.0.directories.iter().map(|directory| async { (directory.name().clone(), directory.probe().await) });
        futures_util::future::join_all(probes).await
    }

    /// Forgets sessions and failures that are over.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = Millis::from(self.0.clock.now());
        let idle_since = Millis(now.0.saturating_sub(i64::from(self.0.settings.idle_seconds).saturating_mul(1_000)));
        self.0.store.sweep_sessions(now, idle_since).await?;
        self.0.throttle.sweep().await?;
        Ok(())
    }

    async fn authenticate_person(&self, credentials: Credentials<'_>) -> Result<Person, Failure> {
        let username = TypedName::parse(credentials.username)?;
        let password = Password::parse(credentials.password)?;
        let asked = |directory: &&Arc<dyn Directory>| {
            credentials.directory.is_none_or(|name| directory.name().as_str() == name)
        };
        for directory in self.0.directories.iter().filter(asked) {
            match directory.authenticate(&username, &password).await {
                Ok(person) => return Ok(person),
                Err(directory::AuthenticateError::NoSuchUser) => {}
                Err(directory::AuthenticateError::Refused(refusal)) => {
                    return Err(Failure::Refused(refusal.to_string()));
                }
                Err(directory::AuthenticateError::PasswordExpired) => return Err(Failure::PasswordExpired),
                Err(directory::AuthenticateError::Unavailable(error)) => return Err(Failure::Unavailable(error)),
            }
        }
        Err(Failure::Refused("no directory knows the name".to_owned()))
    }

    async fn begin_session(&self, person: Person, origin: Origin) -> Result<SignedIn, SignInError> {
        let now = self.0.clock.now();
        let token = new_token(SESSION_PREFIX)?;
        let hash = self.0.store.seals().mac(Purpose::Token, &[token.expose_secret().as_bytes()]);
        let session = Session {
            id: SessionId::random(),
            person,
            created_at: now,
            expires_at: after(now, self.0.settings.absolute_seconds),
            checked_at: now,
            last_seen_at: now,
        };
        let entry = Entry::new(Actor::person(&session.person), Action::SignIn, Outcome::Success, origin);
        self.0.trail.commit(vec![self.0.store.add_session(&session, &hash)?], vec![entry]).await?;
        Ok(SignedIn { token, caller: self.caller(session.id, session.expires_at, session.person) })
    }

    async fn person(&self, session: Session, hash: &Mac, origin: &Origin) -> Result<Caller, AuthenticateError> {
        let now = self.0.clock.now();
        if self.is_over(&session, now) {
            self.0.store.end_session(session.id).await?;
            return Err(self.unknown_token(origin, "the session is over"));
        }
        let person = if self.is_stale(&session, now) {
            let person = self.look_up(&session).await?;
            let refreshed = Session { person: person.clone(), checked_at: now, ..session.clone() };
            self.0.store.refresh_session(&refreshed, hash, &session).await?;
            person
        } else {
            session.person.clone()
        };
        if seconds_between(session.last_seen_at, now) >= TOUCH_SECONDS {
            self.0.store.touch_session(session.id, now.into()).await?;
        }
        Ok(Caller::Person(self.caller(session.id, session.expires_at, person)))
    }

    async fn service(
        &self,
        token: ServiceToken,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Caller, AuthenticateError> {
        let now = self.0.clock.now();
        let networks = &token.terms.networks;
        let address = address.to_canonical();
        let refused = if token.expires_at <= now {
            Some("the service token has expired")
        } else if !networks.is_empty() && !networks.iter().any(|network| network.contains(&address)) {
            Some("the service token may not be used from this network")
        } else {
            None
        };
        if let Some(reason) = refused {
            let actor = Actor::Service { name: token.name.as_str().to_owned(), id: token.id.to_string() };
            let entry = Entry::new(actor, Action::TokenRefused, Outcome::Refused, origin.clone());
            self.0.trail.note_refusal(RefusalKind::Token, entry.reason(&reason));
            return Err(AuthenticateError::Unauthenticated);
        }
        if token.last_used_at.is_none_or(|last| seconds_between(last, now) >= TOUCH_SECONDS) {
            self.0.store.touch_service_token(token.id, now.into()).await?;
        }
        Ok(Caller::Service(service_caller(&token)))
    }

    /// Asks the directory again who this is. Nobody is waved through because a directory is silent.
    async fn look_up(&self, session: &Session) -> Result<Person, AuthenticateError> {
        let subject = &session.person.subject;
        let directory = self.0.directories.iter().find(|directory| *directory.name() == subject.directory);
        // A directory that was taken out of the configuration vouches for nobody.
        let Some(directory) = directory else { return self.disabled(session).await };
        match directory.look_up(&subject.id).await? {
            Standing::Good(person) => Ok(person),
            Standing::Disabled | Standing::Gone => self.disabled(session).await,
        }
    }

    async fn disabled<T>(&self, session: &Session) -> Result<T, AuthenticateError> {
        self.0.store.end_session(session.id).await?;
        Err(AuthenticateError::AccountDisabled)
    }

    fn is_over(&self, session: &Session, now: Timestamp) -> bool {
        now >= session.expires_at
            || seconds_between(session.last_seen_at, now) >= i64::from(self.0.settings.idle_seconds)
    }

    /// Also when the clock went back: then the age is not known.
    fn is_stale(&self, session: &Session, now: Timestamp) -> bool {
        !(0..i64::from(self.0.settings.recheck_seconds)).contains(&seconds_between(session.checked_at, now))
    }

    fn caller(&self, session: SessionId, expires_at: Timestamp, person: Person) -> PersonCaller {
        let admin = !person.groups.is_disjoint(&self.0.settings.admin_groups);
        PersonCaller { session, expires_at, person, admin }
    }

    fn unknown_token(&self, origin: &Origin, reason: &str) -> AuthenticateError {
        let actor = Actor::Anonymous { mark: None };
        let entry = Entry::new(actor, Action::TokenRefused, Outcome::Refused, origin.clone()).reason(&reason);
        self.0.trail.note_refusal(RefusalKind::Token, entry);
        AuthenticateError::Unauthenticated
    }

    fn note_refusal(&self, mark: &str, origin: &Origin, reason: &str) {
        let actor = Actor::Anonymous { mark: Some(mark.chars().take(MARK).collect()) };
        let entry = Entry::new(actor, Action::SignIn, Outcome::Refused, origin.clone()).reason(&reason);
        self.0.trail.note_refusal(RefusalKind::SignIn, entry);
    }
}

/// Why nobody was proved.
enum Failure {
    Refused(String),
    PasswordExpired,
    Unavailable(Unavailable),
}

impl From<Untypable> for Failure {
    fn from(error: Untypable) -> Self {
        Self::Refused(error.to_string())
    }
}

fn service_caller(token: &ServiceToken) -> ServiceCaller {
    ServiceCaller {
        token: token.id,
        name: token.name.clone(),
        expires_at: token.expires_at,
        connectors: token.terms.connectors.clone(),
    }
}

/// Waits until the time since `started` is a whole number of steps: how long a refusal took says nothing about its reason.
async fn pad(started: Instant) {
    let steps = started.elapsed().as_millis().div_ceil(STEP.as_millis()).max(1);
    tokio::time::sleep_until(started + STEP * u32::try_from(steps).unwrap_or(u32::MAX)).await;
}

/// People's session tokens.
pub const SESSION_PREFIX: &str = "bks_";
/// Service tokens.
pub const SERVICE_PREFIX: &str = "bkt_";
const STEP: Duration = Duration::from_millis(500);
const TOUCH_SECONDS: i64 = 60;
const MARK: usize = 16;
