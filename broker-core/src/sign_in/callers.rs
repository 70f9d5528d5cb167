//! Token → caller: who it belongs to, whether it still counts, and groups that are never older than the bound.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::{LAST_PROOF, Shown, SignIn};
use crate::as_read::AsRead;
use crate::authorization::{AccessToken, Authorized, Stage};
use crate::caller::{Caller, Person, PersonCaller, ServiceCaller};
use crate::clock::seconds_between;
use crate::directory::{Attested, PasswordMark, Standing, Unavailable};
use crate::id::{AuthorizationId, SessionId};
use crate::session::{ServiceToken, Session};
use crate::store::{Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind, Vec1};
use crate::vault::{Mac, Purpose};
use crate::workload::{NotProved, Refused};

/// The directory might have answered in its own time, and not in the request's.
#[derive(Debug, thiserror::Error)]
#[error("no answer by the request's deadline")]
struct TooLate;

/// Why somebody is looked up.
#[derive(Clone, Copy, Debug)]
enum Errand {
    Asked,
    /// To fetch ahead what they will ask for.
    Ahead,
}

impl Errand {
    fn told(self, reason: &str) -> String {
        match self {
            Self::Asked => reason.to_owned(),
            Self::Ahead => format!("{reason} (nobody asked: credentials were to be fetched ahead)"),
        }
    }
}

/// Why a token is good for nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Unknown, expired, revoked, from the wrong network: the trail knows which.
    #[error("sign in first")]
    Unauthenticated,
    #[error("the account has been disabled or removed")]
    AccountDisabled,
    /// Told once: the session has ended with this answer.
    #[error("the password was changed after this sign-in, which is over")]
    PasswordChanged,
    #[error(transparent)]
    Directory(#[from] Unavailable),
    /// Whether the token is good cannot be told now.
    #[error(transparent)]
    Issuer(Refused),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SignIn {
    /// Who a token belongs to, with groups read within the bound.
    pub async fn authenticate(
        &self,
        shown: &Shown,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Caller, AuthenticateError> {
        if let Some(token) = shown.bearer().filter(|token| self.0.workloads.is_token(token)) {
            return self.workload(token, origin).await;
        }
        let hash = self.hash_of(shown);
        if shown.session_kind().is_some() {
            match self.0.store.session_by_token(&hash).await? {
                Some(session) => Ok(Caller::Person(self.person(session, &hash, origin).await?)),
                None => Err(self.unknown_token(origin, "no such session")),
            }
        } else if shown.is_client() {
            Ok(Caller::Person(self.client(shown, origin).await?))
        } else if shown.is_service() {
            match self.0.store.service_token(&hash).await? {
                Some(token) => self.service(token, address, origin).await,
                None => Err(self.unknown_token(origin, "no such service token: unknown or revoked")),
            }
        } else if shown.is_out_of_place() {
            Err(self.unknown_token(origin, "a token of ours, but not one for where it was shown"))
        } else {
            Err(self.unknown_token(origin, "not a token of ours"))
        }
    }

    /// By which the store knows it.
    pub(super) fn hash_of(&self, shown: &Shown) -> Mac {
        self.0.store.seals().mac(Purpose::Token, &[shown.text().as_bytes()])
    }

    /// The same caller, seen again after a wait: still there, and in which groups. What was waited for had to come by `deadline`; a directory
    /// that is asked now has little longer.
    pub(crate) async fn again(
        &self,
        caller: &Caller,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Caller, AuthenticateError> {
        self.look_again(caller, origin, deadline, Errand::Asked).await
    }

    /// The same while nobody asks, before something is fetched that they are expected to ask for. Records say so.
    pub(crate) async fn again_ahead(
        &self,
        caller: &Caller,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Caller, AuthenticateError> {
        self.look_again(caller, origin, deadline, Errand::Ahead).await
    }

    async fn look_again(
        &self,
        caller: &Caller,
        origin: &Origin,
        deadline: Instant,
        errand: Errand,
    ) -> Result<Caller, AuthenticateError> {
        let now = self.0.clock.now();
        match caller {
            Caller::Person(caller) => {
                let session = match caller.client {
                    None => self.0.store.session(caller.session).await?,
                    // Its access token is over, and the next one is another caller's.
                    Some(_) if caller.expires_at <= now => None,
                    Some(id) => self.0.store.authorization(id).await?.map(|authorized| authorized.session),
                };
                let mut session = session.ok_or(AuthenticateError::Unauthenticated)?;
                if self.is_over(&session, now) {
                    return Err(AuthenticateError::Unauthenticated);
                }
                let mut asked_at = session.checked_at;
                if self.is_stale(&session, now) || !self.is_session_as_known(&session) {
                    let asked =
                        tokio::time::timeout_at(deadline + LAST_PROOF, self.look_up(&session, origin, errand)).await;
                    session.person = asked.unwrap_or_else(|_| Err(too_late(&session.person)))?;
                    self.must_be_there(session.id).await?;
                    asked_at = now;
                }
                let found = self.caller(session, asked_at);
                Ok(Caller::Person(match caller.client {
                    None => found,
                    Some(id) => of_client(found, id, caller.expires_at),
                }))
            }
            Caller::Service(caller) => {
                let token = self.0.store.service_token_by_id(caller.token).await?;
                let token = token.ok_or(AuthenticateError::Unauthenticated)?;
                let caller = service_caller(&token, now).map_err(|_| AuthenticateError::Unauthenticated)?;
                Ok(Caller::Service(caller))
            }
            // Nobody can take the token back: its own end is all that there is.
            Caller::Workload(caller) if caller.expires_at > now => Ok(Caller::Workload(caller.clone())),
            Caller::Workload(_) => Err(AuthenticateError::Unauthenticated),
        }
    }

    /// The person in whose place a client asks, with groups read within the bound, for as long as their session lives.
    pub(crate) async fn client_of(
        &self,
        authorized: Authorized,
        origin: &Origin,
    ) -> Result<PersonCaller, AuthenticateError> {
        let Authorized { authorization, session, token, .. } = authorized;
        let person = self.person(session, &token, origin).await?;
        let ends = person.expires_at;
        Ok(of_client(person, authorization.id, ends))
    }

    /// The same by the client's access token.
    async fn client(&self, shown: &Shown, origin: &Origin) -> Result<PersonCaller, AuthenticateError> {
        let Some(token) = AccessToken::parse(shown.text(), self.0.store.seals()) else {
            return Err(self.unknown_token(origin, "not an access token of this installation"));
        };
        if token.expires_at <= self.0.clock.now() {
            return Err(self.unknown_token(origin, "the access token is over"));
        }
        let live = self.0.store.authorization(token.authorization).await?;
        let Some(authorized) = live.filter(|live| matches!(live.authorization.stage, Stage::Tokens { .. })) else {
            return Err(self.unknown_token(origin, "the sign-in that the access token came of is over"));
        };
        let session = &authorized.session;
        let waits = self.is_stale(session, self.0.clock.now()) || !self.is_session_as_known(session);
        let person = self.client_of(authorized, origin).await?;
        if waits {
            // A directory was waited for: whoever ended the client meanwhile has been told that it is over.
            let there = self.0.store.authorization(token.authorization).await?;
            there.ok_or_else(|| self.unknown_token(origin, "the client's sign-in was ended meanwhile"))?;
        }
        Ok(of_client(person, token.authorization, token.expires_at))
    }

    async fn person(
        &self,
        mut session: Session,
        hash: &Mac,
        origin: &Origin,
    ) -> Result<PersonCaller, AuthenticateError> {
        let now = self.0.clock.now();
        if self.is_over(&session, now) {
            self.0.store.forget_session(session.id).await?;
            return Err(self.unknown_token(origin, "the session is over"));
        }
        let is_stale = self.is_stale(&session, now) || !self.is_session_as_known(&session);
        if is_stale {
            let person = self.look_up(&session, origin, Errand::Asked).await?;
            // Never of the same moment: whoever writes down other groups writes down another time.
            let checked_at = if now == session.checked_at { just_after(now) } else { now };
            let refreshed = Session { person, checked_at, ..session.clone() };
            self.0.store.refresh_session(&refreshed, hash, &session).await?;
            session = refreshed;
        }
        let is_noted = seconds_between(session.last_seen_at, now) >= TOUCH_SECONDS;
        if is_noted {
            note_use(self.0.store.touch_session(session.id, now.into()).await);
        }
        if is_stale || is_noted {
            // As it stands there: another node may have been faster.
            let there = self.0.store.session(session.id).await?;
            session = there.ok_or_else(|| self.unknown_token(origin, "the session was ended meanwhile"))?;
        }
        let asked_at = session.checked_at;
        Ok(self.caller(session, asked_at))
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
        let at_home = networks.is_empty() || networks.iter().any(|network| network.contains(&address));
        let elsewhere = "the service token may not be used from this network";
        let caller = match service_caller(&token, now).and_then(|caller| at_home.then_some(caller).ok_or(elsewhere)) {
            Ok(caller) => caller,
            Err(reason) => {
                let actor = Actor::Service { name: token.name.as_str().to_owned(), id: token.id.to_string() };
                let entry = Entry::new(actor, Action::TokenRefused, Outcome::Refused, origin.clone());
                self.0.trail.note_refusal(RefusalKind::Token, entry.reason(&reason));
                return Err(AuthenticateError::Unauthenticated);
            }
        };
        if token.last_used_at.is_none_or(|last| seconds_between(last, now) >= TOUCH_SECONDS) {
            note_use(self.0.store.touch_service_token(token.id, now.into()).await);
            let there = self.0.store.service_token_by_id(token.id).await?;
            there.ok_or_else(|| self.unknown_token(origin, "the service token was revoked meanwhile"))?;
        }
        Ok(Caller::Service(caller))
    }

    async fn workload(&self, token: &str, origin: &Origin) -> Result<Caller, AuthenticateError> {
        let refused = match self.0.workloads.prove(token).await {
            Ok(caller) => return Ok(Caller::Workload(caller)),
            Err(refused) => refused,
        };
        // Whoever it is, they are not of ours: a public issuer signs for everybody.
        let mark = refused.proved.as_ref().map(|(issuer, subject)| format!("{issuer}:{subject}"));
        let actor = Actor::Anonymous { mark };
        let unavailable = matches!(refused.why, NotProved::Unavailable { .. });
        let outcome = if unavailable { Outcome::Failed } else { Outcome::Refused };
        let entry = Entry::new(actor, Action::TokenRefused, outcome, origin.clone()).reason(&refused);
        self.0.trail.note_refusal(RefusalKind::Token, entry);
        Err(if unavailable { AuthenticateError::Issuer(refused) } else { AuthenticateError::Unauthenticated })
    }

    /// A directory or a write was waited for since the row was read: whoever ended the session meanwhile has been told that it is over.
    async fn must_be_there(&self, session: SessionId) -> Result<Session, AuthenticateError> {
        self.0.store.session(session).await?.ok_or(AuthenticateError::Unauthenticated)
    }

    /// Asks the directory again who this is. Nobody is waved through because a directory is silent.
    async fn look_up(&self, session: &Session, origin: &Origin, errand: Errand) -> Result<Person, AuthenticateError> {
        let subject = &session.person.subject;
        let directory = self.0.directories.iter().find(|directory| *directory.name() == subject.directory);
        let asked_at = self.0.clock.now();
        // A directory that was taken out of the configuration vouches for nobody.
        let standing = match directory {
            Some(_) if self.0.cut_off.is(session, asked_at) => Ok(Standing::Gone),
            Some(directory) => {
                let standing = directory.look_up(&subject.id).await;
                if let Ok(Standing::Disabled | Standing::Gone) = standing {
                    self.0.cut_off.note(subject, asked_at);
                }
                standing
            }
            None => Ok(Standing::Gone),
        };
        let refused =
            |outcome| Entry::new(Actor::person(&session.person), Action::TokenRefused, outcome, origin.clone());
        match standing {
            Ok(Standing::Good(attested)) if self.is_by_another_password(session, &attested) => {
                // Whoever changed their own password meanwhile goes on by the new one in that very session.
                let now = self.0.store.session(session.id).await?;
                if now.is_some_and(|now| !self.is_by_another_password(&now, &attested)) {
                    return Ok(attested.person);
                }
                self.end_of_password(session, origin, errand).await?;
                Err(AuthenticateError::PasswordChanged)
            }
            Ok(Standing::Good(attested)) => Ok(attested.person),
            Ok(Standing::Disabled | Standing::Gone) => {
                let reason = errand.told("the account has been disabled or removed; its session is over");
                let entry = refused(Outcome::Refused).reason(&reason);
                self.0.trail.take_away(vec![Store::end_session(session.id)], Vec1::new(entry)).await?;
                Err(AuthenticateError::AccountDisabled)
            }
            Err(error) => {
                let entry = refused(Outcome::Failed).reason(&errand.told("the directory is unavailable"));
                self.0.trail.note_refusal(RefusalKind::Token, entry);
                Err(error.into())
            }
        }
    }

    /// Whether the person has another password than the one by which the session began, as far as anybody knows.
    fn is_by_another_password(&self, session: &Session, attested: &Attested) -> bool {
        session.password_mark.is_some_and(|began_by| began_by != self.mark_of(attested))
    }

    /// By which password somebody is known, as sessions keep it.
    pub(super) fn mark_of(&self, attested: &Attested) -> Mac {
        attested.password.keyed(self.0.store.seals(), &attested.person.subject)
    }

    /// Nobody asked for it, so that it is the daemon's own doing; whoever asks at the same moment finds nothing to end, and writes nothing.
    async fn end_of_password(&self, session: &Session, origin: &Origin, errand: Errand) -> Result<(), StoreError> {
        let Person { subject, username, .. } = &session.person;
        let changes = json!({
            "session_id": session.id,
            "person": format!("{}/{username}", subject.directory),
            "person_id": subject.id,
        });
        let reason = errand.told("the password was changed after the sign-in");
        let entry = Entry::new(Actor::Daemon, Action::SessionEnded, Outcome::Success, origin.clone());
        let entry = entry.about(Some(subject)).reason(&reason).changes(changes);
        self.0.trail.take_away(vec![Store::end_session(session.id)], Vec1::new(entry)).await.map(drop)
    }

    fn is_session_as_known(&self, session: &Session) -> bool {
        let subject = &session.person.subject;
        let began_by = |mark: &PasswordMark| {
            session.password_mark.is_none_or(|began_by| began_by == mark.keyed(self.0.store.seals(), subject))
        };
        self.is_person_as_known(&session.person, &began_by)
    }

    /// Whether their directory has nothing else at hand of whoever asks. Asks nobody.
    pub(crate) fn is_as_known(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Person(caller) => self.is_person_as_known(&caller.person, &|_| true),
            Caller::Service(_) | Caller::Workload(_) => true,
        }
    }

    fn is_person_as_known(&self, person: &Person, is_theirs: &(dyn Fn(&PasswordMark) -> bool + Sync)) -> bool {
        let directory = self.0.directories.iter().find(|directory| *directory.name() == person.subject.directory);
        directory.is_none_or(|directory| directory.is_as_known(person, is_theirs))
    }

    pub(super) fn is_over(&self, session: &Session, now: Timestamp) -> bool {
        now >= session.expires_at
            || seconds_between(session.last_seen_at, now) >= i64::from(self.0.settings.idle_seconds)
    }

    /// Also when the clock went back: then the age is not known. And where more is known of the owner by now than when it was looked at.
    fn is_stale(&self, session: &Session, now: Timestamp) -> bool {
        !(0..i64::from(self.0.settings.recheck_seconds)).contains(&seconds_between(session.checked_at, now))
            || self.0.cut_off.is(session, now)
    }

    fn unknown_token(&self, origin: &Origin, reason: &str) -> AuthenticateError {
        let actor = Actor::Anonymous { mark: None };
        let entry = Entry::new(actor, Action::TokenRefused, Outcome::Refused, origin.clone()).reason(&reason);
        self.0.trail.note_refusal(RefusalKind::Token, entry);
        AuthenticateError::Unauthenticated
    }
}

/// A client in the place of a person, until its token ends. Administration is for people who sit at a browser.
fn of_client(person: PersonCaller, client: AuthorizationId, ends: Timestamp) -> PersonCaller {
    let expires_at = person.expires_at.min(ends);
    let as_read = person.as_read.by_authorization(client, expires_at);
    PersonCaller { client: Some(client), role: None, expires_at, as_read, ..person }
}

pub(super) fn just_after(time: Timestamp) -> Timestamp {
    time.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX)
}

pub(super) fn too_late(person: &Person) -> AuthenticateError {
    Unavailable { directory: person.subject.directory.clone(), source: Box::new(TooLate) }.into()
}

/// When something was last used decides nothing at this moment, so that not being able to note it stops nobody.
fn note_use(noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(%error, source = ?std::error::Error::source(&error), "cannot note when a token was last used");
    }
}

/// Or why the token is good for nothing at this moment.
fn service_caller(token: &ServiceToken, now: Timestamp) -> Result<ServiceCaller, &'static str> {
    if token.expires_at <= now {
        return Err("the service token has expired");
    }
    if token.awaits_confirmation {
        return Err("the service token waits for confirmation since a backup was restored");
    }
    Ok(ServiceCaller {
        token: token.id,
        name: token.name.clone(),
        expires_at: token.expires_at,
        connectors: token.terms.connectors.clone(),
        as_read: AsRead::of_service_token(token.id, token.epoch, token.expires_at),
    })
}

const TOUCH_SECONDS: i64 = 60;
