//! What an attempt is counted in, on every engine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use broker_core::caller::Subject;
use broker_core::directory::NotAdmitted;
use broker_core::sign_in::{Attempt, HeldBack, Throttle, ThrottleError};
use tests::on_every_engine;
use tests::stores::Storehouse;

use crate::{FREE, HOME, network, subject};

/// Those who ask, on one store.
struct Counter {
    throttle: Throttle,
    ada: Subject,
}

impl Counter {
    async fn open(house: &Storehouse) -> Self {
        let throttle = Throttle::new(house.open().await.store, house.clock.clone(), HashMap::new());
        Self { throttle, ada: subject("corp", "0b1c-ada") }
    }

    async fn typed(&self, name: &str, from: IpAddr) -> Attempt {
        self.throttle.admit(&self.throttle.mark(name), from).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    async fn wait(&self, name: &str, from: IpAddr) -> u64 {
        match self.throttle.admit(&self.throttle.mark(name), from).await {
            Err(ThrottleError::TooMany { seconds }) => seconds,
            other => panic!("{name} should wait: {other:?}"),
        }
    }

    /// An attempt by a name of ada's that goes as far as her password, and whether it gets there.
    async fn on_ada(&self, name: &str, from: IpAddr) -> (Attempt, Result<(), NotAdmitted>) {
        let attempt = self.typed(name, from).await;
        let admitted = self.throttle.admit_subject(&attempt, &self.ada).await;
        (attempt, admitted)
    }

    async fn guess(&self, name: &str, from: IpAddr) {
        self.on_ada(name, from).await.1.unwrap_or_else(|error| panic!("{name} from {from}: {error}"));
    }

    async fn proves(&self, name: &str, from: IpAddr) {
        let (attempt, admitted) = self.on_ada(name, from).await;
        admitted.unwrap();
        self.throttle.succeeded(&attempt).await.unwrap();
    }

    async fn held_back(&self, name: &str, from: IpAddr) -> HeldBack {
        let (attempt, admitted) = self.on_ada(name, from).await;
        assert_eq!(admitted, Err(NotAdmitted), "{name} from {from}");
        assert_eq!(attempt.subject(), Some(&self.ada));
        attempt.held_back().unwrap()
    }

    /// Uses up all that is free, with names of hers that nobody uses twice, each from a network of its own.
    async fn use_up(&self, names: &str) {
        for number in 0..FREE {
            self.guess(&format!("{names}{number}"), network(number)).await;
        }
    }
}

on_every_engine! {
    async fn an_account_for_emergencies_has_five_guesses_and_then_half_an_hour_of_quiet(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let admitted = async |number: u8| {
            let attempt = desk.typed(&format!("alias{number}"), network(number)).await;
            let admitted = desk.throttle.admit_break_glass(&attempt, &desk.ada).await;
            assert!(attempt.is_break_glass());
            admitted.is_ok()
        };
        for number in 0..5 {
            assert!(admitted(number).await, "{number}");
            house.clock.advance(10);
        }
        assert!(!admitted(5).await);
        // By then an ordinary account has forgotten two of its failures, and waits for nothing.
        house.clock.advance(1_740);
        assert!(!admitted(6).await);
        house.clock.advance(60);
        assert!(admitted(7).await);
    }

    async fn several_names_of_one_person_share_one_count(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.use_up("alias").await;
        for name in ["alias0", "another"] {
            let why = desk.held_back(name, network(99)).await;
            assert!(matches!(why, HeldBack::TooMany { .. }), "{why:?}");
        }
        let other = desk.typed("bob", network(98)).await;
        assert_eq!(desk.throttle.admit_subject(&other, &subject("corp", "bob")).await, Ok(()), "nobody else pays for it");
        let elsewhere = desk.typed("carol", network(97)).await;
        assert_eq!(desk.throttle.admit_subject(&elsewhere, &subject("branch", &desk.ada.id)).await, Ok(()), "another directory's");
        house.clock.advance(1);
        desk.guess("the wait is over", network(96)).await;
        assert!(matches!(desk.held_back("and doubled", network(95)).await, HeldBack::TooMany { .. }));
    }

    async fn who_was_held_back_has_not_guessed_at_the_person(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.use_up("alias").await;
        for number in 0..20 {
            desk.held_back(&format!("more{number}"), network(100 + number)).await;
        }
        house.clock.advance(1);
        desk.guess("one second is enough", network(99)).await;
    }

    async fn guesses_at_once_are_counted_one_by_one(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let guesses = (0..40).map(|number| {
            let (throttle, ada) = (desk.throttle.clone(), desk.ada.clone());
            tokio::spawn(async move {
                let attempt = throttle.admit(&throttle.mark(&format!("name {number}")), network(number)).await.unwrap();
                throttle.admit_subject(&attempt, &ada).await.is_ok()
            })
        });
        let mut admitted = 0;
        for guess in guesses.collect::<Vec<_>>() {
            admitted += u8::from(guess.await.unwrap());
        }
        assert_eq!(admitted, FREE);
    }

    async fn an_office_that_comes_in_at_once_is_counted_and_nobody_of_it_is_kept_waiting(house: Storehouse) {
        let desk = Arc::new(Counter::open(&house).await);
        let office = (0..48).map(|number| {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move { drop(desk.typed(&format!("p{number}"), network(7)).await) })
        });
        for one in office.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        // Each was counted: of fifty that cost nothing two are left.
        for name in ["late", "last"] {
            desk.typed(name, network(7)).await;
        }
        assert_eq!(desk.wait("too late", network(7)).await, 1);
    }

    async fn asking_in_vain_washes_nothing_off_the_address(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let asks = async |name: &str| desk.throttle.admit(&desk.throttle.mark(name), HOME).await;
        // A name that has long to wait, here as elsewhere.
        loop {
            match asks("thrown away").await {
                Err(ThrottleError::TooMany { seconds }) if seconds > 600 => break,
                Err(ThrottleError::TooMany { seconds }) => house.clock.advance(i64::try_from(seconds).unwrap()),
                Err(error) => panic!("{error}"),
                Ok(_) => {}
            }
        }
        let spray = async |names: &str| {
            let mut guesses = 0_u32;
            while asks(&format!("{names}{guesses}")).await.is_ok() {
                guesses += 1;
            }
            guesses
        };
        spray("first").await;
        house.clock.advance(120);
        while asks("thrown away").await.is_ok() {}
        for _ in 0..100 {
            asks("thrown away").await.unwrap_err();
        }
        let more = spray("second").await;
        assert!(more <= 2, "{more} guesses for two minutes' wait");
    }

    async fn who_proves_themselves_is_forgiven_under_every_name(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.use_up("alias").await;
        house.clock.advance(1);
        desk.proves("alias0", network(99)).await;
        desk.use_up("alias").await;
    }

    async fn what_was_not_decided_was_no_guess(house: Storehouse) {
        let desk = Counter::open(&house).await;
        for _ in 0..60 {
            let (attempt, admitted) = desk.on_ada("ada", network(1)).await;
            assert_eq!(admitted, Ok(()));
            desk.throttle.undecided(&attempt).await.unwrap();
        }
        desk.use_up("alias").await;
    }

    async fn somebody_of_the_same_name_elsewhere_washes_nothing_off(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let namesake = subject("branch", "0b1c-ada");
        for number in 0..FREE {
            desk.guess("ada", network(number)).await;
            let theirs = desk.typed("ada", network(100)).await;
            desk.throttle.admit_subject(&theirs, &namesake).await.unwrap();
            desk.throttle.succeeded(&theirs).await.unwrap();
        }
        assert!(matches!(desk.held_back("ada", network(99)).await, HeldBack::TooMany { .. }));
    }

    async fn who_is_at_home_stays_at_home_whatever_name_they_type(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.proves("ada", HOME).await;
        desk.use_up("alias").await;
        desk.held_back("ada", network(99)).await;
        for name in ["ada", "ada@corp.example", "alias0"] {
            desk.proves(name, HOME).await;
        }
        desk.held_back("ada@corp.example", network(99)).await;
    }

    async fn a_name_that_strangers_used_up_is_good_at_home_alone(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.proves("ada", HOME).await;
        for number in 0..FREE {
            desk.typed("ada@corp.example", network(number)).await;
            desk.typed("nobody", network(number)).await;
        }
        let (attempt, admitted) = desk.on_ada("ada@corp.example", HOME).await;
        assert_eq!((admitted, attempt.overdue()), (Ok(()), None), "hers, though she never typed it here");

        let (stranger, admitted) = desk.on_ada("ada@corp.example", network(99)).await;
        assert_eq!((admitted, stranger.overdue()), (Err(NotAdmitted), Some(1)));
        assert!(matches!(stranger.held_back(), Some(HeldBack::NotAtHome)));
        let nobody = desk.typed("nobody", network(99)).await;
        assert_eq!(nobody.overdue(), Some(1), "as long as a name that is nobody's");
        for name in ["ada@corp.example", "nobody"] {
            for _ in 1..FREE {
                assert_eq!(desk.typed(name, network(99)).await.overdue(), Some(1));
            }
            assert_eq!(desk.wait(name, network(99)).await, 1, "and the directory is not asked for ever");
        }
        desk.throttle.succeeded(&attempt).await.unwrap();
        desk.proves("ada@corp.example", HOME).await;
    }

    async fn at_home_several_names_share_one_count_too(house: Storehouse) {
        let desk = Counter::open(&house).await;
        desk.proves("ada", HOME).await;
        for number in 0..FREE {
            desk.guess(&format!("alias{number}"), HOME).await;
        }
        let (attempt, admitted) = desk.on_ada("another", HOME).await;
        assert_eq!((admitted, attempt.overdue()), (Err(NotAdmitted), None));
        assert!(matches!(attempt.held_back(), Some(HeldBack::TooMany { .. })));
        desk.guess("elsewhere", network(1)).await;
    }

    async fn at_home_the_address_is_counted_too_and_more_generously(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let people: Vec<_> = (0..60).map(|number| (format!("person {number}"), subject("corp", &format!("id {number}")))).collect();
        for (name, person) in &people {
            for _ in 0..FREE {
                let attempt = desk.typed(name, HOME).await;
                desk.throttle.admit_subject(&attempt, person).await.unwrap();
                desk.throttle.succeeded(&attempt).await.unwrap();
            }
        }
        let mut guesses = 0;
        for (name, _) in &people {
            for _ in 0..FREE {
                guesses += u32::from(desk.throttle.admit(&desk.throttle.mark(name), HOME).await.is_ok());
            }
        }
        assert_eq!(guesses, 250, "of 300 that their names would have allowed; and who got in counts for nothing");
        assert_eq!(desk.wait("person 59", HOME).await, 1);
        desk.typed("somebody new", HOME).await;
        desk.guess("person 59", network(1)).await;

        for (name, _) in &people[50..59] {
            let wait = desk.wait("person 59", HOME).await;
            assert!(wait <= 16, "neighbours keep nobody out for long: {wait} seconds");
            house.clock.advance(i64::try_from(wait).unwrap());
            desk.typed(name, HOME).await;
        }
    }

    async fn an_attempt_is_about_one_person(house: Storehouse) {
        let desk = Counter::open(&house).await;
        let (attempt, admitted) = desk.on_ada("ada", HOME).await;
        assert_eq!(admitted, Ok(()));
        assert_eq!(desk.throttle.admit_subject(&attempt, &subject("corp", "bob")).await, Err(NotAdmitted));
        assert_eq!(attempt.subject(), Some(&desk.ada));
    }
}
