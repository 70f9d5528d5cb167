//! Durations as files write them: whole seconds between two bounds.

use std::time::Duration;

use serde::Deserialize;

/// Whole seconds, from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Seconds<const MIN: u64, const MAX: u64>(u64);

/// The number is out of bounds.
#[derive(Debug, thiserror::Error)]
#[error("{seconds} is out of bounds: write {min} to {max} seconds")]
pub(super) struct OutOfBounds {
    seconds: u64,
    min: u64,
    max: u64,
}

impl<const MIN: u64, const MAX: u64> Seconds<MIN, MAX> {
    /// For defaults: a number out of bounds does not compile where this is a constant.
    pub(super) const fn new(seconds: u64) -> Self {
        assert!(MIN <= seconds && seconds <= MAX, "a default keeps to its own bounds");
        Self(seconds)
    }

    pub(super) fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl<const MIN: u64, const MAX: u64> TryFrom<u64> for Seconds<MIN, MAX> {
    type Error = OutOfBounds;

    fn try_from(seconds: u64) -> Result<Self, OutOfBounds> {
        if (MIN..=MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(OutOfBounds { seconds, min: MIN, max: MAX })
        }
    }
}
