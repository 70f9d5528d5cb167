//! What an administrator writes about a directory of whichever kind.

use serde::Deserialize;

use super::{Lockout, NotALockout};

/// An attribute that may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustedAttribute {
    Email,
}

/// When the directory locks accounts by itself, so that guesses through the broker stay below that.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutConfig {
    /// So many wrong passwords lock an account.
    pub failures: u32,
    /// After so long without one it has forgotten them.
    pub window_seconds: u32,
}

impl Default for LockoutConfig {
    fn default() -> Self {
        Self { failures: 10, window_seconds: 30 * 60 }
    }
}

impl LockoutConfig {
    /// The rule, or the key below the directory's own table where something is wrong, and what.
    pub(super) fn checked(self) -> Result<Lockout, (&'static str, NotALockout)> {
        let Self { failures, window_seconds } = self;
        Lockout::new(failures, window_seconds).map_err(|problem| match problem {
            NotALockout::Failures => ("lockout.failures", problem),
            NotALockout::Window => ("lockout.window_seconds", problem),
        })
    }
}
