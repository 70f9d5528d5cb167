//! The code that a person compares: eight letters that are not mistaken for each other and make no words (RFC 8628, section 6.1).

use aws_lc_rs::rand;

use crate::vault::SealBroken;

/// As it is shown: `WDJB-MJHT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

/// Nobody was shown such a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is eight letters, such as WDJB-MJHT")]
pub struct NotAUserCode;

impl UserCode {
    /// A new one, by the operating system's chance: one of 20 to the power of 8.
    pub(super) fn random() -> Result<Self, SealBroken> {
        let mut letters = String::new();
        while letters.len() < LENGTH {
            let mut byte = [0];
            rand::fill(&mut byte).map_err(|_| SealBroken::Damaged)?;
            // Whatever would make the first letters of the row more likely is thrown away.
            let index = usize::from(byte[0]);
            let letter = LETTERS.as_bytes().get(index % LETTERS.len());
            letters.extend(letter.filter(|_| index < 256 - 256 % LETTERS.len()).map(|letter| char::from(*letter)));
        }
        Ok(Self(letters))
    }

    /// Reads what somebody typed: in any case, and with whatever dashes and blanks.
    pub fn parse(text: &str) -> Result<Self, NotAUserCode> {
        let letters: String = text.chars().filter(|char| !matches!(char, '-' | ' ')).collect();
        let letters = letters.to_ascii_uppercase();
        let fits = letters.len() == LENGTH && letters.chars().all(|letter| LETTERS.contains(letter));
        if fits { Ok(Self(letters)) } else { Err(NotAUserCode) }
    }

    pub(super) fn letters(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

const LETTERS: &str = "BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = UserCode::random().unwrap();
        let shown = code.to_string();
        assert_eq!((shown.len(), shown.matches('-').count()), (9, 1), "{shown}");
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " - ")] {
            assert_eq!(UserCode::parse(&typed), Ok(code.clone()), "{typed}");
        }
        for bad in ["", "WDJB", "WDJB-MJHTX", "AEIO-UUUU", "WDJB-MJH1", "WDJB-MJHÄ", "WDJB_MJHT"] {
            assert_eq!(UserCode::parse(bad), Err(NotAUserCode), "{bad}");
        }
    }

    #[test]
    fn every_letter_comes_and_none_more_often_than_others() {
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..2_500 {
            for letter in UserCode::random().unwrap().0.chars() {
                *counts.entry(letter).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 20);
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "1000 each: {counts:?}");
    }
}
