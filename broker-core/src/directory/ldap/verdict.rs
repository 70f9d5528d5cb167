//! What the outcome of a bind says of somebody's password.

use super::answer::Outcome;
use super::password_policy::{PolicyError, Warning};
use super::trouble::SUCCESS;
use crate::directory::Refusal;

/// What a directory says to somebody's password.
pub(super) enum Verdict {
    Right,
    MustChange,
    Wrong(Refusal),
}

impl Verdict {
    /// What the outcome of a bind says of the password; what says nothing of it comes back.
    ///
    /// Servers look at expiry after the password has been compared (draft-behera-ldap-password-policy-10, 8.1; slapd does), so "expired"
    /// tells a guesser nothing that the right password would not.
    pub(super) fn of(outcome: Outcome) -> Result<Self, Outcome> {
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
}

// Result codes (RFC 4511, appendix A). 389 Directory Server answers 19 when an account is locked and 53 when it is inactive.
const CONSTRAINT_VIOLATION: u32 = 19;
const NO_SUCH_OBJECT: u32 = 32;
const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
const INVALID_CREDENTIALS: u32 = 49;
const UNWILLING: u32 = 53;
