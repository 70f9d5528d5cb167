//! The clock of a daemon by which an authenticator goes: each code is of the next half minute.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use broker_core::second_factor::Seed;
use jiff::SignedDuration;
use tests::phone::Phone;
use tests::wall_clock::WallClock;
use tests::world::{Asker, Prepared, World, now};

/// A world whose time a story moves.
pub(crate) struct Timed {
    pub(crate) world: World,
    clock: WallClock,
    ahead: AtomicI64,
}

impl Timed {
    pub(crate) fn serve(prepared: Prepared) -> Self {
        let clock = WallClock::new();
        let world = prepared.serve_by(&clock);
        Self { world, clock, ahead: AtomicI64::new(0) }
    }

    pub(crate) async fn open() -> Self {
        Self::serve(World::prepare().await)
    }

    /// The code of the next half minute, which is the present one from now on.
    pub(crate) fn code(&self, phone: &Phone) -> String {
        self.code_of(&phone.seed)
    }

    /// Enrols an authenticator in somebody's session.
    pub(crate) async fn enrol(&self, asker: &Asker) -> Phone {
        Phone::enrol_by(asker, |seed| self.code_of(seed)).await
    }

    fn code_of(&self, seed: &Seed) -> String {
        let ahead = self.ahead.fetch_add(30, Relaxed) + 30;
        self.clock.set(SignedDuration::from_secs(ahead));
        seed.code_at(now() + SignedDuration::from_secs(ahead)).unwrap()
    }
}
