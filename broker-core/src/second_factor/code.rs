//! What somebody types as a second factor: six digits of an authenticator, or a recovery code, in whatever spelling.

use aws_lc_rs::rand;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::caller::Subject;
use crate::vault::{Mac, Purpose, SealBroken, Seals};

/// A code that was typed. Whether it is right is another question.
pub enum TypedCode {
    /// Of an authenticator, without the spaces that people type.
    Totp(Zeroizing<String>),
    Recovery(RecoveryCode),
}

/// One of the codes that somebody has written down: 80 bits, good once.
pub struct RecoveryCode(Zeroizing<String>);

/// Neither sort of code looks like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is the six digits that an authenticator shows, or a recovery code such as abcd-efgh-jkmn-pqrs")]
pub struct NotACode;

impl TypedCode {
    /// Reads what was typed, without capitals, spaces and hyphens.
    pub fn parse(typed: &SecretString) -> Result<Self, NotACode> {
        let typed = typed.expose_secret();
        if typed.len() > LONGEST {
            return Err(NotACode);
        }
        let plain = typed.chars().filter(|char| !char.is_whitespace() && *char != '-');
        let plain = Zeroizing::new(plain.map(|char| char.to_ascii_lowercase()).collect::<String>());
        if plain.len() == DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self::Totp(plain))
        } else if plain.len() == LETTERS && plain.bytes().all(|byte| ALPHABET.contains(&byte)) {
            Ok(Self::Recovery(RecoveryCode(plain)))
        } else {
            Err(NotACode)
        }
    }
}

impl RecoveryCode {
    /// A new one, from the operating system's randomness.
    pub fn generate() -> Result<Self, SealBroken> {
        let mut bytes = Zeroizing::new([0; LETTERS]);
        rand::fill(&mut *bytes).map_err(|_| SealBroken::Damaged)?;
        // A byte has eight times as many values as there are letters, so that each is as likely as every other.
        let letters =
            bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|byte| char::from(*byte));
        Ok(Self(Zeroizing::new(letters.collect())))
    }

    /// As people write it down.
    pub fn shown(&self) -> SecretString {
        let mut shown = Zeroizing::new(String::new());
        for (number, letter) in self.0.chars().enumerate() {
            if number > 0 && number.is_multiple_of(4) {
                shown.push('-');
            }
            shown.push(letter);
        }
        SecretString::from(shown.as_str())
    }

    /// By which the store knows it; under another person it is another.
    pub(crate) fn hash(&self, subject: &Subject, seals: &Seals) -> Mac {
        seals.mac(Purpose::RecoveryCode, &[subject.to_string().as_bytes(), self.0.as_bytes()])
    }
}

impl std::fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedCode").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryCode").finish_non_exhaustive()
    }
}

/// How many one gets at a time.
pub const RECOVERY_CODES: usize = 10;
const DIGITS: usize = 6;
const LETTERS: usize = 16;
/// Thirty-two that nobody takes for another: no l, o, 0 and 1.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(typed: &str) -> &'static str {
        match TypedCode::parse(&SecretString::from(typed)) {
            Ok(TypedCode::Totp(_)) => "totp",
            Ok(TypedCode::Recovery(_)) => "recovery",
            Err(NotACode) => "none",
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them_and_nothing_else_is() {
        assert_eq!(["123456", "123 456", " 123-456\n"].map(kind), ["totp"; 3]);
        assert_eq!(["abcd-efgh-jkmn-pqrs", "ABCDEFGHJKMNPQRS", "2345 6789 2345 6789"].map(kind), ["recovery"; 3]);
        let long = "1 ".repeat(100);
        let rubbish = [
            "",
            "12345",
            "1234567",
            "12345a",
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}",
            "abcd-efgh-jkmn-pqr1",
            &long,
        ];
        assert_eq!(rubbish.map(kind), ["none"; 7]);
    }

    #[test]
    fn a_recovery_code_is_read_as_it_is_shown_and_is_its_owners() {
        let code = RecoveryCode::generate().unwrap();
        let shown = code.shown();
        assert_eq!(shown.expose_secret().len(), 19);
        let seals = Seals::derive(&SecretString::from("one")).unwrap();
        let subject = |id: &str| Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() };
        let Ok(TypedCode::Recovery(typed)) = TypedCode::parse(&shown) else { panic!("{shown:?}") };
        assert_eq!(typed.hash(&subject("1"), &seals), code.hash(&subject("1"), &seals));
        assert_ne!(typed.hash(&subject("2"), &seals), code.hash(&subject("1"), &seals));
        assert_ne!(RecoveryCode::generate().unwrap().shown().expose_secret(), shown.expose_secret());
    }
}
