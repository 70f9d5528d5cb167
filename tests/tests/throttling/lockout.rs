//! A directory that locks accounts by itself is not brought to it, whoever guesses, from wherever and whenever.

use std::collections::HashMap;
use std::net::IpAddr;

use broker_core::directory::Lockout;
use broker_core::sign_in::Throttle;
use tests::stores::Storehouse;

use crate::{HOME, subject};

/// Counts as Active Directory does: only a pause between wrong passwords, from wherever they come, ends the count.
struct ActiveDirectory {
    wrong: u32,
    last: i64,
    ever: u32,
}

impl ActiveDirectory {
    fn hears_a_wrong_password(&mut self, now: i64) {
        self.wrong = if now - self.last > WINDOW.into() { 1 } else { self.wrong + 1 };
        (self.last, self.ever) = (now, self.ever + 1);
        assert!(self.wrong < LOCKS, "locked {now} seconds after the beginning");
    }
}

/// Somebody who guesses at ada by ever new names: so many from elsewhere and from her own network, each time that so many seconds are over.
async fn guess(every: &[i64], strangers: u8, from_home: u8) -> u32 {
    let house = Storehouse::in_memory("lockout");
    let (ada, lockout) = (subject("corp", "0b1c-ada"), Lockout::new(LOCKS, WINDOW).unwrap());
    let lockouts = HashMap::from([(ada.directory.clone(), lockout)]);
    let throttle = Throttle::new(house.open().await.store, house.clock.clone(), lockouts);
    let at_home = throttle.admit(&throttle.mark("ada"), HOME).await.unwrap();
    throttle.admit_subject(&at_home, &ada).await.unwrap();
    throttle.succeeded(&at_home).await.unwrap();
    let mut directory = ActiveDirectory { wrong: 0, last: 0, ever: 0 };
    let (mut now, mut names) = (0, 0_u32);
    for step in every.iter().cycle().take(120) {
        let [low, ..] = names.to_le_bytes();
        let elsewhere = (0..strangers).map(|number| IpAddr::from([203, 0, number, low]));
        for from in elsewhere.chain((0..from_home).map(|_| HOME)) {
            names += 1;
            // Her network may have to wait as a whole.
            let Ok(attempt) = throttle.admit(&throttle.mark(&format!("ada@{names}")), from).await else { continue };
            if throttle.admit_subject(&attempt, &ada).await.is_ok() {
                directory.hears_a_wrong_password(now);
            }
        }
        house.clock.advance(*step);
        now += step;
    }
    directory.ever
}

#[tokio::test]
async fn active_directorys_lockout_is_not_reached_whenever_somebody_guesses() {
    for every in [&[60][..], &[480], &[929], &[1_799], &[960, 900], &[1_801], &[1_861]] {
        guess(every, 5, 6).await;
        guess(every, 5, 1).await;
        guess(every, 1, 6).await;
    }
    // Strangers, somebody at home half a window later, and again.
    let house_and_strangers = guess(&[960, 900, 960, 1_800], 4, 1).await;
    assert!(house_and_strangers >= 5, "{house_and_strangers}");
}

#[tokio::test]
async fn after_a_pause_in_all_of_it_there_is_room_again() {
    let a_window_and_more = i64::from(WINDOW) + 61;
    assert_eq!(guess(&[a_window_and_more], 9, 9).await, 120 * (LOCKS - 1), "nine each time, from here and there");
}

const LOCKS: u32 = 10;
const WINDOW: u32 = 1_800;
