//! Time as an argument, so that tests own it.

use std::fmt::Debug;

use jiff::Timestamp;

/// Says what time it is.
pub trait Clock: Debug + Send + Sync {
    /// The time now, as the wall says; it may jump when somebody sets it.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        // To the millisecond, as the store keeps it: a time read back equals the one that was written.
        Millis::from(Timestamp::now()).into()
    }
}

/// A time as the store holds it: milliseconds since 1970, which sort as numbers on every engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl From<Timestamp> for Millis {
    fn from(time: Timestamp) -> Self {
        Self(time.as_millisecond())
    }
}

impl From<Millis> for Timestamp {
    fn from(millis: Millis) -> Self {
        // Out of range can only be a damaged row; the end of time it is nearest to is the honest reading.
        Self::from_millisecond(millis.0).unwrap_or(if millis.0 < 0 { Self::MIN } else { Self::MAX })
    }
}

/// `time` plus whole seconds, held at the end of time rather than overflowing.
pub fn after(time: Timestamp, seconds: u32) -> Timestamp {
    time.saturating_add(jiff::SignedDuration::from_secs(i64::from(seconds))).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from `earlier` to `later`; negative when the clock went back.
pub fn seconds_between(earlier: Timestamp, later: Timestamp) -> i64 {
    later.duration_since(earlier).as_secs()
}
