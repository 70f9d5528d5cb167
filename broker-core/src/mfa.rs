//! An MFA device that AWS itself knows of an IAM user, and the code that somebody reads off it: neither is one of our second factors.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::arn::AccountId;
use crate::partition::Partition;

/// By what AWS knows a device: the ARN of a virtual one, such as `arn:aws:iam::123456789012:mfa/broker`, or the number on a token of
/// hardware, such as `GAHT12345678`. STS's `SerialNumber`:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MfaSerial {
    text: String,
    partition: Option<Partition>,
}

/// The six digits that a device shows at this moment. AWS takes each once.
#[derive(Clone)]
pub struct MfaCode(SecretString);

/// What is no device that shows codes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MfaSerialError {
    #[error(
        "`{0}` is no MFA device: write the ARN of a virtual one, such as arn:aws:iam::123456789012:mfa/broker, or the serial number of a hardware token, 9 to 256 of the characters A-Z a-z 0-9 _+=,.@-"
    )]
    NoDevice(String),
    #[error(
        "`{0}` is a security key or a passkey, which shows no code that AWS's STS would take: name a device that shows six digits"
    )]
    ShowsNoCode(String),
}

/// What was typed cannot be a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an MFA code is the six digits that the device shows now")]
pub struct NotAnMfaCode;

impl MfaSerial {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// That of its ARN, where it has one.
    pub fn partition(&self) -> Option<Partition> {
        self.partition
    }
}

impl TryFrom<String> for MfaSerial {
    type Error = MfaSerialError;

    fn try_from(text: String) -> Result<Self, MfaSerialError> {
        let fits = |text: &str, more: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte) || more.contains(&byte))
        };
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(MfaSerialError::NoDevice(shown(&text)));
        }
        if !text.starts_with("arn:") {
            return if fits(&text, b"") {
                Ok(Self { text, partition: None })
            } else {
                Err(MfaSerialError::NoDevice(shown(&text)))
            };
        }
        let ["arn", partition, "iam", "", account, resource] = text.splitn(6, ':').collect::<Vec<_>>()[..] else {
            return Err(MfaSerialError::NoDevice(shown(&text)));
        };
        if ["u2f/", "passkey/"].iter().any(|kind| resource.starts_with(kind)) {
            return Err(MfaSerialError::ShowsNoCode(shown(&text)));
        }
        let partition = Partition::from_arn_word(partition);
        let is_account = AccountId::try_from(account.to_owned()).is_ok();
        let is_named = resource
            .strip_prefix("mfa/")
            .is_some_and(|name| fits(name, b"/") && !name.ends_with('/') && !name.is_empty());
        if partition.is_some() && is_account && is_named {
            Ok(Self { text, partition })
        } else {
            Err(MfaSerialError::NoDevice(shown(&text)))
        }
    }
}

impl From<MfaSerial> for String {
    fn from(serial: MfaSerial) -> Self {
        serial.text
    }
}

impl MfaCode {
    /// Reads what was typed, without the spaces that people leave in the middle.
    pub fn parse(typed: &SecretString) -> Result<Self, NotAnMfaCode> {
        let typed = typed.expose_secret();
        if typed.len() > LONGEST_TYPED {
            return Err(NotAnMfaCode);
        }
        let plain = Zeroizing::new(typed.chars().filter(|char| !char.is_whitespace()).collect::<String>());
        let fits = plain.len() == DIGITS && plain.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(SecretString::from(plain.as_str()))).ok_or(NotAnMfaCode)
    }

    /// For STS alone.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for MfaCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl std::fmt::Debug for MfaCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MfaCode(..)")
    }
}

/// Short enough for an error that quotes it.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

const SHORTEST: usize = 9;
const LONGEST: usize = 256;
const DIGITS: usize = 6;
const LONGEST_TYPED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_an_arn_or_a_number_that_stands_on_it() {
        let parse = |text: &str| MfaSerial::try_from(text.to_owned());
        assert_eq!(parse("arn:aws:iam::123456789012:mfa/broker").unwrap().partition(), Some(Partition::Aws));
        assert_eq!(parse("arn:aws-cn:iam::123456789012:mfa/team/broker").unwrap().partition(), Some(Partition::AwsCn));
        assert_eq!(parse("GAHT12345678").unwrap().partition(), None);
        assert_eq!(parse(&"1".repeat(256)).unwrap().as_str().len(), 256);
        for rubbish in [
            "",
            "12345678",
            &"1".repeat(257),
            "GAHT 12345678",
            "GAHT12345678\n",
            "GÄHT12345678",
            "aws:iam::123456789012:mfa/broker",
            "arn:aws:iam::123456789012:mfa/",
            "arn:aws:iam::123456789012:mfa/broker/",
            "arn:aws:iam::12345:mfa/broker",
            "arn:mars:iam::123456789012:mfa/broker",
            "arn:aws:sts::123456789012:mfa/broker",
            "arn:aws:iam::123456789012:user/broker",
            "arn:aws:iam::123456789012:mfa/bro ker",
            "arn:aws:iam::123456789012:mfa/<b>",
        ] {
            assert!(matches!(parse(rubbish), Err(MfaSerialError::NoDevice(_))), "{rubbish:?}");
        }
        let key = parse("arn:aws:iam::123456789012:u2f/user/broker/yubi").unwrap_err();
        assert!(key.to_string().contains("shows no code"), "{key}");
    }

    #[test]
    fn a_code_is_six_digits_however_they_are_typed_and_is_shown_nowhere() {
        let parse = |text: &str| MfaCode::parse(&SecretString::from(text));
        for typed in ["123456", " 123 456\n", "123\t456"] {
            let code = parse(typed).unwrap();
            assert_eq!(code.secret().expose_secret(), "123456");
            assert!(!format!("{code:?}").contains('1'), "{code:?}");
        }
        let long = format!("123456{}", " ".repeat(100));
        for rubbish in
            ["", "12345", "1234567", "12345a", "123-456", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}", &long]
        {
            assert_eq!(parse(rubbish), Err(NotAnMfaCode), "{rubbish:?}");
        }
    }
}
