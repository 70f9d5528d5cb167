//! Name and password → person: counted before the password is tried, one answer and one time for every failure.

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use super::factors::{Accepted, Showing, WrongCode};
use super::throttle::{Attempt, HeldBack, Throttle, ThrottleError};
use super::{Begun, Credentials, HalfWay, SessionKind, SignIn, SignInError, SignedIn};
use crate::caller::{Person, Subject};
use crate::directory::{Attested, AuthenticateError, Gate, NotAdmitted, Password, TypedName, Unavailable, Untypable};
use crate::second_factor::{Enrolled, FactorKind};
use crate::store::{Newcomer, Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind, TrailError, Vec1};

/// Lets a password out to a directory once the attempt has been counted against whose it would be.
struct Counting<'a> {
    throttle: &'a Throttle,
    attempt: &'a Attempt,
    password: Password,
    break_glass: bool,
}

/// Why somebody was not proved, for those who write it down and for those who are told.
pub(super) struct Unproved {
    /// Of the typed name.
    pub(super) mark: String,
    /// Whose name it was, if a directory knew.
    pub(super) subject: Option<Subject>,
    /// In a sentence; nothing where the store failed and nothing can be written.
    pub(super) reason: Option<String>,
    pub(super) told: SignInError,
    /// How long the answer took must not tell the reason.
    pub(super) padded: bool,
    pub(super) break_glass: BreakGlass,
}

/// Whether an attempt was on an account that is for emergencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BreakGlass {
    No,
    /// Its password was shown to nobody.
    HeldBack,
    Tried,
}

impl BreakGlass {
    pub(super) fn of(attempt: &Attempt) -> Self {
        match (attempt.is_break_glass(), attempt.is_held_back()) {
            (false, _) => Self::No,
            (true, true) => Self::HeldBack,
            (true, false) => Self::Tried,
        }
    }

    /// Says in the log that a secret of such an account was tried in vain.
    pub(super) fn tell(self, origin: &Origin) {
        if self == Self::Tried {
            let (id, address) = (origin.request_id, origin.client_address.as_deref());
            tracing::warn!(request.id = %id, client.address = address, alarm = "break_glass", "somebody was not let in by a break-glass account");
        }
    }
}

impl Unproved {
    /// Nothing can be written down.
    pub(super) fn by_the_store(mark: String, error: StoreError) -> Self {
        Self { mark, subject: None, reason: None, told: error.into(), padded: false, break_glass: BreakGlass::No }
    }
}

/// Somebody who may come in, once the code that they showed has been taken.
pub(super) struct Proved {
    pub(super) attested: Attested,
    /// Not told yet how it ended.
    pub(super) attempt: Attempt,
    pub(super) mark: String,
    pub(super) newcomer: Newcomer,
    pub(super) factor: Option<Accepted>,
}

/// Each directory kept to its own deadline, and all of them in a row did not keep to that of a sign-in.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0} seconds, all directories together")]
struct TogetherTooSlow(u64);

/// Why nobody was proved.
enum Failure {
    Refused(String),
    /// The attempt knows why.
    NotAdmitted,
    PasswordExpired,
    Unavailable(Unavailable),
    /// The password was shown: the directory may have counted it.
    Unanswered(Unavailable),
}

/// Says in the log that somebody got in by an account for emergencies.
pub(super) fn tell_break_glass(person: &Person, origin: &Origin) {
    let (directory, name, id) = (&person.subject.directory, &person.username, origin.request_id);
    let address = origin.client_address.as_deref();
    tracing::warn!(directory.name = %directory, person.name = name, request.id = %id, client.address = address, alarm = "break_glass", "somebody has signed in by a break-glass account");
}

impl SignIn {
    /// Who somebody is, if the password is right, and the code where they have one. Counts the attempt, and records it if it is refused.
    pub(super) async fn prove(
        &self,
        credentials: &Credentials<'_>,
        otp: Option<&SecretString>,
        started: Instant,
    ) -> Result<Proved, SignInError> {
        match self.try_both(credentials, otp, started + self.0.settings.sign_in_within).await {
            Ok(proved) => Ok(proved),
            Err(unproved) => Err(self.refused(unproved, credentials.origin, started).await),
        }
    }

    /// Writes down why nobody was let in, and holds the answer back for as long as all of them take.
    pub(super) async fn refused(&self, unproved: Unproved, origin: &Origin, started: Instant) -> SignInError {
        let actor = Actor::Anonymous { mark: Some(unproved.mark.chars().take(MARK).collect()) };
        let action = Action::of_sign_in(unproved.break_glass != BreakGlass::No);
        self.refused_as(actor, action, unproved, origin, started).await
    }

    /// The same of somebody who is signed in, and proves a password or a code once more.
    pub(super) async fn refused_as(
        &self,
        actor: Actor,
        action: Action,
        Unproved { subject, reason, told, padded, break_glass, .. }: Unproved,
        origin: &Origin,
        started: Instant,
    ) -> SignInError {
        break_glass.tell(origin);
        if let Some(reason) = reason {
            let outcome = match told {
                SignInError::Directory(_) => Outcome::Failed,
                _ => Outcome::Refused,
            };
            let entry = Entry::new(actor, action, outcome, origin.clone());
            self.0.trail.note_refusal(RefusalKind::SignIn, entry.about(subject.as_ref()).reason(&reason));
        }
        if padded {
            self.0.pad.fill(started).await;
        }
        told
    }

    /// Who somebody is by their password alone, for callers who write down themselves what came of it, and keep the reason from whoever must not
    /// know it. Nobody is let in by this, so that it takes no count back but its own, and makes nobody at home anywhere.
    pub(super) async fn try_password(&self, credentials: &Credentials<'_>, by: Instant) -> Result<Attested, Unproved> {
        let (attested, attempt, mark) = self.password(credentials, by).await?;
        self.0.throttle.undecided(&attempt).await.map_err(|error| Unproved::by_the_store(mark, error))?;
        Ok(attested)
    }

    /// The attempt is right only once both are: it counts until then, so that nobody who knows a password guesses codes for nothing.
    async fn try_both(
        &self,
        credentials: &Credentials<'_>,
        otp: Option<&SecretString>,
        by: Instant,
    ) -> Result<Proved, Unproved> {
        let throttle = &self.0.throttle;
        let (attested, attempt, mark) = self.password(credentials, by).await?;
        let failed = |error: StoreError| Unproved::by_the_store(mark.clone(), error);
        let subject = &attested.person.subject;
        let newcomer = self.newcomer(subject).await.map_err(failed)?;
        let (reason, told) = match (newcomer.is_enrolled, otp) {
            (false, None) => return Ok(Proved { attested, attempt, mark, newcomer, factor: None }),
            (true, Some(code)) => {
                let enrolled = self.0.store.enrolled(subject).await.map_err(failed)?;
                return match self.accepted(&enrolled, subject, Showing::Code(code)).await {
                    Ok(factor) => Ok(Proved { attested, attempt, mark, newcomer, factor: Some(factor) }),
                    Err(wrong) => Err(wrong.told(mark, Some(subject.clone()), &attempt)),
                };
            }
            (false, Some(_)) => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                (Some(NEEDLESS.to_owned()), SignInError::NothingEnrolled)
            }
            // Nothing has failed, and nothing is done: what was counted before counts on.
            (true, None) => {
                let enrolled = self.0.store.enrolled(subject).await.map_err(failed)?;
                throttle.undecided(&attempt).await.map_err(failed)?;
                let half_way = self.half_way(&attested, mark.clone(), attempt.is_break_glass());
                // Whoever has a second factor signs in so each day; an account for emergencies is heard whatever comes of it.
                let reason = attempt.is_break_glass().then(|| HALF_WAY.to_owned());
                (reason, wanted_of(&enrolled, half_way))
            }
        };
        let break_glass = BreakGlass::of(&attempt);
        Err(Unproved { mark, subject: Some(subject.clone()), reason, told, padded: false, break_glass })
    }

    /// Lets in whoever was proved. A code that somebody else took meanwhile was no good.
    pub(super) async fn enter(
        &self,
        proved: Proved,
        kind: SessionKind,
        (origin, started): (&Origin, Instant),
    ) -> Result<SignedIn, SignInError> {
        let Proved { attested, attempt, mark, newcomer, factor } = proved;
        let (subject, by) = (attested.person.subject.clone(), factor.as_ref().map(|accepted| accepted.by));
        let break_glass = attempt.is_break_glass();
        let half_way = self.half_way(&attested, mark.clone(), break_glass);
        let begun = Begun::ByPassword { break_glass };
        let begun = self.begin_session(attested, kind, begun, newcomer, factor, (origin, started)).await;
        let signed_in = match (begun, by) {
            (
                Err(SignInError::Trail(TrailError::Change(error @ (StoreError::Stale | StoreError::Taken)))),
                Some(by),
            ) => {
                let wrong = WrongCode::outrun(by, matches!(error, StoreError::Taken));
                return Err(self.refused(wrong.told(mark, Some(subject), &attempt), origin, started).await);
            }
            (begun, _) => begun?,
        };
        if by.is_none() && self.is_ended_by_enrolling(&signed_in, origin).await? {
            self.0.throttle.undecided(&attempt).await?;
            let enrolled = self.0.store.enrolled(&signed_in.caller.person.subject).await?;
            return Err(wanted_of(&enrolled, half_way));
        }
        self.0.throttle.succeeded(&attempt).await?;
        Ok(signed_in)
    }

    /// Whoever enrolled something at the very moment when a session began without it has ended all sessions that there were, and not this one: it
    /// ends now.
    pub(super) async fn is_ended_by_enrolling(
        &self,
        signed_in: &SignedIn,
        origin: &Origin,
    ) -> Result<bool, SignInError> {
        let caller = &signed_in.caller;
        if !self.0.store.is_enrolled(&caller.person.subject).await? {
            return Ok(false);
        }
        let entry = Entry::new(Actor::person(&caller.person), Action::SignOut, Outcome::Success, origin.clone());
        let entry = entry.reason(&"a second factor was enrolled while this session began without one");
        self.0.trail.take_away(vec![Store::end_session(caller.session)], Vec1::new(entry)).await?;
        Ok(true)
    }

    /// Who somebody is, if the password is right; how long that took is how long refusals take. The attempt has not been told how it ended.
    pub(super) async fn password(
        &self,
        credentials: &Credentials<'_>,
        by: Instant,
    ) -> Result<(Attested, Attempt, String), Unproved> {
        let (throttle, started) = (&self.0.throttle, Instant::now());
        let mark = throttle.mark(credentials.username);
        let unproved = |subject: Option<&Subject>, reason: Option<String>, told: SignInError| Unproved {
            mark: mark.clone(),
            subject: subject.cloned(),
            reason,
            told,
            padded: false,
            break_glass: BreakGlass::No,
        };
        let failed = |error: StoreError| unproved(None, None, error.into());
        let attempt = match throttle.admit(&mark, credentials.address).await {
            Ok(attempt) => attempt,
            Err(ThrottleError::TooMany { seconds }) => {
                let told = SignInError::TooManyAttempts { retry_after_seconds: seconds };
                return Err(unproved(None, Some(TOO_MANY.to_owned()), told));
            }
            Err(ThrottleError::Store(error)) => return Err(failed(error)),
        };
        let failure = match self.ask(credentials, &attempt, by).await {
            Ok(attested) => {
                self.0.pad.learn(started);
                return Ok((attested, attempt, mark));
            }
            Err(failure) => failure,
        };
        let (overdue, subject, break_glass) = (attempt.overdue(), attempt.subject().cloned(), BreakGlass::of(&attempt));
        let unproved =
            |reason: String, told| Unproved { break_glass, ..unproved(subject.as_ref(), Some(reason), told) };
        let outage = |error: Unavailable| {
            tracing::error!(directory.name = %error.directory, source = ?error.source, "a directory is unavailable");
            unproved("a directory is unavailable".to_owned(), error.into())
        };
        let reason = match failure {
            // Nobody is let in by it, so it takes no count back: codes may have been guessed at meanwhile.
            Failure::PasswordExpired => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                return Err(unproved(EXPIRED.to_owned(), SignInError::PasswordExpired));
            }
            Failure::Unavailable(error) => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                return Err(outage(error));
            }
            Failure::Unanswered(error) => {
                throttle.unanswered(&attempt).await.map_err(failed)?;
                return Err(outage(error));
            }
            Failure::Refused(_) if overdue.is_some() => TOO_MANY.to_owned(),
            Failure::Refused(reason) => reason,
            Failure::NotAdmitted => match attempt.held_back() {
                Some(HeldBack::Store(error)) => return Err(failed(error)),
                Some(why) => why.to_string(),
                None => NotAdmitted.to_string(),
            },
        };
        let told = match overdue {
            Some(seconds) => SignInError::TooManyAttempts { retry_after_seconds: seconds },
            None => SignInError::InvalidCredentials,
        };
        Err(Unproved { padded: true, ..unproved(reason, told) })
    }

    async fn ask(&self, credentials: &Credentials<'_>, attempt: &Attempt, by: Instant) -> Result<Attested, Failure> {
        let username = TypedName::parse(credentials.username)?;
        let password = Password::parse(credentials.password.clone())?;
        let named = |name: &str| credentials.directory.is_none_or(|asked| asked == name);
        let all = self.0.directories.iter().filter(|directory| named(directory.name().as_str()));
        let mut asked: Vec<_> = all.collect();
        // An account for emergencies must not wait for a directory that is down: who bears its name elsewhere is not asked for.
        let mut break_glass = false;
        for directory in asked.clone() {
            if directory.is_break_glass(&username).await.map_err(Failure::Unavailable)? {
                (asked, break_glass) = (vec![directory], true);
                break;
            }
        }
        let gate = Counting { throttle: &self.0.throttle, attempt, password, break_glass };
        for directory in asked {
            let Ok(answer) = timeout_at(by, directory.authenticate(&username, &gate)).await else {
                // It may have been shown the password, or a decoy: neither may be guessed at for nothing.
                let source = Box::new(TogetherTooSlow(self.0.settings.sign_in_within.as_secs()));
                return Err(Failure::Unanswered(Unavailable { directory: directory.name().clone(), source }));
            };
            return Err(match answer {
                Ok(attested) => return Ok(attested),
                // Nothing else leads on: whoever is refused here is nobody's business elsewhere.
                Err(AuthenticateError::NoSuchUser) => continue,
                Err(AuthenticateError::Refused(refusal)) => Failure::Refused(refusal.to_string()),
                Err(AuthenticateError::NotAdmitted(_)) => Failure::NotAdmitted,
                Err(AuthenticateError::PasswordExpired) => Failure::PasswordExpired,
                Err(AuthenticateError::Unavailable(error)) => Failure::Unavailable(error),
                Err(AuthenticateError::Unanswered(error)) => Failure::Unanswered(error),
            });
        }
        Err(Failure::Refused("no directory knows the name".to_owned()))
    }
}

#[async_trait]
impl Gate for Counting<'_> {
    async fn admit(&self, subject: &Subject) -> Result<&Password, NotAdmitted> {
        self.throttle.admit_whose(self.attempt, subject, self.break_glass).await.map(|()| &self.password)
    }
}

impl From<Untypable> for Failure {
    fn from(error: Untypable) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What somebody is asked for beside their password.
fn wanted_of(enrolled: &Enrolled, half_way: HalfWay) -> SignInError {
    if enrolled.has(FactorKind::Passkey) && !enrolled.has(FactorKind::Totp) {
        SignInError::PasskeyRequired(half_way)
    } else {
        SignInError::OtpRequired(half_way)
    }
}

const HALF_WAY: &str = "the password was right, and a second factor is asked for";
const NEEDLESS: &str = "the password was right, and a code was shown where nothing is enrolled";
const EXPIRED: &str = "the password has expired or must be changed";
const TOO_MANY: &str = "too many attempts";
const MARK: usize = 16;
