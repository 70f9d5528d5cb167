//! Passkeys at the door and on *My account*: who is asked for which, and what becomes of the answer.

use super::enrolling::{Added, FactorError};
use super::factors::{Accepted, WrongCode};
use super::{HalfWay, Shown, SignIn, SignInError};
use crate::assurance::FactorUsed;
use crate::caller::{PersonCaller, Subject};
use crate::clock::Millis;
use crate::second_factor::{
    Answer, Asked, Asking, Enrolled, FactorKind, FactorLabel, PasskeyRefused, RelyingParty, SHOWN_SECONDS,
    SecondFactor, Within,
};
use crate::store::{Store, StoreError};
use crate::trail::Origin;

/// What somebody may show beside their password on a page. A recovery code does in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    pub authenticator: bool,
    pub passkey: ByPasskey,
}

/// Whether a passkey can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByPasskey {
    /// They have none.
    None,
    Asked(Asked),
    /// They have one, and the broker is not known by a name.
    Off,
}

impl ByPasskey {
    /// What a browser is to be asked, if anything.
    pub fn asked(self) -> Option<Asked> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::None | Self::Off => None,
        }
    }
}

impl SignIn {
    /// Whether people can have passkeys here.
    pub fn takes_passkeys(&self) -> bool {
        self.0.second_factors.passkeys.is_some()
    }

    /// What somebody who has shown their password may show next. `browser`: what their browser alone has.
    pub async fn ways_on(&self, who: &HalfWay, browser: &[u8]) -> Result<Ways, SignInError> {
        let enrolled = self.0.store.enrolled(&who.subject).await?;
        self.ways(&enrolled, &who.subject, Within::Browser(browser))
    }

    /// What somebody who is signed in may show once more.
    pub async fn ways_of(&self, person: &PersonCaller) -> Result<Ways, SignInError> {
        let subject = &person.person.subject;
        let enrolled = self.0.store.enrolled(subject).await?;
        self.ways(&enrolled, subject, Within::Session(person.session))
    }

    fn ways(&self, enrolled: &Enrolled, subject: &Subject, within: Within<'_>) -> Result<Ways, SignInError> {
        let passkey = match &self.0.second_factors.passkeys {
            _ if !enrolled.has(FactorKind::Passkey) => ByPasskey::None,
            None => ByPasskey::Off,
            Some(party) => {
                let passkeys = enrolled.passkeys(self.0.second_factors.vault()?)?;
                ByPasskey::Asked(party.ask_for_one(&passkeys, self.asking(subject, within), self.0.clock.now())?)
            }
        };
        Ok(Ways { authenticator: enrolled.has(FactorKind::Totp), passkey })
    }

    /// Begins to enrol a passkey. Nothing is kept: it counts once a browser has brought it.
    pub async fn begin_passkey(&self, person: &PersonCaller) -> Result<Asked, FactorError> {
        let party = self.party()?;
        let enrolled = self.second_factors_of(person).await?;
        self.may_add(person, &enrolled)?;
        let before = enrolled.passkeys(self.0.second_factors.vault()?)?;
        let asking = self.asking(&person.person.subject, Within::Session(person.session));
        Ok(party.ask_for_new(&person.person, &before, asking, self.0.clock.now())?)
    }

    /// Enrols the passkey that a browser has made. What else happens is as with an authenticator.
    pub async fn add_passkey(
        &self,
        person: &PersonCaller,
        shown: &Shown,
        answer: &Answer,
        label: FactorLabel,
        origin: &Origin,
    ) -> Result<Added, FactorError> {
        let party = self.party()?;
        let enrolled = self.second_factors_of(person).await?;
        self.may_add(person, &enrolled)?;
        let (subject, now) = (&person.person.subject, self.0.clock.now());
        let vault = self.0.second_factors.vault()?;
        let asking = self.asking(subject, Within::Session(person.session));
        let made = party.new_passkey(answer, &enrolled.passkeys(vault)?, asking, now)?;
        let factor = SecondFactor::of_passkey(made, subject.clone(), label, now, vault)?;
        self.enrol(person, shown, (factor, FactorUsed::Passkey), &enrolled, origin).await
    }

    /// Whether a passkey that was shown is right, and what takes it.
    pub(super) async fn accepted_passkey(
        &self,
        enrolled: &Enrolled,
        subject: &Subject,
        (answer, within): (&Answer, Within<'_>),
    ) -> Result<Accepted, WrongCode> {
        let now = self.0.clock.now();
        let party = self.0.second_factors.passkeys.as_ref().ok_or(PasskeyRefused::Removed)?;
        let shown = party.shown(answer, self.asking(subject, within), now)?;
        if self.0.store.is_question_taken(&shown.question).await? {
            return Err(PasskeyRefused::Answered.into());
        }
        let vault = self.0.second_factors.vault().map_err(WrongCode::Seal)?;
        for factor in &enrolled.factors {
            if !factor.passkey(vault).map_err(WrongCode::Seal)?.is_some_and(|passkey| shown.is(&passkey)) {
                continue;
            }
            // Authenticators without a counter always say zero (Web Authentication, section 6.1.1).
            let counter = i64::from(shown.counter);
            if counter <= factor.last_step && (counter, factor.last_step) != (0, 0) {
                return Err(PasskeyRefused::Copied.into());
            }
            let now = Millis::from(now);
            let take =
                vec![Store::take_counter(factor.id, shown.counter, now), Store::take_question(&shown.question, now)];
            return Ok(Accepted::of(factor, FactorUsed::Passkey, take));
        }
        Err(PasskeyRefused::Removed.into())
    }

    /// Forgets answers to questions that are over: a day longer than nodes' clocks may ever differ.
    pub(super) async fn sweep_passkey_questions(&self, now: Millis) -> Result<(), StoreError> {
        let kept = (i64::from(SHOWN_SECONDS) + DAY_SECONDS) * 1_000;
        self.0.store.sweep_questions(Millis(now.0.saturating_sub(kept))).await
    }

    fn party(&self) -> Result<&RelyingParty, FactorError> {
        self.0.second_factors.passkeys.as_ref().ok_or(FactorError::NoPasskeys)
    }

    fn asking<'a>(&'a self, subject: &'a Subject, within: Within<'a>) -> Asking<'a> {
        Asking { subject, within, seals: self.0.store.seals() }
    }
}

const DAY_SECONDS: i64 = 24 * 60 * 60;
