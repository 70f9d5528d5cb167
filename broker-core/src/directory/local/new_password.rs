//! Passwords that somebody chooses: long enough, and none that a guesser tries first (NIST SP 800-63B, 3.1.1.2). Nothing else is asked of
//! them: rules about digits and marks make passwords that are easier to guess.

use secrecy::{ExposeSecret, SecretString};

use crate::directory::Password;

/// A password that may be chosen.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

/// Why a password may not be chosen. What was chosen is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has {MIN_CHARACTERS} characters at least: take several words")]
    TooShort,
    #[error("a password has {MAX_BYTES} bytes at most, and no zero byte first")]
    TooLong,
    #[error("the password is the user's own name, or little more: take another")]
    OwnName,
    #[error("this password is among those that are tried first: take another")]
    Common,
    #[error("the password is the same few characters over and over: take another")]
    Monotonous,
}

impl NewPassword {
    /// Takes what somebody chose; `own` are names of theirs that everybody knows.
    pub fn parse(chosen: SecretString, own: &[&str]) -> Result<Self, WeakPassword> {
        let text = chosen.expose_secret();
        if text.chars().count() < MIN_CHARACTERS {
            return Err(WeakPassword::TooShort);
        }
        let folded = bare(text);
        // With the name taken out of it too little is left to be guessed.
        let is_name = |name: &&str| {
            let name = bare(name);
            !name.is_empty() && folded.replace(&name, "").chars().count() < MIN_BESIDE_NAME && folded.contains(&name)
        };
        if own.iter().any(is_name) {
            return Err(WeakPassword::OwnName);
        }
        if COMMON.contains(&folded.as_str()) {
            return Err(WeakPassword::Common);
        }
        if is_monotonous(&folded) {
            return Err(WeakPassword::Monotonous);
        }
        Password::parse(chosen).map(Self).map_err(|_| WeakPassword::TooLong)
    }

    pub fn as_password(&self) -> &Password {
        &self.0
    }
}

/// Without capitals and blanks, which a guesser varies first.
fn bare(text: &str) -> String {
    text.chars().filter(|char| !char.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// One to four characters, repeated.
fn is_monotonous(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let repeats =
        |length: &usize| characters.iter().zip(characters.iter().skip(*length)).all(|(one, other)| one == other);
    characters.len() < MIN_BESIDE_NAME || (1..=4_usize).any(|length| repeats(&length))
}

/// Of a password that somebody chooses.
pub const MIN_CHARACTERS: usize = 12;
const MIN_BESIDE_NAME: usize = 6;
const MAX_BYTES: usize = 1_024;

/// Of lists of passwords that were taken from others, what is long enough to be chosen here at all; blanks and capitals left out.
const COMMON: &[&str] = &[
    "0123456789ab",
    // Of this program's own documents.
    "correcthorsebattery",
    "correcthorsebatterystaple",
    "fourotherlongwords",
    "0987654321qwerty",
    "098765432112",
    "1029384756qp",
    "111222333444",
    "112233445566",
    "121212121212",
    "123123123123",
    "1234567890-=",
    "1234567890ab",
    "1234567890abc",
    "1234567890q",
    "1234567890qw",
    "1234567890qwe",
    "1234567890qwerty",
    "123456789012",
    "1234567890123",
    "123456789101112",
    "12345678910",
    "123456789123",
    "123456789123456789",
    "123456789abc",
    "123456789asd",
    "123456789qwe",
    "123456789qwerty",
    "123456abcdef",
    "123456qwerty",
    "123qwe123qwe",
    "123qweasdzxc",
    "147258369147",
    "147258369258",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "1qazxsw23edc",
    "987654321098",
    "abc123456789",
    "abcd12345678",
    "abcdefgh1234",
    "abcdefghijkl",
    "abcdefghijklm",
    "abcdefghijklmnop",
    "abcdefghijklmnopqrstuvwxyz",
    "adminadmin12",
    "adminadmin123",
    "administrator",
    "administrator1",
    "administrator123",
    "alexander123",
    "asdfasdfasdf",
    "asdfghjkl123",
    "asdfghjklzxc",
    "asdfghjklzxcvbnm",
    "changemechangeme",
    "changemenow1",
    "changemenow!",
    "correcthorsebatterystaple",
    "default12345",
    "helloworld12",
    "helloworld123",
    "iloveyou1234",
    "iloveyou12345",
    "iloveyouforever",
    "jesuschrist1",
    "letmein12345",
    "letmeinplease",
    "liverpoolfc1",
    "manchesterunited",
    "monkey123456",
    "p@ssw0rd1234",
    "p@ssword1234",
    "passw0rd1234",
    "password!123",
    "password0123",
    "password1234",
    "password12345",
    "password123456",
    "password123!",
    "password1!23",
    "passwordpassword",
    "princess1234",
    "q1w2e3r4t5y6",
    "q1w2e3r4t5y6u7",
    "qazwsxedcrfv",
    "qazwsxedcrfvtgb",
    "qwer1234qwer",
    "qwer1234tyui",
    "qwerty123456",
    "qwerty1234567890",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiop123456",
    "qwertyuiop[]",
    "qwertyuiopas",
    "qwertyuiopasdfghjkl",
    "qwertyuiopasdfghjklzxcvbnm",
    "samsung12345",
    "secretpassword",
    "spongebob123",
    "summer202024",
    "superman1234",
    "supersecret1",
    "thisismypassword",
    "trustno1trustno1",
    "unbelievable",
    "welcome12345",
    "welcome123456",
    "welcometothejungle",
    "zaq12wsxcde3",
    "zxcvbnm12345",
    "zxcvbnm123456",
    "zxcvbnmasdfghjkl",
    "zxcvbnmzxcvbnm",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<WeakPassword> {
        NewPassword::parse(SecretString::from(text), &["ada.lovelace", "Ada", ""]).err()
    }

    #[test]
    fn length_is_what_counts_and_marks_are_not_asked_for() {
        assert_eq!(refusal("short but !1"), None);
        assert_eq!(refusal("eleven char"), Some(WeakPassword::TooShort));
        assert_eq!(refusal("längenzählen"), None, "characters are counted, not bytes");
        assert_eq!(refusal(&"ab cde fgh ijk".repeat(100)), Some(WeakPassword::TooLong));
        assert_eq!(refusal("\0hidden behind a zero"), Some(WeakPassword::TooLong));
        assert_eq!(refusal("correct horse battery"), Some(WeakPassword::Common), "our own documents have it");
    }

    #[test]
    fn what_is_tried_first_is_refused_however_it_is_spelt() {
        for common in ["password1234", "PASSWORD 1234", "Correct Horse Battery Staple", "qwertyuiop123"] {
            assert_eq!(refusal(common), Some(WeakPassword::Common), "{common}");
        }
        for own in ["ada.lovelace", "Ada.Lovelace1815", "ada.lovelaceada.lovelace", "ada ada ada ada"] {
            assert_eq!(refusal(own), Some(WeakPassword::OwnName), "{own}");
        }
        assert_eq!(refusal("ada.lovelace met charles babbage"), None);
        for same in ["aaaaaaaaaaaa", "abcabcabcabca", "1212 1212 1212", "            x"] {
            assert!(matches!(refusal(same), Some(WeakPassword::Monotonous | WeakPassword::Common)), "{same}");
        }
    }

    #[test]
    fn the_list_holds_what_could_be_chosen_and_nothing_else() {
        for common in COMMON {
            assert_eq!(*common, bare(common), "as it is compared");
        }
        assert!(!format!("{:?}", NewPassword::parse(SecretString::from("a good long one"), &[])).contains("good"));
    }
}
