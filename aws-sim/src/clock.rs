//! The sim's two clocks: the world's, by which credentials expire, and the wire's, by which signatures are dated.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Turns time, so that expiry and clock skew can be tested without sleeping.
///
/// There are two clocks on purpose. Clients sign with the machine's real clock; were there only one, a test that moves
/// it an hour on to see credentials expire would be told that its signatures are an hour old.
#[derive(Debug, Default)]
pub struct Clock {
    world: AtomicI64,
    wire: AtomicI64,
}

impl Clock {
    /// What time it is in the world: credentials are issued and expire by it.
    pub fn now(&self) -> Timestamp {
        shifted(self.world.load(Relaxed))
    }

    /// Moves the world's time forward. Signatures are not affected.
    pub fn advance(&self, by: Duration) {
        self.world.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Relaxed);
    }

    /// Makes it `now` in the world, from where time runs on. Signatures are not affected.
    pub fn set(&self, now: Timestamp) {
        self.world.store(now.as_microsecond().saturating_sub(real_now().as_microsecond()), Relaxed);
    }

    /// Lets AWS's idea of the time differ from the client's: more than fifteen minutes either way, and AWS refuses
    /// every signature. The `Date` header of all answers shows it, as AWS's does.
    pub fn set_skew(&self, skew: SignedDuration) {
        self.wire.store(i64::try_from(skew.as_micros()).unwrap_or(i64::MAX), Relaxed);
    }

    /// Back to the machine's time, both clocks.
    pub fn reset(&self) {
        self.world.store(0, Relaxed);
        self.wire.store(0, Relaxed);
    }

    /// What time signatures are compared with.
    pub(crate) fn wire_now(&self) -> Timestamp {
        shifted(self.wire.load(Relaxed))
    }
}

fn shifted(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(real_now().as_microsecond().saturating_add(micros)).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the sim looks at the machine's clock")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_moves_on_and_the_wire_does_not() {
        let clock = Clock::default();
        clock.advance(Duration::from_hours(1));
        let ahead = clock.now().as_second() - clock.wire_now().as_second();
        assert!((3_599..=3_601).contains(&ahead), "{ahead}");
    }

    #[test]
    fn a_set_clock_stands_where_it_was_set() {
        let clock = Clock::default();
        clock.set(Timestamp::from_second(1_000_000).unwrap());
        assert!((1_000_000..1_000_002).contains(&clock.now().as_second()));
        clock.set_skew(SignedDuration::from_mins(-20));
        assert!(clock.wire_now() < clock_of_the_machine() - SignedDuration::from_mins(19));
        clock.reset();
        assert!(clock.now() > Timestamp::from_second(1_700_000_000).unwrap());
    }

    fn clock_of_the_machine() -> Timestamp {
        Clock::default().wire_now()
    }
}
