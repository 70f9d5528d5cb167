//! An authenticator, and the clock of a daemon that it goes by: each code is of the next half minute.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use broker_core::second_factor::Seed;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::wall_clock::WallClock;
use tests::world::{Asker, Prepared, World, now};

/// A world whose time a story moves.
pub(crate) struct Timed {
    pub(crate) world: World,
    clock: WallClock,
    ahead: AtomicI64,
}

/// What somebody has enrolled.
pub(crate) struct Phone {
    seed: Seed,
    pub(crate) id: Value,
    pub(crate) recovery_codes: Vec<String>,
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
        let begun = asker.post("/v1/account/enrolments", &json!({})).await.good();
        let seed = Seed::read(SecretString::from(begun["secret"].as_str().unwrap())).unwrap();
        let body = json!({ "enrolment": begun["enrolment"], "otp": self.code_of(&seed), "label": "phone" });
        let added = asker.post("/v1/account/second-factors", &body).await;
        assert_eq!((added.status, added.header("cache-control")), (201, Some("no-store")), "{}", added.text);
        let added = added.json();
        let codes = added["recovery_codes"].as_array().into_iter().flatten();
        let recovery_codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
        Phone { seed, id: added["second_factor"]["id"].clone(), recovery_codes }
    }

    fn code_of(&self, seed: &Seed) -> String {
        let ahead = self.ahead.fetch_add(30, Relaxed) + 30;
        self.clock.set(SignedDuration::from_secs(ahead));
        seed.code_at(now() + SignedDuration::from_secs(ahead)).unwrap()
    }
}

impl Phone {
    pub(crate) fn secret(&self) -> String {
        secrecy::ExposeSecret::expose_secret(self.seed.text()).to_owned()
    }
}
