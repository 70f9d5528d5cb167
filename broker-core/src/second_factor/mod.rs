//! What people enrol to show beside their password: an authenticator's codes of the moment, passkeys, and codes for when those are lost.

mod attestation;
mod code;
mod enrolment;
mod passkey;
mod question;
mod relying_party;
mod totp;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::caller::Subject;
use crate::character::is_hidden;
use crate::id::SecondFactorId;
use crate::vault::{Binding, Place, SealBroken, Sealed, Vault};

pub use code::{NotACode, RECOVERY_CODES, RecoveryCode, TypedCode};
pub use enrolment::{Beginning, NotBegun};
pub use passkey::Passkey;
pub(crate) use question::Asking;
pub use question::{NotAsked, Within};
pub use relying_party::{Answer, Asked, NoName, PasskeyRefused, RelyingParty};
pub(crate) use relying_party::{NewPasskey, SHOWN_SECONDS};
pub use totp::{Seed, UnfitSeed};

/// Something that a person has enrolled. Its secret is sealed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    pub id: SecondFactorId,
    /// Whose it is.
    pub subject: Subject,
    pub kind: FactorKind,
    pub label: FactorLabel,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub(crate) sealed: Sealed,
    /// The last step of time of which a code was taken: that one, and those before it, count no more. Of a passkey its counter, where it has one.
    pub(crate) last_step: i64,
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// An authenticator that shows a code of the moment (RFC 6238).
    Totp,
    /// A key that signs what a browser asks it to (Web Authentication).
    Passkey,
}

/// What its owner calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorLabel(String);

/// Not fit to be read in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to {MAX_LABEL} characters, none of them hidden")]
pub struct UnfitLabel;

/// All that somebody has enrolled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    pub factors: Vec<SecondFactor>,
    /// Rows under their name that do not prove to be ours, or that this release cannot read. They are out of service, and count.
    pub damaged: usize,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

impl SecondFactor {
    /// A new authenticator, proved at a time by the code of a step, so that no code up to that one is taken again.
    pub fn of_seed(
        id: SecondFactorId,
        subject: Subject,
        label: FactorLabel,
        seed: &Seed,
        (created_at, last_step): (Timestamp, i64),
        vault: &Vault,
    ) -> Result<Self, SealBroken> {
        let kind = FactorKind::Totp;
        let sealed = bound(id, &subject, kind, |binding| vault.seal(binding, seed.text()))?;
        Ok(Self { id, subject, kind, label, created_at, last_used_at: None, sealed, last_step })
    }

    /// A new passkey. Its own counter is sealed with it, and the one that counts begins below all.
    pub(crate) fn of_passkey(
        NewPasskey { id, passkey, .. }: &NewPasskey,
        subject: Subject,
        label: FactorLabel,
        created_at: Timestamp,
        vault: &Vault,
    ) -> Result<Self, SealBroken> {
        let (kind, text) = (FactorKind::Passkey, passkey.text()?);
        let sealed = bound(*id, &subject, kind, |binding| vault.seal(binding, &text))?;
        Ok(Self { id: *id, subject, kind, label, created_at, last_used_at: None, sealed, last_step: 0 })
    }

    /// The key that it verifies by, where it is one.
    pub(crate) fn passkey(&self, vault: &Vault) -> Result<Option<Passkey>, SealBroken> {
        if self.kind != FactorKind::Passkey {
            return Ok(None);
        }
        let text = bound(self.id, &self.subject, self.kind, |binding| vault.open(binding, &self.sealed))?;
        Passkey::read(&text).map(Some)
    }

    /// The secret that it shares with us.
    pub(crate) fn seed(&self, vault: &Vault) -> Result<Seed, SealBroken> {
        let text = bound(self.id, &self.subject, self.kind, |binding| vault.open(binding, &self.sealed))?;
        Seed::read(text).map_err(|UnfitSeed| SealBroken::Damaged)
    }

    /// Says in the log that it is out of service.
    pub(crate) fn tell_damage(&self, error: &SealBroken) {
        tracing::error!(table = "second_factors", row = %self.id, %error, alarm = "forged_row", "a second factor does not open and is out of service");
    }

    /// The site that it was made for, where it is a passkey: its RP ID, the host of the public URL then. An error where it does not open with the
    /// keys that are known: so it is out of service.
    pub fn site(&self, vault: &Vault) -> Result<Option<String>, SealBroken> {
        match self.kind {
            FactorKind::Totp => self.seed(vault).map(|_| None),
            FactorKind::Passkey => Ok(self.passkey(vault)?.map(|key| key.site)),
        }
    }

    /// Whether it can be verified with the keys that are known.
    pub(crate) fn opens(&self, vault: &Vault) -> bool {
        self.site(vault).is_ok()
    }

    /// Whether its owner can show it: of a passkey, at the site.
    pub(crate) fn is_of_use(&self, vault: &Vault, site: Option<&str>) -> bool {
        self.site(vault).is_ok_and(|of| of.is_none() || of.as_deref() == site)
    }

    /// The same secret under the key that seals now.
    pub(crate) fn reseal(&self, vault: &Vault) -> Result<Self, SealBroken> {
        let sealed = bound(self.id, &self.subject, self.kind, |binding| vault.reseal(binding, &self.sealed))?;
        Ok(Self { sealed, ..self.clone() })
    }
}

impl Enrolled {
    /// Whether a password alone lets them in no more.
    pub fn is_enrolled(&self) -> bool {
        !self.factors.is_empty() || self.damaged > 0
    }

    /// Whether there is one of a kind.
    pub fn has(&self, kind: FactorKind) -> bool {
        self.factors.iter().any(|factor| factor.kind == kind)
    }

    /// Each passkey that can be shown at a site, with its key. What does not open is out of service, and says so in the log.
    pub(crate) fn passkeys(&self, vault: &Vault, site: &str) -> Vec<(&SecondFactor, Passkey)> {
        let opened = |factor: &SecondFactor| match factor.passkey(vault) {
            Ok(passkey) => passkey,
            Err(error) => {
                factor.tell_damage(&error);
                None
            }
        };
        let all = self.factors.iter().filter_map(|factor| Some((factor, opened(factor)?)));
        all.filter(|(_, passkey)| passkey.site == site).collect()
    }

    /// Whether something would be left that can be shown, were it not for this one.
    pub(crate) fn has_another_than(&self, id: SecondFactorId, vault: &Vault, site: Option<&str>) -> bool {
        self.factors.iter().any(|factor| factor.id != id && factor.is_of_use(vault, site))
    }
}

impl FactorKind {
    pub const ALL: [Self; 2] = [Self::Totp, Self::Passkey];

    /// The word in the store, the trail and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }
}

impl FactorLabel {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FactorLabel {
    type Error = UnfitLabel;

    fn try_from(text: String) -> Result<Self, UnfitLabel> {
        let text = text.trim();
        let fits = (1..=MAX_LABEL).contains(&text.chars().count()) && !text.chars().any(is_hidden);
        fits.then(|| Self(text.to_owned())).ok_or(UnfitLabel)
    }
}

/// What a secret is sealed to: moved to another row or another person, it does not open.
fn bound<T>(id: SecondFactorId, subject: &Subject, kind: FactorKind, act: impl FnOnce(Binding<'_>) -> T) -> T {
    let subject = subject.to_string();
    let details = [subject.as_str(), kind.as_str()];
    act(Binding { place: Place::SecondFactor, row: id.as_bytes(), details: &details })
}

/// So many of them one may have.
pub const MAX_FACTORS: usize = 10;
const MAX_LABEL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::InstallationId;
    use crate::vault::MasterKey;

    #[test]
    fn a_label_is_what_one_reads() {
        let label = |text: &str| FactorLabel::try_from(text.to_owned()).map(|label| label.0);
        assert_eq!(label(" Ada's phone "), Ok("Ada's phone".to_owned()));
        for unfit in ["", "  ", "a\u{202e}b", "two\nlines", &"x".repeat(65)] {
            assert_eq!(label(unfit), Err(UnfitLabel), "{unfit:?}");
        }
    }

    #[test]
    fn a_secret_opens_for_its_own_row_and_person_alone() {
        let key = MasterKey::parse("k1", &MasterKey::generate().unwrap()).unwrap();
        let vault = Vault::new(InstallationId::random(), vec![key], "k1").unwrap();
        let subject = |id: &str| Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() };
        let label = FactorLabel::try_from("phone".to_owned()).unwrap();
        let seed = Seed::generate().unwrap();
        let made = (Timestamp::UNIX_EPOCH, 1);
        let factor = SecondFactor::of_seed(SecondFactorId::random(), subject("1"), label, &seed, made, &vault).unwrap();
        assert!(factor.seed(&vault).is_ok());
        let of_another = SecondFactor { subject: subject("2"), ..factor.clone() };
        let elsewhere = SecondFactor { id: SecondFactorId::random(), ..factor };
        assert!(of_another.seed(&vault).is_err() && elsewhere.seed(&vault).is_err());
    }
}
