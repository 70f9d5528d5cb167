//! One time for every refusal: longer than the slow answers of late took, so that how long one took says nothing about its reason, nor
//! about how many directories were asked.
//!
//! Much depends on it: whatever a decoy asks a directory that is a server of its own, that compares nobody's password with nothing. OpenLDAP
//! answers at once where nobody has the name, and where the account is locked; a wrong password costs it a hash.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Remembers how long answers took, and holds each refusal back for as long as the slowest.
#[derive(Debug)]
pub(super) struct Pad {
    recent: Mutex<Recent>,
    /// Of any refusal: half a second for each directory that an unknown name is looked for in.
    least: Duration,
}

#[derive(Debug)]
struct Recent {
    since: Instant,
    slowest: Duration,
    /// In the period before this one.
    slowest_before: Duration,
}

impl Pad {
    pub(super) fn of(directories: usize) -> Self {
        let recent = Recent { since: Instant::now(), slowest: Duration::ZERO, slowest_before: Duration::ZERO };
        let least = (STEP * u32::try_from(directories).unwrap_or(u32::MAX)).clamp(STEP, LONGEST);
        Self { recent: Mutex::new(recent), least }
    }

    /// Waits until as much time has gone by since `started` as every refusal takes now.
    pub(super) async fn fill(&self, started: Instant) {
        let now = Instant::now();
        tokio::time::sleep_until(started + self.time_of(now.duration_since(started), now)).await;
    }

    /// What took so long was no refusal: a right password, which costs a directory what a wrong one does. So refusals are held back for as long
    /// before the first of them is slow.
    pub(super) fn learn(&self, started: Instant) {
        let now = Instant::now();
        self.slowest_with(now.duration_since(started), now);
    }

    /// How long a refusal is to take in all whose work took so long. Always whole steps: also while a slower one than ever is being learnt.
    fn time_of(&self, took: Duration, now: Instant) -> Duration {
        let slowest = self.slowest_with(took, now);
        // A quarter more, so that the next that is a little slower still does not stand out.
        in_steps(slowest + slowest / 4).min(LONGEST).max(self.least).max(in_steps(took))
    }

    /// The slowest of late, with this one.
    fn slowest_with(&self, took: Duration, now: Instant) -> Duration {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.duration_since(recent.since);
        if age >= PERIOD {
            let slowest_before = if age < PERIOD * 2 { recent.slowest } else { Duration::ZERO };
            *recent = Recent { since: now, slowest: Duration::ZERO, slowest_before };
        }
        recent.slowest = recent.slowest.max(took);
        recent.slowest.max(recent.slowest_before)
    }
}

fn in_steps(time: Duration) -> Duration {
    let steps = time.as_millis().div_ceil(STEP.as_millis()).max(1);
    STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

const STEP: Duration = Duration::from_millis(500);
/// What is learnt makes nobody wait longer than this: else whoever can make the directory slow would make everybody's slips expensive.
const LONGEST: Duration = Duration::from_secs(3);
/// What was slow is forgotten after one or two of these.
const PERIOD: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn quick_and_slow_refusals_take_the_same_once_the_slow_ones_are_known() {
        let (pad, now) = (Pad::of(1), Instant::now());
        assert_eq!([1, 100, 400].map(|took| pad.time_of(ms(took), now)), [ms(500); 3]);
        assert_eq!(pad.time_of(ms(490), now), ms(1_000), "the boundary between two steps is no place to be at");
        assert_eq!([1, 400, 490, 520, 790].map(|took| pad.time_of(ms(took), now)), [ms(1_000); 5]);
        assert_eq!(pad.time_of(ms(1_100), now), ms(1_500));
        assert_eq!([1, 1_200].map(|took| pad.time_of(ms(took), now)), [ms(1_500); 2]);
    }

    #[test]
    fn as_many_directories_as_there_are_may_take_their_half_second_without_being_told_apart() {
        let now = Instant::now();
        assert_eq!(Pad::of(2).time_of(ms(1), now), ms(1_000));
        assert_eq!(Pad::of(0).time_of(ms(1), now), ms(500));
        assert_eq!(Pad::of(100).time_of(ms(1), now), ms(3_000));
    }

    #[test]
    fn a_right_password_that_was_slow_holds_back_the_first_refusal_already() {
        let (pad, now) = (Pad::of(1), Instant::now());
        assert_eq!(pad.time_of(ms(1), now), ms(500));
        assert_eq!(pad.slowest_with(ms(600), now), ms(600), "it is in, and is told so at once");
        assert_eq!([1, 600].map(|took| pad.time_of(ms(took), now)), [ms(1_000); 2]);
        assert_eq!(pad.time_of(ms(1), now + PERIOD), ms(1_000));
        assert_eq!(pad.time_of(ms(1), now + PERIOD * 2), ms(500));
    }

    #[test]
    fn what_was_slow_is_forgotten_and_costs_nobody_more_than_three_seconds() {
        let (pad, now) = (Pad::of(1), Instant::now());
        assert_eq!(pad.time_of(ms(9_990), now), ms(10_000), "it is what it is");
        assert_eq!(pad.time_of(ms(1), now), ms(3_000));
        assert_eq!(pad.time_of(ms(1), now + PERIOD), ms(3_000));
        assert_eq!(pad.time_of(ms(1), now + PERIOD * 2), ms(500));
        assert_eq!(pad.time_of(ms(700), now + PERIOD * 2), ms(1_000));
        assert_eq!(pad.time_of(ms(1), now + PERIOD * 5), ms(500), "nobody came meanwhile");
    }
}
