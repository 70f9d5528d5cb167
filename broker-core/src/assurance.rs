//! How surely somebody has proved who they are: by a password alone, or by something else beside it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::seconds_between;

/// What was shown beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorUsed {
    /// A code of the moment (RFC 6238).
    Totp,
    /// A passkey (Web Authentication), which has proved its owner by itself as well.
    Passkey,
    /// One of the codes that were written down for when all else is lost.
    RecoveryCode,
}

/// That a second factor was shown in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvedFactor {
    pub by: FactorUsed,
    pub at: Timestamp,
}

/// What a person has shown beside their password, and whether they must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assurance {
    /// In this session.
    pub proved: Option<ProvedFactor>,
    /// One of their groups may do nothing without.
    pub required: bool,
}

impl FactorUsed {
    /// The word in the trail and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

impl ProvedFactor {
    /// Whether it was less than a quarter of an hour ago. Where the clock went back nobody knows.
    pub fn is_fresh(self, now: Timestamp) -> bool {
        (0..FRESH_SECONDS).contains(&seconds_between(self.at, now))
    }
}

impl Assurance {
    /// Whether something is wanted that was not shown.
    pub fn falls_short_of(self, second_factor: bool) -> bool {
        (second_factor || self.required) && self.proved.is_none()
    }
}

/// How long a proof is good for changes.
pub const FRESH_SECONDS: i64 = 15 * 60;
