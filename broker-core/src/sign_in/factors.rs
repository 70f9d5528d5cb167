//! The second factor at the door: a code is compared, counted as every secret is, and taken by the very commit that lets somebody in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::prove::{BreakGlass, Proved, Unproved};
use super::throttle::{Attempt, ThrottleError};
use super::{SessionKind, Shown, SignIn, SignInError, SignedIn};
use crate::assurance::{FactorUsed, ProvedFactor};
use crate::caller::{Caller, Person, PersonCaller, Subject};
use crate::clock::{Millis, seconds_between};
use crate::directory::{Attested, Standing, TypedName, Unavailable};
use crate::id::SecondFactorId;
use crate::name::Group;
use crate::second_factor::{Enrolled, TypedCode};
use crate::session::Session;
use crate::store::{Change, Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, TrailError, Vec1};
use crate::vault::{Mac, Purpose, SealBroken, Vault, new_token};

/// What second factors are proved by, and of whom one is wanted.
#[derive(Clone, Debug)]
pub struct SecondFactors {
    /// Opens the secrets of authenticators. Without it no code is right.
    vault: Option<Arc<Vault>>,
    /// Whose members may do nothing without one but enrol it.
    pub(super) required_of: BTreeSet<Group>,
    /// What authenticators call this installation.
    pub(super) issuer: String,
}

/// Somebody who has shown their password, and not yet their second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfWay {
    pub(super) subject: Subject,
    /// Of the name that was typed.
    pub(super) mark: String,
    /// By which password, keyed: another one meanwhile, and they begin again.
    pub(super) password: Mac,
    /// The account is for emergencies: guesses at its codes count as guesses at its password do.
    pub(super) break_glass: bool,
}

/// The same as it is carried by a page, with the time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    who: HalfWay,
    at: i64,
}

/// A right code, which counts once the change has been committed.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) by: FactorUsed,
    pub(super) take: Change,
    factor: Option<SecondFactorId>,
    codes_left: Option<u32>,
}

/// Why a code was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongCode {
    #[error("the password was right, and the code was wrong")]
    Wrong,
    #[error("the password was right, and the code had been used before")]
    Taken,
    #[error(
        "the password was right, and what is enrolled is out of service: the log says which row does not prove to be ours"
    )]
    OutOfService,
    #[error(transparent)]
    Seal(SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
}

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

impl SecondFactors {
    /// `required_of`: groups whose members may do nothing without. `issuer`: what authenticators call this installation.
    pub fn new(vault: Arc<Vault>, required_of: BTreeSet<Group>, issuer: &str) -> Self {
        Self { vault: Some(vault), required_of, issuer: issuer.to_owned() }
    }

    /// Where nobody can enrol any; whoever has one all the same is not let in.
    pub fn none() -> Self {
        Self { vault: None, required_of: BTreeSet::new(), issuer: String::new() }
    }

    pub(super) fn vault(&self) -> Result<&Vault, SealBroken> {
        self.vault.as_deref().ok_or(SealBroken::Damaged)
    }
}

impl Accepted {
    /// What the trail says of it.
    pub(super) fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::from_iter([("second_factor".to_owned(), json!(self.by.as_str()))]);
        facts.extend(self.factor.map(|id| ("second_factor_id".to_owned(), json!(id))));
        facts.extend(self.codes_left.map(|left| ("recovery_codes_left".to_owned(), json!(left))));
        facts
    }
}

impl WrongCode {
    /// As whoever tries is told. Where nothing was compared, nothing is said of the code.
    pub(super) fn told(self, mark: String, subject: Option<Subject>, attempt: &Attempt) -> Unproved {
        let (overdue, break_glass) = (attempt.overdue(), BreakGlass::of(attempt));
        match self {
            Self::Store(error) => Unproved::by_the_store(mark, error),
            Self::Seal(error) => {
                let reason = Some(error.to_string());
                Unproved { mark, subject, reason, told: error.into(), padded: false, break_glass }
            }
            Self::Wrong | Self::Taken | Self::OutOfService => {
                let told = match overdue {
                    Some(seconds) => SignInError::TooManyAttempts { retry_after_seconds: seconds },
                    None => SignInError::InvalidCredentials,
                };
                Unproved { mark, subject, reason: Some(self.to_string()), told, padded: true, break_glass }
            }
        }
    }
}

impl SignIn {
    /// Whether what was typed is right, and what takes it. Each is compared with all that there is to compare it with.
    pub(super) async fn accepted(
        &self,
        enrolled: &Enrolled,
        subject: &Subject,
        otp: &SecretString,
    ) -> Result<Accepted, WrongCode> {
        let now = self.0.clock.now();
        match TypedCode::parse(otp) {
            Ok(TypedCode::Totp(code)) => {
                let vault = self.0.second_factors.vault().map_err(WrongCode::Seal)?;
                let mut found = None;
                for factor in &enrolled.factors {
                    let seed = factor.seed(vault).map_err(WrongCode::Seal)?;
                    if let Some(step) = seed.step_of(&code, now) {
                        found = Some((factor, step));
                    }
                }
                match found {
                    Some((factor, step)) if step > factor.last_step => Ok(Accepted {
                        by: FactorUsed::Totp,
                        take: Store::take_step(factor.id, step, now.into()),
                        factor: Some(factor.id),
                        codes_left: None,
                    }),
                    Some(_) => Err(WrongCode::Taken),
                    None if enrolled.factors.is_empty() => Err(WrongCode::OutOfService),
                    None => Err(WrongCode::Wrong),
                }
            }
            Ok(TypedCode::Recovery(code)) => {
                if !self.0.store.has_recovery_code(subject, &code).await? {
                    return Err(WrongCode::Wrong);
                }
                Ok(Accepted {
                    by: FactorUsed::RecoveryCode,
                    take: self.0.store.take_recovery_code(subject, &code),
                    factor: None,
                    codes_left: Some(enrolled.recovery_codes.saturating_sub(1)),
                })
            }
            Err(_) => Err(WrongCode::Wrong),
        }
    }

    pub(super) fn half_way(&self, attested: &Attested, mark: String, break_glass: bool) -> HalfWay {
        HalfWay { password: self.mark_of(attested), subject: attested.person.subject.clone(), mark, break_glass }
    }

    /// Carries somebody who is half way in to the page that asks for the rest. `browser`: what the page's browser alone has.
    pub fn carry(&self, who: HalfWay, browser: &[u8]) -> Option<String> {
        let carried = Carried { who, at: Millis::from(self.0.clock.now()).0 };
        let text = serde_json::to_vec(&carried).ok()?;
        let mac = self.0.store.seals().mac(Purpose::HalfWay, &[&text, browser]);
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Who comes from the page that asked for the first half; nobody after five minutes, nor in another browser.
    pub fn carried(&self, text: &str, browser: &[u8]) -> Option<HalfWay> {
        let (text, mac) = text.split_once('.')?;
        let (text, mac) = (URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?);
        if !self.0.store.seals().verify(Purpose::HalfWay, &[&text, browser], &mac) {
            return None;
        }
        let Carried { who, at } = serde_json::from_slice(&text).ok()?;
        let age = seconds_between(Millis(at).into(), self.0.clock.now());
        (-CLOCKS_DIFFER..HALF_WAY_SECONDS).contains(&age).then_some(who)
    }

    /// Lets somebody in who has shown their password a moment ago, by a code. The directory is asked once more who they are.
    pub async fn finish(
        &self,
        who: HalfWay,
        otp: &SecretString,
        kind: SessionKind,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<SignedIn, SignInError> {
        let started = Instant::now();
        match self.try_code(who, otp, address, started + self.0.settings.sign_in_within).await {
            Ok(proved) => self.enter(proved, kind, (origin, started)).await,
            Err(unproved) => Err(self.refused(unproved, origin, started).await),
        }
    }

    async fn try_code(
        &self,
        HalfWay { subject, mark, password, break_glass }: HalfWay,
        otp: &SecretString,
        address: IpAddr,
        by: Instant,
    ) -> Result<Proved, Unproved> {
        let throttle = &self.0.throttle;
        let (attempt, factor) = self.counted_code((&subject, break_glass), mark.clone(), otp, address).await?;
        let failed = |error: StoreError| Unproved::by_the_store(mark.clone(), error);
        let unproved = |reason: &str, told| {
            let (mark, subject) = (mark.clone(), Some(subject.clone()));
            let break_glass = BreakGlass::of(&attempt);
            Unproved { mark, subject, reason: Some(reason.to_owned()), told, padded: true, break_glass }
        };
        let directory = self.0.directories.iter().find(|directory| *directory.name() == subject.directory);
        let standing = match directory {
            Some(directory) => timeout_at(by, directory.look_up(&subject.id))
                .await
                .unwrap_or_else(|late| Err(Unavailable { directory: subject.directory.clone(), source: late.into() })),
            None => Ok(Standing::Gone),
        };
        match standing {
            Ok(Standing::Good(attested)) if self.mark_of(&attested) == password => {
                Ok(Proved { attested, attempt, mark, factor: Some(factor) })
            }
            Ok(Standing::Good(_)) => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                Err(unproved("the password has been changed meanwhile", SignInError::InvalidCredentials))
            }
            Ok(Standing::Disabled | Standing::Gone) => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                Err(unproved("the account has been disabled or removed meanwhile", SignInError::InvalidCredentials))
            }
            Err(error) => {
                throttle.undecided(&attempt).await.map_err(failed)?;
                tracing::error!(directory.name = %error.directory, source = ?error.source, "a directory is unavailable");
                Err(Unproved { padded: false, ..unproved("a directory is unavailable", error.into()) })
            }
        }
    }

    /// Counts a code as an attempt on its owner, by whom and from where it is tried, before it is compared.
    async fn counted_code(
        &self,
        (subject, break_glass): (&Subject, bool),
        mark: String,
        otp: &SecretString,
        address: IpAddr,
    ) -> Result<(Attempt, Accepted), Unproved> {
        let throttle = &self.0.throttle;
        let too_many = |mark, seconds| {
            let told = SignInError::TooManyAttempts { retry_after_seconds: seconds };
            let break_glass = if break_glass { BreakGlass::HeldBack } else { BreakGlass::No };
            let (subject, reason) = (Some(subject.clone()), Some(TOO_MANY.to_owned()));
            Unproved { mark, subject, reason, told, padded: false, break_glass }
        };
        let attempt = match throttle.admit(&mark, address).await {
            Ok(attempt) => attempt,
            Err(ThrottleError::TooMany { seconds }) => return Err(too_many(mark, seconds)),
            Err(ThrottleError::Store(error)) => return Err(Unproved::by_the_store(mark, error)),
        };
        if throttle.admit_whose(&attempt, subject, break_glass).await.is_err() {
            let overdue = attempt.overdue().unwrap_or(HELD_BACK_SECONDS);
            return Err(too_many(mark, overdue));
        }
        let enrolled = match self.0.store.enrolled(subject).await {
            Ok(enrolled) => enrolled,
            Err(error) => return Err(Unproved::by_the_store(mark, error)),
        };
        match self.accepted(&enrolled, subject, otp).await {
            Ok(accepted) => Ok((attempt, accepted)),
            Err(wrong) => Err(wrong.told(mark, Some(subject.clone()), &attempt)),
        }
    }

    /// A code shown by somebody who is signed in: their session counts for more from now on. In a browser it goes on under a new token, which is
    /// given; what came of the session stays with it.
    pub async fn step_up(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        otp: &SecretString,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<Raised, StepUpError> {
        let started = Instant::now();
        if person.client.is_some() {
            return Err(StepUpError::NotAPerson);
        }
        let subject = &person.person.subject;
        if !self.0.store.enrolled(subject).await.map_err(SignInError::from)?.is_enrolled() {
            return Err(StepUpError::NothingEnrolled);
        }
        let mark = self.0.throttle.mark(&person.person.username);
        let break_glass = self.is_break_glass(&person.person).await;
        let (attempt, accepted) = match self.counted_code((subject, break_glass), mark.clone(), otp, address).await {
            Ok(counted) => counted,
            Err(unproved) => return Err(self.step_up_refused(unproved, person, origin, started).await.into()),
        };
        let entry =
            Entry::new(Actor::person(&person.person), Action::SecondFactorProved, Outcome::Success, origin.clone());
        let entry = entry.changes(accepted.facts().into());
        let (by, take) = (accepted.by, accepted.take);
        match self.raised(person, shown, by, vec![take], entry).await {
            Ok(raised) => {
                self.0.throttle.succeeded(&attempt).await.map_err(SignInError::from)?;
                Ok(raised)
            }
            Err(RaiseError::Taken) => {
                let unproved = WrongCode::Taken.told(mark, Some(subject.clone()), &attempt);
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
        let token = match shown {
            Shown::Cookie(_) => Some(new_token(SessionKind::Browser.prefix()).map_err(SignInError::from)?),
            Shown::Bearer(_) | Shown::Portal(_) => None,
        };
        let after = match &token {
            Some(token) => self.0.store.seals().mac(Purpose::Token, &[token.expose_secret().as_bytes()]),
            None => before,
        };
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
                        return Err(RaiseError::Taken);
                    }
                }
                Err(error) => return Err(RaiseError::SignIn(error.into())),
            }
        }
        Err(RaiseError::Taken)
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

/// Why a session was not raised.
pub(super) enum RaiseError {
    /// The code, or what else was to be changed, was taken by somebody else.
    Taken,
    SessionOver,
    SignIn(SignInError),
}

impl From<SignInError> for RaiseError {
    fn from(error: SignInError) -> Self {
        Self::SignIn(error)
    }
}

const TOO_MANY: &str = "too many attempts";
/// How long somebody may look for their telephone.
const HALF_WAY_SECONDS: i64 = 5 * 60;
/// Two nodes' clocks are not the same.
const CLOCKS_DIFFER: i64 = 60;
/// Where nobody says for how long.
const HELD_BACK_SECONDS: u64 = 60;
/// One more than it takes when another node was faster.
const ATTEMPTS: usize = 3;
