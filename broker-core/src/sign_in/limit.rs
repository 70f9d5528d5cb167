//! How many failures a counter bears, how long it makes somebody wait after more, and how fast it forgets.

use jiff::Timestamp;

use crate::clock::seconds_between;
use crate::store::Failures;

/// How many failures cost nothing, and how fast they are forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    free: i64,
    seconds_to_forget_one: i64,
}

impl Limit {
    /// What still counts, and how many seconds to wait for the next attempt.
    pub(super) fn standing(self, seen: Failures, now: Timestamp) -> (i64, i64) {
        let Some(last) = seen.last else { return (0, 0) };
        let since = seconds_between(last.into(), now);
        let count = seen.count.saturating_sub(since.max(0) / self.seconds_to_forget_one).max(0);
        // A clock that was set back would keep everybody waiting until it has caught up.
        let wait = if since < 0 { 0 } else { delay(count, self.free).saturating_sub(since).max(0) };
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
pub(super) const ACCOUNT: Limit = Limit { free: 5, seconds_to_forget_one: 12 * 60 };
/// An office shares one address.
pub(super) const ADDRESS: Limit = Limit { free: 50, seconds_to_forget_one: 60 };
/// Everybody in the office mistypes on a Monday morning. So many in vain and nobody there waits longer than 16 seconds, by what is
/// forgotten meanwhile.
pub(super) const ADDRESS_AT_HOME: Limit = Limit { free: 250, seconds_to_forget_one: 12 };
const LONGEST: i64 = 15 * 60;

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
    fn a_clock_that_is_set_back_locks_nobody_out() {
        assert_eq!(ACCOUNT.standing(seen(20, 10_000), at(0)), (20, 0));
    }
}
