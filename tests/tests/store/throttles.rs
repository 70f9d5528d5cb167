//! Failed attempts: counted one by one however many come at once, forgiven, swept.

use std::collections::BTreeSet;

use broker_core::clock::Millis;
use broker_core::store::{CountedAttempt, Failures, ProvedAccount, Store};
use tests::on_every_engine;
use tests::stores::Storehouse;

use crate::Desk;

/// Counts one attempt as sign-in does; says which it was.
async fn attempt(store: &Store, subject: &str, now: Millis) -> i64 {
    loop {
        let seen = failures(store, subject).await;
        if store.count_attempt(another(subject, seen, now)).await.unwrap() {
            return seen.count + 1;
        }
    }
}

pub(crate) async fn failures(store: &Store, subject: &str) -> Failures {
    store.standing([subject], "", "", Millis(0)).await.unwrap().failures(subject)
}

pub(crate) async fn is_familiar(store: &Store, account: &str, network: &str, since: Millis) -> bool {
    store.standing([], account, network, since).await.unwrap().is_familiar()
}

/// One more than was seen.
fn another(subject: &str, before: Failures, now: Millis) -> CountedAttempt<'_> {
    CountedAttempt { subject, before, now: Failures { count: before.count + 1, last: Some(now) } }
}

on_every_engine! {
    async fn fifty_attempts_at_once_are_counted_one_by_one(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let attempts = (0..50).map(|_| {
            let store = desk.store.clone();
            // All in one millisecond: the time alone must not tell them apart.
            tokio::spawn(async move { attempt(&store, "corp/ada", Millis(1_000)).await })
        });
        let mut counted = BTreeSet::new();
        for attempt in attempts.collect::<Vec<_>>() {
            counted.insert(attempt.await.unwrap());
        }
        assert_eq!(counted, (1..=50).collect());
        let failed = failures(&desk.store, "corp/ada").await;
        assert_eq!(failed, Failures { count: 50, last: Some(Millis(1_000)) });
        assert_eq!(failures(&desk.store, "corp/bob").await, Failures::default(), "nobody else pays for it");
    }

    async fn who_counts_from_what_is_no_longer_so_looks_again(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let count = async |before, count, now| {
            let now = Failures { count, last: Some(Millis(now)) };
            desk.store.count_attempt(CountedAttempt { subject: "ada", before, now }).await.unwrap()
        };
        let never = Failures::default();
        assert!(count(never, 1, 1_000).await);
        assert!(!count(never, 1, 1_001).await, "somebody else was the first");
        let once = failures(&desk.store, "ada").await;
        assert!(count(once, 2, 2_000).await);
        assert!(!count(once, 2, 2_001).await, "somebody else was the second");
        let twice = failures(&desk.store, "ada").await;
        assert_eq!(twice, Failures { count: 2, last: Some(Millis(2_000)) });
        assert!(!count(Failures { last: Some(Millis(1_999)), ..twice }, 3, 3_000).await, "another time");
        assert!(count(twice, 1, 3_000).await, "and a caller may begin anew when enough time has gone by");
        assert_eq!(failures(&desk.store, "ada").await, Failures { count: 1, last: Some(Millis(3_000)) });
    }

    async fn an_attempt_that_succeeded_is_taken_back_and_never_more_than_there_were(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for at in [1_000, 2_000, 3_000] {
            attempt(&desk.store, "ada", Millis(at)).await;
        }
        let left = async |counted: Failures, before: Failures| {
            desk.store.forgive_attempt(CountedAttempt { subject: "ada", before, now: counted }).await.unwrap();
            failures(&desk.store, "ada").await
        };
        let state = |count, at| Failures { count, last: Some(Millis(at)) };
        assert_eq!(left(state(3, 3_000), state(2, 2_000)).await, state(2, 2_000), "the last one leaves no trace, its time neither");
        assert_eq!(left(state(1, 1_000), state(0, 0)).await, state(1, 2_000), "another came after it: one less");
        assert_eq!(left(state(9, 9_000), state(8, 8_000)).await, state(0, 2_000));
        assert_eq!(left(state(9, 9_000), state(8, 8_000)).await, state(0, 2_000));
        desk.store.forgive_attempt(another("bob", Failures::default(), Millis(1_000))).await.unwrap();
        assert_eq!(failures(&desk.store, "bob").await, Failures::default());
    }

    async fn an_attempt_counts_in_both_of_its_counters_or_in_none(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let never = Failures::default();
        let both = [another("name", never, Millis(1_000)), another("address", never, Millis(1_000))];
        assert!(desk.store.count_in_both(both).await.unwrap());
        let once = Failures { count: 1, last: Some(Millis(1_000)) };
        for [name, address] in [[once, never], [never, once]] {
            let late = [another("name", name, Millis(2_000)), another("address", address, Millis(2_000))];
            assert!(!desk.store.count_in_both(late).await.unwrap(), "somebody else was counted in one of them meanwhile");
            for counter in ["name", "address"] {
                assert_eq!(failures(&desk.store, counter).await, once, "{counter}, seen as {late:?}");
            }
        }
    }

    async fn fifty_attempts_at_once_are_counted_one_by_one_in_both_of_their_counters(house: Storehouse) {
        let desk = Desk::open(&house).await;
        // Half of them share one of two names, and all share the address.
        let attempts = (0..50).map(|number| {
            let (store, name) = (desk.store.clone(), ["ada", "bob"][number % 2]);
            tokio::spawn(async move {
                loop {
                    let seen = store.standing([name, "address"], "", "", Millis(0)).await.unwrap();
                    let both = [name, "address"].map(|counter| another(counter, seen.failures(counter), Millis(1_000)));
                    if store.count_in_both(both).await.unwrap() {
                        return;
                    }
                }
            })
        });
        for attempt in attempts.collect::<Vec<_>>() {
            attempt.await.unwrap();
        }
        for (counter, count) in [("ada", 25), ("bob", 25), ("address", 50)] {
            assert_eq!(failures(&desk.store, counter).await.count, count, "{counter}");
        }
    }

    async fn an_attempt_that_was_right_ends_what_its_accounts_had_and_takes_one_from_their_neighbours(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for counter in ["name", "name", "person", "address", "address", "bystander"] {
            attempt(&desk.store, counter, Millis(1_000)).await;
        }
        let once = Failures { count: 1, last: Some(Millis(1_000)) };
        let shared = another("address", once, Millis(1_000));
        let accounts = [("ada", "name"), ("corp/ada", "person")].map(|(account, counter)| ProvedAccount { account, counter, is_noted: false });
        let [typed, person] = accounts;
        desk.store.attempt_was_right(typed, Some(person), "192.0.2.0/24", shared, Millis(2_000)).await.unwrap();
        for (counter, left) in [("name", Failures::default()), ("person", Failures::default()), ("address", once), ("bystander", once)] {
            assert_eq!(failures(&desk.store, counter).await, left, "{counter}");
        }
        for (account, at_home) in [("ada", true), ("corp/ada", true), ("bystander", false)] {
            let familiar = is_familiar(&desk.store, account, "192.0.2.0/24", Millis(2_000)).await;
            assert_eq!(familiar, at_home, "{account}");
        }
        // Whoever was noted lately is not noted again.
        let [typed, person] = [(typed, true), (person, false)].map(|(account, is_noted)| ProvedAccount { is_noted, ..account });
        desk.store.attempt_was_right(typed, Some(person), "192.0.2.0/24", shared, Millis(3_000)).await.unwrap();
        for (account, again) in [("ada", false), ("corp/ada", true)] {
            let familiar = is_familiar(&desk.store, account, "192.0.2.0/24", Millis(3_000)).await;
            assert_eq!(familiar, again, "{account}");
        }
    }

    async fn who_proved_themselves_begins_anew_and_nobody_else_does(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for subject in ["ada", "bob"] {
            attempt(&desk.store, subject, Millis(1_000)).await;
        }
        desk.store.forgive("ada").await.unwrap();
        assert_eq!(failures(&desk.store, "ada").await, Failures::default());
        assert_eq!(failures(&desk.store, "bob").await.count, 1);
    }

    async fn a_network_is_familiar_to_the_account_that_signed_in_from_it_lately(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let familiar = async |account, network, since| is_familiar(&desk.store, account, network, Millis(since)).await;
        desk.store.note_familiar("ada", "192.0.2.0/24", Millis(1_000)).await.unwrap();
        assert!(familiar("ada", "192.0.2.0/24", 1_000).await);
        assert!(!familiar("ada", "192.0.2.0/24", 1_001).await, "too long ago");
        assert!(!familiar("ada", "198.51.100.0/24", 0).await, "another network");
        assert!(!familiar("bob", "192.0.2.0/24", 0).await, "somebody else");
        desk.store.note_familiar("ada", "192.0.2.0/24", Millis(2_000)).await.unwrap();
        assert!(familiar("ada", "192.0.2.0/24", 2_000).await, "noted again");
    }

    async fn what_no_longer_counts_is_swept(house: Storehouse) {
        let desk = Desk::open(&house).await;
        attempt(&desk.store, "long ago", Millis(1_000)).await;
        attempt(&desk.store, "lately", Millis(2_000)).await;
        desk.store.note_familiar("long ago", "192.0.2.0/24", Millis(1_000)).await.unwrap();
        desk.store.note_familiar("lately", "192.0.2.0/24", Millis(2_000)).await.unwrap();
        assert_eq!(desk.store.sweep_throttles(Millis(1_000), Millis(1_000)).await.unwrap(), 0, "not before its time");
        assert_eq!(desk.store.sweep_throttles(Millis(1_001), Millis(1_001)).await.unwrap(), 2);
        assert_eq!(failures(&desk.store, "long ago").await, Failures::default());
        assert_eq!(failures(&desk.store, "lately").await.count, 1);
        assert!(!is_familiar(&desk.store, "long ago", "192.0.2.0/24", Millis(0)).await);
        assert!(is_familiar(&desk.store, "lately", "192.0.2.0/24", Millis(0)).await);
    }
}
