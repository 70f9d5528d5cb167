//! The time since a backup was last restored: what was let in before it does not count by itself any more.

use jiff::Timestamp;

use crate::clock::Millis;

/// Which epoch something belongs to. Its number is the moment at which it began, in milliseconds, so that no two have the same,
/// not even where one was lost with what a backup did not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(i64);

impl Epoch {
    /// From the making of the store until a backup is restored for the first time.
    pub const FIRST: Self = Self(1);

    /// As a file or a row has it; whether it is true is for a keyed hash to say.
    pub(crate) fn from_number(number: i64) -> Self {
        Self(number)
    }

    pub fn number(self) -> i64 {
        self.0
    }

    /// The one that begins now, after this one, whatever the clock says.
    #[must_use]
    pub fn next(self, now: Timestamp) -> Self {
        Self(Millis::from(now).0.max(self.0.saturating_add(1)))
    }

    /// When it began; nothing for the first.
    pub fn began_at(self) -> Option<Timestamp> {
        (self != Self::FIRST).then(|| Millis(self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_comes_after_the_one_before_even_when_the_clock_went_back() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let second = Epoch::FIRST.next(now);
        assert_eq!(second.began_at(), Some(now));
        assert!(second.next("2020-01-01T00:00:00Z".parse().unwrap()) > second);
        assert_eq!(Epoch::FIRST.began_at(), None);
    }
}
