//! How many failures a counter bears, how long it makes somebody wait after more, and how fast it forgets.

use jiff::Timestamp;

use crate::clock::{Millis, seconds_between};
use crate::directory::Lockout;
use crate::store::Failures;

/// How many failures cost nothing, and how they are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    free: i64,
    forgets: Forgets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgets {
    /// One each time that so many seconds have gone by.
    One { seconds: i64 },
    /// All, so many seconds after the last; until then there may be no more than so many.
    All { most: i64, seconds: i64 },
}

impl Limit {
    /// So many of the failures that a directory bears.
    pub(super) fn below(lockout: Lockout, most: u32) -> Self {
        let seconds = i64::from(lockout.window_seconds()) + CLOCKS_DIFFER;
        Self { free: ACCOUNT.free, forgets: Forgets::All { most: most.into(), seconds } }
    }

    /// Whether a pause since the last failure has ended all that was before it.
    pub(super) fn has_forgotten(self, last: Option<Millis>, now: Timestamp) -> bool {
        let Some(last) = last else { return true };
        matches!(self.forgets, Forgets::All { seconds, .. } if seconds_between(last.into(), now) >= seconds)
    }

    /// What still counts, and how many seconds to wait for the next attempt.
    pub(super) fn standing(self, seen: Failures, now: Timestamp) -> (i64, i64) {
        let Some(last) = seen.last else { return (0, 0) };
        let since = seconds_between(last.into(), now);
        let (count, delay) = match self.forgets {
            Forgets::One { seconds } => {
                let count = seen.count.saturating_sub(since.max(0) / seconds).max(0);
                (count, delay(count, self.free))
            }
            Forgets::All { seconds, .. } if since >= seconds => (0, 0),
            Forgets::All { most, seconds } if seen.count >= most => (seen.count, seconds),
            Forgets::All { .. } => (seen.count, delay(seen.count, self.free)),
        };
        // A clock that was set back would keep everybody waiting until it has caught up; nodes' clocks differ by less.
        let wait = if since < -CLOCKS_DIFFER { 0 } else { delay.saturating_sub(since.max(0)).max(0) };
        (count, wait)
    }
}

/// Seconds between attempts after so many failures: none at first, then doubling to a quarter of an hour.
fn delay(failures: i64, free: i64) -> i64 {
    match failures.saturating_sub(free) {
        ..0 => 0,
        over => {
            1_i64.checked_shl(u32::try_from(over).unwrap_or(u32::MAX)).map_or(LONGEST, |delay| delay.clamp(1, LONGEST))
        }
    }
}

/// People mistype; a dozen guesses an hour is what is left for whoever does not stop.
pub(super) const ACCOUNT: Limit = Limit { free: 5, forgets: Forgets::One { seconds: 12 * 60 } };
/// An account for emergencies is used by few, seldom, and is worth more: after five failures, half an hour of quiet.
pub(super) const BREAK_GLASS: Limit = Limit { free: 2, forgets: Forgets::All { most: 5, seconds: 30 * 60 } };
/// An office shares one address.
pub(super) const ADDRESS: Limit = Limit { free: 50, forgets: Forgets::One { seconds: 60 } };
/// Everybody in the office mistypes on a Monday morning. So many in vain and nobody there waits longer than 16 seconds, by what is
/// forgotten meanwhile.
pub(super) const ADDRESS_AT_HOME: Limit = Limit { free: 250, forgets: Forgets::One { seconds: 12 } };
const LONGEST: i64 = 15 * 60;
/// The directory counts by its own clock, and a little later than we do.
const CLOCKS_DIFFER: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn seen(count: i64, second: i64) -> Failures {
        Failures { count, last: Some(at(second).into()) }
    }

    #[test]
    fn delays_grow_and_end() {
        let delays: Vec<i64> = [0, 4, 5, 6, 7, 10, 15, 100, i64::MAX].map(|failures| delay(failures, 5)).into();
        assert_eq!(delays, [0, 0, 1, 2, 4, 32, 900, 900, 900]);
    }

    #[test]
    fn failures_are_forgotten_one_by_one_while_others_keep_coming() {
        assert_eq!(ADDRESS.standing(seen(60, 0), at(0)), (60, 900));
        assert_eq!(ADDRESS.standing(seen(60, 0), at(600)), (50, 0));
        assert_eq!(ACCOUNT.standing(seen(7, 0), at(1)), (7, 3));
        assert_eq!(ACCOUNT.standing(seen(7, 0), at(720)), (6, 0));
        assert_eq!(ACCOUNT.standing(Failures::default(), at(0)), (0, 0));
    }

    #[test]
    fn below_a_directorys_lockout_there_is_a_most_and_only_quiet_forgets() {
        let lockout = Lockout::new(10, 1_800).unwrap();
        let limit = Limit::below(lockout, lockout.of_strangers());
        assert_eq!(limit.standing(seen(3, 0), at(0)), (3, 0));
        assert_eq!(limit.standing(seen(4, 0), at(0)), (4, 1_860));
        assert_eq!(limit.standing(seen(4, 0), at(1_859)), (4, 1), "nothing is forgotten one by one");
        assert_eq!(limit.standing(seen(4, 0), at(1_860)), (0, 0));
        let patient = Limit::below(Lockout::new(1_000, 14_400).unwrap(), 499);
        assert_eq!(patient.standing(seen(7, 0), at(1)), (7, 3), "waits grow as everywhere");
        assert!(patient.standing(seen(499, 0), at(14_400)).1 > 0);
    }

    #[test]
    fn an_account_for_emergencies_has_five_guesses_and_then_half_an_hour() {
        assert_eq!(BREAK_GLASS.standing(seen(3, 0), at(0)), (3, 2));
        assert_eq!(BREAK_GLASS.standing(seen(5, 0), at(0)), (5, 1_800));
        assert_eq!(BREAK_GLASS.standing(seen(5, 0), at(1_799)), (5, 1), "nothing is forgotten one by one");
        assert_eq!(BREAK_GLASS.standing(seen(5, 0), at(1_800)), (0, 0));
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        assert_eq!(ACCOUNT.standing(seen(20, 10_000), at(0)), (20, 0));
    }
}
