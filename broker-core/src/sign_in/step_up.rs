//! A second factor that somebody who is signed in shows once more, or for the first time: their session counts for more from then on.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::callers::just_after;
use super::factors::{Accepted, Showing, WrongCode};
use super::prove::Unproved;
use super::{SessionKind, Shown, SignIn, SignInError};
use crate::assurance::{FactorUsed, ProvedFactor};
use crate::caller::{Caller, Person, PersonCaller};
use crate::directory::TypedName;
use crate::second_factor::{Answer, Within};
use crate::session::Session;
use crate::store::{Change, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, TrailError, Vec1};
use crate::vault::{Mac, Purpose, SealBroken, new_token};

/// A session that counts for more than it did.
#[derive(Debug)]
pub struct Raised {
    /// Under which it goes on in a browser; elsewhere its token stays.
    pub token: Option<SecretString>,
    pub caller: PersonCaller,
}

/// Why a session does not count for more than it did.
#[derive(Debug, thiserror::Error)]
pub enum StepUpError {
    #[error("you have no second factor: enrol one on the broker's page My account (/account)")]
    NothingEnrolled,
    #[error("a client cannot show a second factor: its person does, at the broker")]
    NotAPerson,
    #[error(transparent)]
    Refused(#[from] SignInError),
    /// It ended meanwhile.
    #[error("the session is over")]
    SessionOver,
}

/// Why a session was not raised.
pub(super) enum RaiseError {
    /// What was shown, or to be changed, was changed by somebody else.
    Stale,
    /// What was to be added is there.
    Taken,
    SessionOver,
    SignIn(SignInError),
}

impl From<SignInError> for RaiseError {
    fn from(error: SignInError) -> Self {
        Self::SignIn(error)
    }
}

impl SignIn {
    /// A code shown by somebody who is signed in: their session counts for more from now on. In a browser it goes on under a new token, which is
    /// given; what came of the session stays with it.
    pub async fn step_up(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        otp: &SecretString,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<Raised, StepUpError> {
        self.step_up_by(person, shown, Showing::Code(otp), (address, origin)).await
    }

    /// The same by a passkey that was asked for in that very session.
    pub async fn step_up_by_passkey(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        answer: &Answer,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<Raised, StepUpError> {
        let showing = Showing::Passkey(answer, Within::Session(person.session));
        self.step_up_by(person, shown, showing, (address, origin)).await
    }

    async fn step_up_by(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        showing: Showing<'_>,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<Raised, StepUpError> {
        let started = Instant::now();
        if person.client.is_some() {
            return Err(StepUpError::NotAPerson);
        }
        let subject = &person.person.subject;
        if !self.0.store.is_enrolled(subject).await.map_err(SignInError::from)? {
            return Err(StepUpError::NothingEnrolled);
        }
        let mark = self.0.throttle.mark(&person.person.username);
        let whose = (subject, self.is_break_glass(&person.person).await);
        let (attempt, accepted) = match self.counted(whose, mark.clone(), showing, address).await {
            Ok(counted) => counted,
            Err(unproved) => return Err(self.step_up_refused(unproved, person, origin, started).await.into()),
        };
        let entry =
            Entry::new(Actor::person(&person.person), Action::SecondFactorProved, Outcome::Success, origin.clone());
        let Accepted { by, take, facts } = accepted;
        match self.raised(person, shown, by, take, entry.changes(facts.into())).await {
            Ok(raised) => {
                self.0.throttle.succeeded(&attempt).await.map_err(SignInError::from)?;
                Ok(raised)
            }
            Err(error @ (RaiseError::Stale | RaiseError::Taken)) => {
                let with_the_same = matches!(error, RaiseError::Taken);
                let unproved = WrongCode::outrun(by, with_the_same).told(mark, Some(subject.clone()), &attempt);
                Err(self.step_up_refused(unproved, person, origin, started).await.into())
            }
            Err(RaiseError::SessionOver) => Err(StepUpError::SessionOver),
            Err(RaiseError::SignIn(error)) => Err(error.into()),
        }
    }

    /// Raises a session with other changes in one commit. A session that was read again meanwhile by another node is looked at once more.
    pub(super) async fn raised(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        by: FactorUsed,
        changes: Vec<Change>,
        entry: Entry,
    ) -> Result<Raised, RaiseError> {
        let before: Mac = self.hash_of(shown);
        let (token, after) = self.next_token(shown).map_err(SignInError::from)?;
        for _ in 0..ATTEMPTS {
            let seen = self.0.store.session_by_token(&before).await.map_err(SignInError::from)?;
            let Some(seen) = seen.filter(|seen| seen.id == person.session) else { return Err(RaiseError::SessionOver) };
            let proved = ProvedFactor { by, at: self.0.clock.now() };
            let raised = Session { second_factor: Some(proved), ..seen.clone() };
            let raise = self.0.store.rewrite_session(&seen, &before, &raised, &after).map_err(SignInError::from)?;
            let changes = changes.iter().cloned().chain([raise]).collect();
            match self.0.trail.commit(changes, Vec1::new(entry.clone())).await {
                Ok(()) => {
                    let asked_at = raised.checked_at;
                    let caller = self.caller(raised, asked_at);
                    self.forget(&Caller::Person(caller.clone()));
                    return Ok(Raised { token, caller });
                }
                Err(TrailError::Change(StoreError::Stale)) => {
                    // Which of them it was shows in the session: where that is as before, it was the code.
                    let now = self.0.store.session_by_token(&before).await.map_err(SignInError::from)?;
                    if now
                        .as_ref()
                        .is_some_and(|now| now.checked_at == seen.checked_at && now.second_factor == seen.second_factor)
                    {
                        return Err(RaiseError::Stale);
                    }
                }
                Err(TrailError::Change(StoreError::Taken)) => return Err(RaiseError::Taken),
                Err(error) => return Err(RaiseError::SignIn(error.into())),
            }
        }
        Err(RaiseError::Stale)
    }

    /// Under which token a session goes on that counts for more, or by another password, and what the store knows it by: a new one in a browser,
    /// since a cookie may have been taken before; elsewhere that of before.
    pub(super) fn next_token(&self, shown: &Shown) -> Result<(Option<SecretString>, Mac), SealBroken> {
        match shown {
            Shown::Cookie(_) => {
                let token = new_token(SessionKind::Browser.prefix())?;
                let hash = self.0.store.seals().mac(Purpose::Token, &[token.expose_secret().as_bytes()]);
                Ok((Some(token), hash))
            }
            Shown::Bearer(_) | Shown::Portal(_) => Ok((None, self.hash_of(shown))),
        }
    }

    /// The session by which somebody changes what they have enrolled; nothing where it is over.
    pub(super) async fn own_session(
        &self,
        person: &PersonCaller,
        shown: &Shown,
    ) -> Result<Option<Session>, StoreError> {
        let session = self.0.store.session_by_token(&self.hash_of(shown)).await?;
        Ok(session.filter(|session| session.id == person.session))
    }

    /// Writes to that session, as it was seen, by what it counts as proved from now on: of two changes at once the later one is `Stale`. By its time whoever
    /// was read before is somebody else, on every node, also in the middle of a request.
    pub(super) fn touched(
        &self,
        seen: &Session,
        shown: &Shown,
        proved: Option<ProvedFactor>,
    ) -> Result<Change, StoreError> {
        let token = self.hash_of(shown);
        let second_factor = proved.map(|proved| ProvedFactor { at: just_after(proved.at), ..proved });
        let touched = Session { second_factor, checked_at: just_after(seen.checked_at), ..seen.clone() };
        self.0.store.rewrite_session(seen, &token, &touched, &token)
    }

    async fn step_up_refused(
        &self,
        unproved: Unproved,
        person: &PersonCaller,
        origin: &Origin,
        started: Instant,
    ) -> SignInError {
        let (actor, unproved) = (Actor::person(&person.person), Unproved { subject: None, ..unproved });
        self.refused_as(actor, Action::SecondFactorProved, unproved, origin, started).await
    }

    /// Whether somebody's account is for emergencies; where nobody can say, they are counted as if it were.
    async fn is_break_glass(&self, person: &Person) -> bool {
        let directory = self.0.directories.iter().find(|directory| *directory.name() == person.subject.directory);
        match (directory, TypedName::parse(&person.username)) {
            (Some(directory), Ok(username)) => directory.is_break_glass(&username).await.unwrap_or(true),
            _ => false,
        }
    }
}

/// One more than it takes when another node was faster.
const ATTEMPTS: usize = 3;
