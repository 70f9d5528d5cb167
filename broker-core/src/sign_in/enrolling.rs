//! What people change about their own second factors, each in the session in which they have just proved who they are.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::step_up::{RaiseError, Raised};
use super::{Shown, SignIn, SignInError};
use crate::assurance::{FRESH_SECONDS, FactorUsed};
use crate::caller::PersonCaller;
use crate::clock::{Millis, seconds_between};
use crate::id::{SecondFactorId, SessionId};
use crate::second_factor::{
    Beginning, Enrolled, FactorLabel, MAX_FACTORS, NotBegun, PasskeyRefused, RECOVERY_CODES, RecoveryCode,
    RelyingParty, SecondFactor, Seed, TypedCode,
};
use crate::store::{Change, Store, StoreError};
use crate::trail::{Action, Actor, Entry, Origin, Outcome, TrailError, Vec1};
use crate::vault::SealBroken;

/// Something was enrolled.
#[derive(Debug)]
pub struct Added {
    pub factor: SecondFactor,
    /// Shown once: with the first thing that somebody enrols.
    pub recovery_codes: Vec<SecretString>,
    /// This session, as it goes on.
    pub raised: Raised,
}

/// An enrolment that has begun, as its page shows it.
#[derive(Debug)]
pub struct Made {
    /// To be brought along with the first code.
    pub enrolment: SecretString,
    /// For whoever types it into an authenticator.
    pub secret: SecretString,
    /// For an authenticator's camera.
    pub uri: SecretString,
}

/// Why nothing was changed. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    #[error("this is for people, and not for a client of theirs")]
    NotAPerson,
    #[error("this needs a sign-in less than 15 minutes old: sign in again, then repeat the request")]
    OldSignIn,
    #[error("this needs a second factor shown less than 15 minutes ago: show yours again, then repeat the request")]
    OldProof,
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    #[error(
        "the code is not the one that this authenticator shows now: see that its clock is right, and try the next code"
    )]
    WrongCode,
    #[error("the passkey was not taken: {0}; begin again")]
    Passkey(#[from] PasskeyRefused),
    #[error("there are no passkeys here: the broker is known by an address, and browsers make them for names")]
    NoPasskeys,
    #[error(
        "one of your groups may use nothing here without a second factor: enrol another before you remove the last"
    )]
    LastOne,
    #[error("this enrolment has been ended before: begin again")]
    EndedBefore,
    #[error("you have {MAX_FACTORS} second factors, and may have no more: remove one first")]
    TooMany,
    #[error("there is no such second factor of yours")]
    NoSuchFactor,
    #[error("somebody else changed this meanwhile: look again, then repeat the request")]
    Stale,
    #[error("the session is over")]
    SessionOver,
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl SignIn {
    /// All that somebody has enrolled, for themselves to look at.
    pub async fn second_factors_of(&self, person: &PersonCaller) -> Result<Enrolled, StoreError> {
        self.0.store.enrolled(&person.person.subject).await
    }

    /// Begins to enrol an authenticator. Nothing is kept: it counts once a code of it has come back.
    pub async fn begin_enrolment(&self, person: &PersonCaller) -> Result<Made, FactorError> {
        self.may_add(person, &self.second_factors_of(person).await?)?;
        let (subject, now) = (&person.person.subject, self.0.clock.now());
        let begun = Beginning::new(Seed::generate()?, now);
        let uri = begun.seed.uri(&self.0.second_factors.issuer, &person.person.username);
        Ok(Made {
            enrolment: begun.text(subject, person.session, self.0.store.seals()),
            secret: begun.seed.text().clone(),
            uri: uri.map_err(|_| SealBroken::Damaged)?,
        })
    }

    /// An enrolment that has begun, to be shown once more.
    pub fn begun(&self, person: &PersonCaller, enrolment: &SecretString) -> Result<Made, FactorError> {
        let begun = self.read_beginning(person, enrolment)?;
        let uri = begun.seed.uri(&self.0.second_factors.issuer, &person.person.username);
        let (enrolment, secret) = (enrolment.clone(), begun.seed.text().clone());
        Ok(Made { enrolment, secret, uri: uri.map_err(|_| SealBroken::Damaged)? })
    }

    /// Enrols an authenticator that shows the right code. All other sessions of its owner end, and whatever clients got by any of them; this one
    /// counts as proved by it. With the first one come recovery codes.
    pub async fn add_second_factor(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        (enrolment, otp): (&SecretString, &SecretString),
        label: FactorLabel,
        origin: &Origin,
    ) -> Result<Added, FactorError> {
        let enrolled = self.second_factors_of(person).await?;
        self.may_add(person, &enrolled)?;
        let begun = self.read_beginning(person, enrolment)?;
        let now = self.0.clock.now();
        // The secret stands on the page: nobody learns anything by guessing at it.
        let step = match TypedCode::parse(otp) {
            Ok(TypedCode::Totp(code)) => begun.seed.step_of(&code, now),
            Ok(TypedCode::Recovery(_)) | Err(_) => None,
        };
        let step = step.ok_or(FactorError::WrongCode)?;
        let subject = &person.person.subject;
        let vault = self.0.second_factors.vault()?;
        let factor = SecondFactor::of_seed(begun.id, subject.clone(), label, &begun.seed, (now, step), vault)?;
        self.enrol(person, shown, (factor, FactorUsed::Totp, Vec::new()), &enrolled, origin).await
    }

    /// Enrols what has proved to be right, and takes what proved it.
    pub(super) async fn enrol(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        (factor, by, take): (SecondFactor, FactorUsed, Vec<Change>),
        enrolled: &Enrolled,
        origin: &Origin,
    ) -> Result<Added, FactorError> {
        let (subject, now) = (&person.person.subject, self.0.clock.now());
        let mut changes = vec![self.0.store.add_second_factor(&factor)];
        changes.extend(take);
        let codes = if enrolled.is_enrolled() { Vec::new() } else { new_codes()? };
        if !codes.is_empty() {
            changes.extend(self.0.store.replace_recovery_codes(subject, &codes, now.into()));
        }
        changes.extend(ended_by_a_change(person));
        let mut facts = facts(&factor);
        facts["ended_sessions"] = json!(self.others_of(person).await?);
        let entry = did(person, Action::SecondFactorAdded, origin).changes(facts);
        match self.raised(person, shown, by, changes, entry).await {
            Ok(raised) => Ok(Added { factor, recovery_codes: codes.iter().map(RecoveryCode::shown).collect(), raised }),
            Err(RaiseError::Stale) => Err(FactorError::Stale),
            Err(RaiseError::Taken) => Err(FactorError::EndedBefore),
            Err(RaiseError::SessionOver) => Err(FactorError::SessionOver),
            Err(RaiseError::SignIn(error)) => Err(error.into()),
        }
    }

    /// Gives something that somebody has enrolled another name.
    pub async fn rename_second_factor(
        &self,
        person: &PersonCaller,
        id: SecondFactorId,
        label: FactorLabel,
        origin: &Origin,
    ) -> Result<SecondFactor, FactorError> {
        let enrolled = self.second_factors_of(person).await?;
        self.may_change(person, &enrolled)?;
        let factor = one_of(enrolled, id)?;
        let change = self.0.store.rename_second_factor(&factor, label.clone());
        let renamed = SecondFactor { label, ..factor };
        let entry = did(person, Action::SecondFactorChanged, origin).changes(facts(&renamed));
        self.committed(vec![change], entry).await?;
        Ok(renamed)
    }

    /// Takes something away that somebody has enrolled; with the last of them their recovery codes, and what this session counts as proved by. All
    /// their other sessions end, and whatever clients got by any of them.
    pub async fn remove_second_factor(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        id: SecondFactorId,
        origin: &Origin,
    ) -> Result<(), FactorError> {
        // Of two removals at once, each of which would leave the other's, one is made: whatever is not seen below has changed the session since.
        let seen = self.own_session(person, shown).await?.ok_or(FactorError::SessionOver)?;
        let enrolled = self.second_factors_of(person).await?;
        self.may_change(person, &enrolled)?;
        let (vault, site) = (self.0.second_factors.vault()?, self.0.second_factors.passkeys.as_ref());
        let is_needed = !enrolled.has_another_than(id, vault, site.map(RelyingParty::site));
        // Beside one that is out of service, recovery codes are the only way in.
        let is_last = enrolled.factors.len() == 1 && enrolled.damaged == 0;
        let factor = one_of(enrolled, id)?;
        if person.assurance.required && is_needed && factor.is_of_use(vault, site.map(RelyingParty::site)) {
            return Err(FactorError::LastOne);
        }
        let subject = &person.person.subject;
        let proved = seen.second_factor.filter(|_| !is_last);
        let mut changes = vec![Store::remove_second_factor(subject, id), self.touched(&seen, shown, proved)?];
        if is_last {
            changes.push(Store::drop_recovery_codes(subject));
        }
        changes.extend(ended_by_a_change(person));
        let mut facts = facts(&factor);
        facts["ended_sessions"] = json!(self.others_of(person).await?);
        self.committed(changes, did(person, Action::SecondFactorRemoved, origin).changes(facts)).await
    }

    /// New recovery codes in the place of all that somebody had, shown once.
    pub async fn make_recovery_codes(
        &self,
        person: &PersonCaller,
        origin: &Origin,
    ) -> Result<Vec<SecretString>, FactorError> {
        let enrolled = self.second_factors_of(person).await?;
        self.may_change(person, &enrolled)?;
        if !enrolled.is_enrolled() {
            return Err(FactorError::NoSuchFactor);
        }
        let (codes, now) = (new_codes()?, Millis::from(self.0.clock.now()));
        let changes = self.0.store.replace_recovery_codes(&person.person.subject, &codes, now);
        let before = json!({ "recovery_codes_before": enrolled.recovery_codes });
        self.committed(changes, did(person, Action::RecoveryCodesMade, origin).changes(before)).await?;
        Ok(codes.iter().map(RecoveryCode::shown).collect())
    }

    /// The same, and whoever adds something has room for it.
    pub(super) fn may_add(&self, person: &PersonCaller, enrolled: &Enrolled) -> Result<(), FactorError> {
        self.may_change(person, enrolled)?;
        let full = enrolled.factors.len() + enrolled.damaged >= MAX_FACTORS;
        if full { Err(FactorError::TooMany) } else { Ok(()) }
    }

    /// Whoever has something enrolled has shown it within a quarter of an hour; whoever has not, their password.
    pub(super) fn may_change(&self, person: &PersonCaller, enrolled: &Enrolled) -> Result<(), FactorError> {
        let now = self.0.clock.now();
        if person.client.is_some() {
            return Err(FactorError::NotAPerson);
        }
        if enrolled.is_enrolled() {
            let is_fresh = person.assurance.proved.is_some_and(|proved| proved.is_fresh(now));
            return if is_fresh { Ok(()) } else { Err(FactorError::OldProof) };
        }
        if self.signed_in_lately(person) { Ok(()) } else { Err(FactorError::OldSignIn) }
    }

    /// Whether somebody has proved their password within a quarter of an hour.
    pub fn signed_in_lately(&self, person: &PersonCaller) -> bool {
        (0..FRESH_SECONDS).contains(&seconds_between(person.signed_in_at, self.0.clock.now()))
    }

    fn read_beginning(&self, person: &PersonCaller, enrolment: &SecretString) -> Result<Beginning, NotBegun> {
        let (subject, now) = (&person.person.subject, self.0.clock.now());
        Beginning::read(enrolment, subject, person.session, self.0.store.seals(), now)
    }

    /// Sessions of theirs that end with a change.
    async fn others_of(&self, person: &PersonCaller) -> Result<Vec<SessionId>, StoreError> {
        let (store, now) = (&self.0.store, Millis::from(self.0.clock.now()));
        let (subject, epoch) = (&person.person.subject, store.epoch().await?);
        let all = store.sessions_beyond(0, subject, epoch, now, self.idle_since(now)).await?;
        Ok(all.into_iter().filter(|id| *id != person.session).collect())
    }

    async fn committed(&self, changes: Vec<Change>, entry: Entry) -> Result<(), FactorError> {
        match self.0.trail.commit(changes, Vec1::new(entry)).await {
            Ok(()) => Ok(()),
            Err(TrailError::Change(StoreError::Stale)) => Err(FactorError::Stale),
            Err(error) => Err(error.into()),
        }
    }
}

fn one_of(enrolled: Enrolled, id: SecondFactorId) -> Result<SecondFactor, FactorError> {
    enrolled.factors.into_iter().find(|factor| factor.id == id).ok_or(FactorError::NoSuchFactor)
}

/// What a change of somebody's second factors ends: their other sessions, and what clients were let in for by a session that goes on, or they would
/// count as proved by what was not there then.
fn ended_by_a_change(person: &PersonCaller) -> [Change; 2] {
    let others = Store::end_sessions_but(&person.person.subject, Some(person.session));
    [others, Store::end_authorizations_of(person.session)]
}

fn new_codes() -> Result<Vec<RecoveryCode>, SealBroken> {
    (0..RECOVERY_CODES).map(|_| RecoveryCode::generate()).collect()
}

fn did(person: &PersonCaller, action: Action, origin: &Origin) -> Entry {
    Entry::new(Actor::person(&person.person), action, Outcome::Success, origin.clone())
}

fn facts(factor: &SecondFactor) -> Value {
    json!({ "second_factor_id": factor.id, "kind": factor.kind, "label": factor.label.as_str() })
}
