//! How long credentials live: one rule, two limits.

use serde::{Deserialize, Serialize};

/// How long credentials live, in seconds, between AWS's fifteen minutes and `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Lifetime<const MAX: u32>(u32);

/// For AssumeRole: at most twelve hours.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub type RoleLifetime = Lifetime<43_200>;
/// For GetFederationToken and GetSessionToken: at most thirty-six hours.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
pub type TokenLifetime = Lifetime<129_600>;

impl<const MAX: u32> Lifetime<MAX> {
    pub fn as_seconds(self) -> u32 {
        self.0
    }
}

/// One hour, whatever AWS's own default: decision 10 of ARCHITECTURE.md.
impl<const MAX: u32> Default for Lifetime<MAX> {
    fn default() -> Self {
        Self(3_600)
    }
}

impl<const MAX: u32> TryFrom<u32> for Lifetime<MAX> {
    type Error = LifetimeError;

    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        match seconds {
            0..MIN_SECONDS => Err(LifetimeError::TooShort(seconds)),
            seconds if seconds > MAX => Err(LifetimeError::TooLong { seconds, max: MAX }),
            seconds => Ok(Self(seconds)),
        }
    }
}

impl<const MAX: u32> From<Lifetime<MAX>> for u32 {
    fn from(lifetime: Lifetime<MAX>) -> Self {
        lifetime.0
    }
}

/// A lifetime that AWS would refuse.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifetimeError {
    #[error("{0} seconds is too short: credentials live at least {MIN_SECONDS} seconds")]
    TooShort(u32),
    #[error("{seconds} seconds is too long: these credentials live at most {max} seconds")]
    TooLong { seconds: u32, max: u32 },
}

/// AWS vends nothing shorter.
pub const MIN_SECONDS: u32 = 900;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_are_exact() {
        for (seconds, role, token) in [
            (899, false, false),
            (900, true, true),
            (43_200, true, true),
            (43_201, false, true),
            (129_601, false, false),
        ] {
            assert_eq!(RoleLifetime::try_from(seconds).is_ok(), role, "{seconds}");
            assert_eq!(TokenLifetime::try_from(seconds).is_ok(), token, "{seconds}");
        }
    }
}
