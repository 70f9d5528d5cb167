//! Somebody who shows a password with one request: in for as long as that may take, beside all their sessions, and out again.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::prove::{Proved, tell_break_glass};
use super::{Credentials, Leaving, SignIn, SignInError, at_the_latest};
use crate::caller::{Person, PersonCaller, Subject};
use crate::clock::after;
use crate::directory::Attested;
use crate::id::SessionId;
use crate::places::{Place, Places};
use crate::session::Session;
use crate::trail::{Action, Actor, Entry, Origin, Outcome, Vec1};
use crate::vault::{Purpose, new_token};

/// How many visits each person has at this moment, on this node.
#[derive(Debug)]
pub(super) struct Visits(Places<Subject>);

/// Somebody who has just proved who they are, and has no session.
#[derive(Debug)]
pub struct Visitor {
    attested: Attested,
    /// Before their directory was asked.
    started: Instant,
    /// By an account that is for emergencies.
    break_glass: bool,
}

/// A session that ends when this is dropped. Its token is shown to nobody.
#[derive(Debug)]
pub struct Visit {
    pub caller: PersonCaller,
    sign_in: SignIn,
    leaving: Leaving,
    origin: Origin,
    place: Option<Place>,
}

/// Why somebody with a right password is not let in for one request.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    #[error("you have {AT_ONCE} requests with a name and a password in flight: wait for them, or sign in once for all")]
    TooManyAtOnce,
    #[error("the task that signed in has ended")]
    Lost,
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl Default for Visits {
    fn default() -> Self {
        Self(Places::new(AT_ONCE))
    }
}

impl Visitor {
    pub fn person(&self) -> &Person {
        &self.attested.person
    }
}

impl SignIn {
    /// Who it is; counted, recorded and answered as every sign-in where that fails. Whoever has enrolled a second factor cannot show it so.
    pub async fn prove_visitor(&self, credentials: Credentials<'_>) -> Result<Visitor, SignInError> {
        let started = Instant::now();
        let Proved { attested, attempt, .. } = self.prove(&credentials, None, started).await?;
        self.0.throttle.succeeded(&attempt).await?;
        Ok(Visitor { attested, started, break_glass: attempt.is_break_glass() })
    }

    /// Lets somebody in for `longest` at most, whatever becomes of this process. No other session of theirs makes room for it, and none
    /// for others counts it. Whoever hangs up at whatever moment leaves no session behind.
    pub async fn visit(&self, visitor: Visitor, longest: Duration, origin: &Origin) -> Result<Visit, VisitError> {
        let place = self.0.visits.0.free(visitor.person().subject.clone()).ok_or(VisitError::TooManyAtOnce)?;
        let (sign_in, origin) = (self.clone(), origin.clone());
        // A task of its own: a visit that nobody waits for any more is dropped by it.
        let beginning = tokio::spawn(async move { sign_in.begin_visit(visitor, longest, origin, place).await });
        beginning.await.map_err(|_| VisitError::Lost)?.map_err(VisitError::from)
    }

    async fn begin_visit(
        &self,
        Visitor { attested, started, break_glass }: Visitor,
        longest: Duration,
        origin: Origin,
        place: Place,
    ) -> Result<Visit, SignInError> {
        let action = Action::of_sign_in(break_glass);
        let now = self.0.clock.now();
        let token = new_token(PREFIX)?;
        let hash = self.0.store.seals().mac(Purpose::Token, &[token.expose_secret().as_bytes()]);
        let password_mark = Some(self.mark_of(&attested));
        let session = Session {
            id: SessionId::random(),
            person: attested.person,
            created_at: now,
            expires_at: after(now, u32::try_from(longest.as_secs()).unwrap_or(u32::MAX)),
            checked_at: at_the_latest(now, started),
            last_seen_at: now,
            epoch: self.0.store.epoch().await?,
            second_factor: None,
            password_mark,
        };
        let entry = Entry::new(Actor::person(&session.person), action, Outcome::Success, origin.clone());
        self.0.trail.commit(vec![self.0.store.add_visit(&session, &hash)?], Vec1::new(entry)).await?;
        if break_glass {
            tell_break_glass(&session.person, &origin);
        }
        let asked_at = session.checked_at;
        let (leaving, caller) = (Leaving(session.clone()), self.caller(session, asked_at));
        Ok(Visit { caller, sign_in: self.clone(), leaving, origin, place: Some(place) })
    }
}

impl Visit {
    pub fn session(&self) -> SessionId {
        self.leaving.session()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let (sign_in, leaving, origin) = (self.sign_in.clone(), self.leaving.clone(), self.origin.clone());
        let place = self.place.take();
        tokio::spawn(async move {
            if let Err(error) = sign_in.sign_out(&leaving, &origin).await {
                tracing::warn!(%error, "cannot end the session of somebody who showed a password with one request");
            }
            drop(place);
        });
    }
}

/// A script or two, each with several requests at once.
const AT_ONCE: usize = 10;
/// No place where tokens are shown takes one that begins so.
const PREFIX: &str = "bkv_";
