//! The password policy control (draft-behera-ldap-password-policy-10, 6.2): a bind that succeeds may still mean "change it first".

use super::ber::{Malformed, Reader, SEQUENCE, unsigned};

/// What a server says about a password, beside whether it is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PolicyAnswer {
    pub(super) warning: Option<Warning>,
    pub(super) error: Option<PolicyError>,
}

/// What will be a problem soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warning {
    SecondsLeft(u32),
    GraceSignInsLeft(u32),
}

/// What is a problem now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyError {
    Expired,
    Locked,
    ChangeAfterReset,
    /// One that concerns changing a password, not using it.
    Other,
}

impl PolicyAnswer {
    pub(super) fn decode(value: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(Reader::new(value).expect(SEQUENCE)?);
        let mut answer = Self::default();
        while let Some(field) = fields.next()? {
            match field.tag {
                WARNING => answer.warning = warning(field.content)?,
                ERROR => answer.error = Some(error(unsigned(field.content)?)),
                _ => {}
            }
        }
        Ok(answer)
    }
}

fn warning(content: &[u8]) -> Result<Option<Warning>, Malformed> {
    let Some(choice) = Reader::new(content).next()? else { return Ok(None) };
    let number = unsigned(choice.content)?;
    Ok(match choice.tag {
        0x80 => Some(Warning::SecondsLeft(number)),
        0x81 => Some(Warning::GraceSignInsLeft(number)),
        _ => None,
    })
}

fn error(number: u32) -> PolicyError {
    match number {
        0 => PolicyError::Expired,
        1 => PolicyError::Locked,
        2 => PolicyError::ChangeAfterReset,
        _ => PolicyError::Other,
    }
}

/// The control's object identifier, in requests and in answers.
pub(super) const OID: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

const WARNING: u8 = 0xa0;
const ERROR: u8 = 0x81;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let read = |bytes: &[u8]| PolicyAnswer::decode(bytes).unwrap();
        assert_eq!(read(&[0x30, 0]), PolicyAnswer::default());
        assert_eq!(read(&[0x30, 3, 0x81, 1, 2]).error, Some(PolicyError::ChangeAfterReset));
        assert_eq!(read(&[0x30, 3, 0x81, 1, 1]).error, Some(PolicyError::Locked));
        assert_eq!(read(&[0x30, 3, 0x81, 1, 0]).error, Some(PolicyError::Expired));
        assert_eq!(read(&[0x30, 3, 0x81, 1, 8]).error, Some(PolicyError::Other));
        assert_eq!(read(&[0x30, 6, 0xa0, 4, 0x80, 2, 1, 0]).warning, Some(Warning::SecondsLeft(256)));
        let both = read(&[0x30, 8, 0xa0, 3, 0x81, 1, 5, 0x81, 1, 0]);
        assert_eq!(both.warning, Some(Warning::GraceSignInsLeft(5)));
        assert_eq!(both.error, Some(PolicyError::Expired));
    }

    #[test]
    fn nonsense_is_an_error() {
        for bad in [&[][..], &[0x30], &[0x30, 3, 0x81, 1], &[0x30, 2, 0x81, 0], &[0x04, 0]] {
            assert!(PolicyAnswer::decode(bad).is_err(), "{bad:?}");
        }
    }
}
