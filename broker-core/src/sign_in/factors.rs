//! The second factor at the door: what is shown is compared, counted as every secret is, and taken by the very commit that lets somebody in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::prove::{BreakGlass, Proved, Unproved};
use super::throttle::{Attempt, ThrottleError};
use super::{SessionKind, SignIn, SignInError, SignedIn};
use crate::assurance::FactorUsed;
use crate::caller::Subject;
use crate::clock::{Millis, seconds_between};
use crate::directory::{Attested, Standing, Unavailable};
use crate::name::Group;
use crate::second_factor::{
    Answer, Enrolled, FactorKind, NotAsked, PasskeyRefused, RelyingParty, SecondFactor, TypedCode, Within,
};
use crate::store::{Change, Store, StoreError};
use crate::trail::Origin;
use crate::vault::{Mac, Purpose, SealBroken, Vault};

/// What second factors are proved by, and of whom one is wanted.
#[derive(Clone, Debug)]
pub struct SecondFactors {
    /// Opens the secrets of authenticators. Without it no code is right.
    vault: Option<Arc<Vault>>,
    /// Whose members may do nothing without one but enrol it.
    pub(super) required_of: BTreeSet<Group>,
    /// What authenticators call this installation.
    pub(super) issuer: String,
    /// The site that passkeys are made for. Without it there are none.
    pub(super) passkeys: Option<RelyingParty>,
}

/// What somebody shows beside their password.
#[derive(Clone, Copy)]
pub(super) enum Showing<'a> {
    Code(&'a SecretString),
    Passkey(&'a Answer, Within<'a>),
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

/// Something right, which counts once the changes have been committed.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) by: FactorUsed,
    pub(super) take: Vec<Change>,
    /// What the trail says of it.
    pub(super) facts: Map<String, Value>,
}

/// Why what was shown was not taken.
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
    #[error("the password was right, and the passkey was refused: {0}")]
    Passkey(#[from] PasskeyRefused),
    #[error(transparent)]
    Seal(SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SecondFactors {
    /// `required_of`: groups whose members may do nothing without. `issuer`: what authenticators call this installation.
    pub fn new(vault: Arc<Vault>, required_of: BTreeSet<Group>, issuer: &str) -> Self {
        Self { vault: Some(vault), required_of, issuer: issuer.to_owned(), passkeys: None }
    }

    /// And where people may have passkeys.
    #[must_use]
    pub fn with_passkeys(self, passkeys: RelyingParty) -> Self {
        Self { passkeys: Some(passkeys), ..self }
    }

    /// Where nobody can enrol any; whoever has one all the same is not let in.
    pub fn none() -> Self {
        Self { vault: None, required_of: BTreeSet::new(), issuer: String::new(), passkeys: None }
    }

    pub(super) fn vault(&self) -> Result<&Vault, SealBroken> {
        self.vault.as_deref().ok_or(SealBroken::Damaged)
    }
}

impl Accepted {
    /// Of something that is enrolled, by its id and the name that its owner gave it.
    pub(super) fn of(factor: &SecondFactor, by: FactorUsed, take: Vec<Change>) -> Self {
        let facts = [
            ("second_factor", json!(by.as_str())),
            ("second_factor_id", json!(factor.id)),
            ("second_factor_label", json!(factor.label.as_str())),
        ];
        Self { by, take, facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect() }
    }
}

impl WrongCode {
    /// Somebody was faster: with the very same thing, or, of a passkey, with a counter as high.
    pub(super) fn outrun(by: FactorUsed, with_the_same: bool) -> Self {
        match by {
            FactorUsed::Passkey if with_the_same => Self::Passkey(PasskeyRefused::Answered),
            FactorUsed::Passkey => Self::Passkey(PasskeyRefused::Copied),
            FactorUsed::Totp | FactorUsed::RecoveryCode => Self::Taken,
        }
    }

    /// Whether nothing was guessed at: somebody took their time.
    fn is_late(&self) -> bool {
        matches!(self, Self::Passkey(PasskeyRefused::NotAsked(NotAsked::Over)))
    }

    /// As whoever tries is told. Where nothing was compared, nothing is said of the code.
    pub(super) fn told(self, mark: String, subject: Option<Subject>, attempt: &Attempt) -> Unproved {
        let (overdue, break_glass) = (attempt.overdue(), BreakGlass::of(attempt));
        match self {
            Self::Store(error) => Unproved::by_the_store(mark, error),
            Self::Seal(error) => {
                let reason = Some(error.to_string());
                Unproved { mark, subject, reason, told: error.into(), padded: false, break_glass }
            }
            Self::Passkey(PasskeyRefused::NotAsked(NotAsked::Over)) => {
                let (reason, told) = (Some(self.to_string()), SignInError::TookTooLong);
                // Nothing was tried: no alarm of an account for emergencies.
                let break_glass = if break_glass == BreakGlass::No { break_glass } else { BreakGlass::HeldBack };
                Unproved { mark, subject, reason, told, padded: false, break_glass }
            }
            Self::Wrong | Self::Taken | Self::OutOfService | Self::Passkey(_) => {
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
    /// Whether what was shown is right, and what takes it.
    pub(super) async fn accepted(
        &self,
        enrolled: &Enrolled,
        subject: &Subject,
        showing: Showing<'_>,
    ) -> Result<Accepted, WrongCode> {
        match showing {
            Showing::Code(otp) => self.accepted_code(enrolled, subject, otp).await,
            Showing::Passkey(answer, within) => self.accepted_passkey(enrolled, subject, (answer, within)).await,
        }
    }

    /// Each code is compared with all that there is to compare it with.
    async fn accepted_code(
        &self,
        enrolled: &Enrolled,
        subject: &Subject,
        otp: &SecretString,
    ) -> Result<Accepted, WrongCode> {
        let now = self.0.clock.now();
        match TypedCode::parse(otp) {
            Ok(TypedCode::Totp(code)) => {
                let vault = self.0.second_factors.vault().map_err(WrongCode::Seal)?;
                let (mut found, mut opened) = (None, 0);
                for factor in enrolled.factors.iter().filter(|factor| factor.kind == FactorKind::Totp) {
                    match factor.seed(vault) {
                        Ok(seed) => {
                            opened += 1;
                            found = seed.step_of(&code, now).map(|step| (factor, step)).or(found);
                        }
                        Err(error) => factor.tell_damage(&error),
                    }
                }
                match found {
                    Some((factor, step)) if step > factor.last_step => {
                        let take = Store::take_step(factor.id, step, now.into());
                        Ok(Accepted::of(factor, FactorUsed::Totp, vec![take]))
                    }
                    Some(_) => Err(WrongCode::Taken),
                    None if opened == 0 && (enrolled.has(FactorKind::Totp) || !enrolled.has(FactorKind::Passkey)) => {
                        Err(WrongCode::OutOfService)
                    }
                    None => Err(WrongCode::Wrong),
                }
            }
            Ok(TypedCode::Recovery(code)) => {
                if !self.0.store.has_recovery_code(subject, &code).await? {
                    return Err(WrongCode::Wrong);
                }
                let (by, left) = (FactorUsed::RecoveryCode, enrolled.recovery_codes.saturating_sub(1));
                let facts = [("second_factor", json!(by.as_str())), ("recovery_codes_left", json!(left))];
                let facts = facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect();
                Ok(Accepted { by, take: vec![self.0.store.take_recovery_code(subject, &code)], facts })
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
        self.finish_by(who, Showing::Code(otp), kind, (address, origin)).await
    }

    /// The same by a passkey. `browser`: what the browser alone has that was asked.
    pub async fn finish_by_passkey(
        &self,
        who: HalfWay,
        (answer, browser): (&Answer, &[u8]),
        kind: SessionKind,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<SignedIn, SignInError> {
        let showing = Showing::Passkey(answer, Within::Browser(browser));
        self.finish_by(who, showing, kind, (address, origin)).await
    }

    async fn finish_by(
        &self,
        who: HalfWay,
        showing: Showing<'_>,
        kind: SessionKind,
        (address, origin): (IpAddr, &Origin),
    ) -> Result<SignedIn, SignInError> {
        let started = Instant::now();
        match self.try_second(who, showing, address, started + self.0.settings.sign_in_within).await {
            Ok(proved) => self.enter(proved, kind, (origin, started)).await,
            Err(unproved) => Err(self.refused(unproved, origin, started).await),
        }
    }

    async fn try_second(
        &self,
        HalfWay { subject, mark, password, break_glass }: HalfWay,
        showing: Showing<'_>,
        address: IpAddr,
        by: Instant,
    ) -> Result<Proved, Unproved> {
        let throttle = &self.0.throttle;
        let (attempt, factor) = self.counted((&subject, break_glass), mark.clone(), showing, address).await?;
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
                let newcomer = self.newcomer(&subject).await.map_err(failed)?;
                Ok(Proved { attested, attempt, mark, newcomer, factor: Some(factor) })
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

    /// Counts what is shown as an attempt on its owner, by whom and from where it is tried, before it is compared.
    pub(super) async fn counted(
        &self,
        (subject, break_glass): (&Subject, bool),
        mark: String,
        showing: Showing<'_>,
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
            return Err(too_many(mark, attempt.waits().unwrap_or(HELD_BACK_SECONDS)));
        }
        let enrolled = match self.0.store.enrolled(subject).await {
            Ok(enrolled) => enrolled,
            Err(error) => return Err(Unproved::by_the_store(mark, error)),
        };
        match self.accepted(&enrolled, subject, showing).await {
            Ok(accepted) => Ok((attempt, accepted)),
            Err(wrong) => {
                if wrong.is_late() {
                    let counted = throttle.undecided(&attempt).await;
                    counted.map_err(|error| Unproved::by_the_store(mark.clone(), error))?;
                }
                Err(wrong.told(mark, Some(subject.clone()), &attempt))
            }
        }
    }
}

const TOO_MANY: &str = "too many attempts";
/// How long somebody may look for their telephone.
const HALF_WAY_SECONDS: i64 = 5 * 60;
/// Two nodes' clocks are not the same.
const CLOCKS_DIFFER: i64 = 60;
/// Where the store cannot say for how long.
const HELD_BACK_SECONDS: u64 = 60;
