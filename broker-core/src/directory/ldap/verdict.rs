//! What the outcome of a bind says of somebody's password.

use super::answer::Outcome;
use super::password_policy::{PolicyError, Warning};
use super::trouble::{NO_SUCH_OBJECT, SUCCESS};
use crate::directory::Refusal;

/// What a directory says to somebody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    MustChange,
    Wrong(Refusal),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::MustChange => f.write_str("right, and must be changed first"),
            Self::Wrong(refusal) => refusal.fmt(f),
        }
    }
}

impl Verdict {
    /// What the outcome of a bind says of the password; what says nothing of it comes back.
    ///
    /// Servers look at expiry after the password has been compared (draft-behera-ldap-password-policy-10, 8.1; slapd does), so "expired"
    /// tells a guesser nothing that the right password would not.
    pub(super) fn of(outcome: Outcome) -> Result<Self, Outcome> {
        if outcome.code == INVALID_CREDENTIALS
            && let Some(code) = sub_code(&outcome.message)
        {
            return Ok(Self::of_sub_code(code));
        }
        let error = outcome.policy.and_then(|policy| policy.error);
        match (outcome.code, error) {
            (SUCCESS, Some(PolicyError::ChangeAfterReset | PolicyError::Expired))
            | (INVALID_CREDENTIALS, Some(PolicyError::Expired)) => Ok(Self::MustChange),
            (SUCCESS, Some(PolicyError::Locked)) => Ok(Self::Wrong(Refusal::Locked)),
            (SUCCESS, None | Some(PolicyError::Other)) => {
                if let Some(Warning::SecondsLeft(_) | Warning::GraceSignInsLeft(_)) =
                    outcome.policy.and_then(|policy| policy.warning)
                {
                    tracing::info!("a password expires soon");
                }
                Ok(Self::Right)
            }
            (INVALID_CREDENTIALS | CONSTRAINT_VIOLATION, Some(PolicyError::Locked)) | (CONSTRAINT_VIOLATION, _) => {
                Ok(Self::Wrong(Refusal::Locked))
            }
            (INVALID_CREDENTIALS | NO_SUCH_OBJECT | INAPPROPRIATE_AUTHENTICATION, _) => {
                Ok(Self::Wrong(Refusal::WrongPassword))
            }
            (UNWILLING, _) => Ok(Self::Wrong(Refusal::Disabled)),
            _ => Err(outcome),
        }
    }

    /// Active Directory compares the password first: whoever does not know it hears 52e, whatever else is the matter (775 excepted).
    fn of_sub_code(code: u32) -> Self {
        match code {
            0x530 | 0x531 => Self::Wrong(Refusal::Restricted),
            0x532 | 0x773 => Self::MustChange,
            0x533 | 0x701 => Self::Wrong(Refusal::Disabled),
            0x775 => Self::Wrong(Refusal::Locked),
            // 525 (no such user), 52e, and whatever else there may be.
            _ => Self::Wrong(Refusal::WrongPassword),
        }
    }
}

/// What stands in Active Directory's words about a bind: `… AcceptSecurityContext error, data 52e, v1db1`.
fn sub_code(message: &str) -> Option<u32> {
    let (_, code) = message.split_once("AcceptSecurityContext error, data ")?;
    let end = code.find(|char: char| !char.is_ascii_hexdigit()).unwrap_or(code.len());
    u32::from_str_radix(code.get(..end)?, 16).ok()
}

// Result codes (RFC 4511, appendix A). 389 Directory Server answers 19 when an account is locked and 53 when it is inactive.
const CONSTRAINT_VIOLATION: u32 = 19;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const UNWILLING: u32 = 53;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::password_policy::PolicyAnswer;

    fn of(code: u32, message: &str) -> Option<Verdict> {
        Verdict::of(Outcome { code, message: message.to_owned(), policy: None, cookie: None }).ok()
    }

    #[test]
    fn active_directory_tells_the_reason_in_its_words() {
        for (data, verdict) in [
            ("52e", Verdict::Wrong(Refusal::WrongPassword)),
            ("525", Verdict::Wrong(Refusal::WrongPassword)),
            ("530", Verdict::Wrong(Refusal::Restricted)),
            ("531", Verdict::Wrong(Refusal::Restricted)),
            ("532", Verdict::MustChange),
            ("533", Verdict::Wrong(Refusal::Disabled)),
            ("701", Verdict::Wrong(Refusal::Disabled)),
            ("773", Verdict::MustChange),
            ("775", Verdict::Wrong(Refusal::Locked)),
            ("8009030c", Verdict::Wrong(Refusal::WrongPassword)),
            ("", Verdict::Wrong(Refusal::WrongPassword)),
            ("ffffffffffff", Verdict::Wrong(Refusal::WrongPassword)),
        ] {
            let said =
                format!("80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1");
            assert_eq!(of(49, &said), Some(verdict), "{data}");
        }
        let cut = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 532";
        assert_eq!(of(49, cut), Some(Verdict::MustChange));
        assert_eq!(of(0, cut), Some(Verdict::Right), "the code says more than the words");
        assert_eq!(of(49, "data 532"), Some(Verdict::Wrong(Refusal::WrongPassword)), "somebody else's words");
    }

    #[test]
    fn codes_and_what_a_password_policy_adds_to_them_are_told_apart() {
        use PolicyError::{ChangeAfterReset, Expired, Locked, Other};
        use Refusal::{Disabled, WrongPassword};
        let locked = Refusal::Locked;
        for (code, error, verdict) in [
            (0, None, Some(Verdict::Right)),
            (0, Some(Other), Some(Verdict::Right)),
            (0, Some(Expired), Some(Verdict::MustChange)),
            (0, Some(ChangeAfterReset), Some(Verdict::MustChange)),
            (0, Some(Locked), Some(Verdict::Wrong(locked))),
            (49, None, Some(Verdict::Wrong(WrongPassword))),
            (49, Some(ChangeAfterReset), Some(Verdict::Wrong(WrongPassword))),
            (49, Some(Expired), Some(Verdict::MustChange)),
            (49, Some(Locked), Some(Verdict::Wrong(locked))),
            // 389 Directory Server's, and those of servers without an entry or a password of that name.
            (19, None, Some(Verdict::Wrong(locked))),
            (53, None, Some(Verdict::Wrong(Disabled))),
            (32, None, Some(Verdict::Wrong(WrongPassword))),
            (48, None, Some(Verdict::Wrong(WrongPassword))),
            // Nothing was said of the password.
            (1, None, None),
            (8, Some(Expired), None),
            (13, None, None),
            (50, None, None),
            (51, Some(Locked), None),
            (52, None, None),
            (80, None, None),
        ] {
            let policy = error.map(|error| PolicyAnswer { warning: None, error: Some(error) });
            let outcome = Outcome { code, message: String::new(), policy, cookie: None };
            assert_eq!(Verdict::of(outcome).ok(), verdict, "{code} {error:?}");
        }
    }
}
