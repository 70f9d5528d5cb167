//! Passkeys at the door and on *My account*: who is asked for which, and what becomes of the answer.

use super::enrolling::{Added, FactorError};
use super::factors::{Accepted, WrongCode};
use super::{HalfWay, Shown, SignIn, SignInError};
use crate::assurance::FactorUsed;
use crate::caller::{PersonCaller, Subject};
use crate::clock::Millis;
use crate::second_factor::{
    Answer, Asked, Asking, Enrolled, FactorKind, FactorLabel, Passkey, PasskeyRefused, RelyingParty, SHOWN_SECONDS,
    SecondFactor, Within,
};
use crate::store::{Store, StoreError};
use crate::trail::Origin;
use crate::vault::SealBroken;

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
    /// They have some, and none of them can be shown: made for another name of the broker's, or out of service.
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
            Some(party) => match keys(self.passkeys(enrolled, party)?).as_slice() {
                [] => ByPasskey::Off,
                passkeys => {
                    ByPasskey::Asked(party.ask_for_one(passkeys, self.asking(subject, within), self.0.clock.now())?)
                }
            },
        };
        Ok(Ways { authenticator: enrolled.has(FactorKind::Totp), passkey })
    }

    /// Begins to enrol a passkey. Nothing is kept: it counts once a browser has brought it.
    pub async fn begin_passkey(&self, person: &PersonCaller) -> Result<Asked, FactorError> {
        let party = self.party()?;
        let enrolled = self.second_factors_of(person).await?;
        self.may_add(person, &enrolled)?;
        let before = keys(self.passkeys(&enrolled, party)?);
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
        let made = party.new_passkey(answer, &keys(self.passkeys(&enrolled, party)?), asking, now)?;
        let factor = SecondFactor::of_passkey(&made, subject.clone(), label, now, vault)?;
        let take = vec![Store::take_question(&made.question, Millis::from(now))];
        self.enrol(person, shown, (factor, FactorUsed::Passkey, take), &enrolled, origin).await
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
        let (factors, passkeys): (Vec<_>, Vec<_>) =
            self.passkeys(enrolled, party).map_err(WrongCode::Seal)?.into_iter().unzip();
        let shown = party.shown(answer, &passkeys, self.asking(subject, within), now)?;
        if self.0.store.is_question_taken(&shown.question).await? {
            return Err(PasskeyRefused::Answered.into());
        }
        let mut each = factors.into_iter().zip(&passkeys);
        let found = each.find(|(_, passkey)| *passkey.credential.cred_id() == shown.credential);
        let (factor, _) = found.ok_or(PasskeyRefused::Removed)?;
        // Authenticators without a counter always say zero (Web Authentication, section 6.1.1).
        let counter = i64::from(shown.counter);
        if counter <= factor.last_step && (counter, factor.last_step) != (0, 0) {
            return Err(PasskeyRefused::Copied.into());
        }
        let now = Millis::from(now);
        // The question first: an answer that is sent twice is no copy of the key.
        let take = vec![Store::take_question(&shown.question, now), Store::take_counter(factor.id, shown.counter, now)];
        Ok(Accepted::of(factor, FactorUsed::Passkey, take))
    }

    /// Those that can be shown to a site.
    fn passkeys<'a>(
        &self,
        enrolled: &'a Enrolled,
        party: &RelyingParty,
    ) -> Result<Vec<(&'a SecondFactor, Passkey)>, SealBroken> {
        Ok(enrolled.passkeys(self.0.second_factors.vault()?, party.site()))
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

fn keys(passkeys: Vec<(&SecondFactor, Passkey)>) -> Vec<Passkey> {
    passkeys.into_iter().map(|(_, passkey)| passkey).collect()
}

const DAY_SECONDS: i64 = 24 * 60 * 60;
