//! Refusals of strangers: the first of each source and kind in a minute whole, then a number.

use std::net::Ipv4Addr;
use std::time::Duration;

use broker_core::caller::Subject;
use broker_core::trail::{Action, Actor, Entry, Outcome, Record, RefusalKind};
use serde_json::json;
use tests::on_every_engine;
use tests::stores::Storehouse;

use crate::{Desk, entry_of, refusal};

/// How many records of that address are whole, and what the counters among them say.
fn whole_and_counted(records: &[Record], address: Option<&str>) -> (usize, Vec<u64>) {
    let of_address = records.iter().filter(|record| record.client_address.as_deref() == address);
    let of_address: Vec<_> = of_address.filter(|record| record.actor == "anonymous").collect();
    let counted: Vec<_> = of_address.iter().filter_map(|record| record.count).collect();
    (of_address.len() - counted.len(), counted)
}

on_every_engine! {
    async fn ten_are_written_whole_and_the_rest_is_counted(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for number in 0..1_000 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7").reason(&format!("number {number}")));
        }
        for _ in 0..10 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.8"));
        }
        desk.trail.close().await;
        let records = desk.records().await;
        assert_eq!(whole_and_counted(&records, Some("192.0.2.7")), (10, vec![990]));
        assert_eq!(whole_and_counted(&records, Some("192.0.2.8")), (10, vec![]), "there is nothing to count");
        let counter = records.iter().find(|record| record.count.is_some()).unwrap();
        assert_eq!((counter.action, counter.outcome), (Action::SignIn, Outcome::Refused));
        assert_eq!(counter.reason.as_deref(), Some("number 999"), "like the last of those it stands for");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn neighbours_who_are_known_are_counted_apart_and_by_their_own_names(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for (name, times) in [("mallory", 11), ("bob", 1)] {
            for _ in 0..times {
                desk.trail.note_refusal(RefusalKind::Administration, refusal_of(name, "192.0.2.7"));
            }
        }
        for number in 0..12 {
            desk.trail.note_refusal(RefusalKind::Administration, refusal_of("roaming", &format!("192.0.2.{number}")));
        }
        desk.trail.close().await;
        let records = desk.records().await;
        let of = |name: &str| {
            let actor = format!("person:corp/{name}");
            let of: Vec<_> = records.iter().filter(|record| record.actor == actor).collect();
            let counted: Vec<_> = of.iter().filter_map(|record| record.count).collect();
            (of.len() - counted.len(), counted)
        };
        assert_eq!(of("mallory"), (10, vec![1]));
        assert_eq!(of("bob"), (1, vec![]));
        assert_eq!(of("roaming"), (10, vec![2]), "wherever they are");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn what_strangers_use_up_is_not_taken_from_who_is_known(house: Storehouse) {
        let desk = Desk::open(&house).await;
        flood(&desk);
        for _ in 0..10 {
            desk.trail.note_refusal(RefusalKind::Token, refusal_of("bob", "192.0.2.7"));
        }
        desk.trail.close().await;
        let records = desk.records().await;
        let of_bob: Vec<_> = records.iter().filter(|record| record.actor == "person:corp/bob").collect();
        assert_eq!(of_bob.len(), 10);
        assert!(of_bob.iter().all(|record| record.count.is_none() && record.client_address.is_some()), "{of_bob:?}");
    }

    async fn a_counter_says_only_what_all_that_it_stands_for_have_in_common(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let about = |id: &str| Some(Subject { directory: "corp".to_owned().try_into().unwrap(), id: id.to_owned() });
        let on = |address: &str, id: &str, mark: &str, outcome: Outcome| {
            let actor = Actor::Anonymous { mark: Some(mark.to_owned()) };
            Entry { actor, outcome, about: about(id), changes: Some(json!({ "domain": id })), ..refusal(address) }
        };
        for address in ["192.0.2.7", "192.0.2.8"] {
            for _ in 0..10 {
                desk.trail.note_refusal(RefusalKind::SignIn, refusal(address));
            }
            for _ in 0..5 {
                desk.trail.note_refusal(RefusalKind::SignIn, on(address, "ada", "a", Outcome::Refused));
            }
            desk.trail.note_refusal(RefusalKind::SignIn, on(address, "ada", "a", Outcome::Failed));
        }
        desk.trail.note_refusal(RefusalKind::SignIn, on("192.0.2.8", "bob", "b", Outcome::Refused));
        desk.trail.close().await;
        let counters: Vec<_> = desk.records().await.into_iter().filter(|record| record.count.is_some()).collect();
        let counter = |address: &str, outcome: Outcome| {
            let here = |record: &&Record| record.outcome == outcome && record.client_address.as_deref() == Some(address);
            let [counter] = counters.iter().filter(here).collect::<Vec<_>>()[..] else { panic!("{counters:?}") };
            let domain = counter.changes.as_ref().and_then(|changes| changes["domain"].as_str());
            (counter.count.unwrap(), counter.about.as_deref(), counter.actor_id.as_deref(), domain)
        };
        let of_ada = |count| (count, Some("corp/ada"), Some("a"), Some("ada"));
        assert_eq!(counter("192.0.2.7", Outcome::Refused), of_ada(5));
        assert_eq!(counter("192.0.2.7", Outcome::Failed), of_ada(1));
        assert_eq!(counter("192.0.2.8", Outcome::Refused), (6, None, None, None), "no one of those who were guessed at");
        assert_eq!(counter("192.0.2.8", Outcome::Failed), of_ada(1));
    }

    async fn who_asks_in_vain_again_and_again_is_counted_and_what_is_lent_is_whole(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let refused = |name: &str, connector: &str| {
            let connector = Some(connector.to_owned());
            Entry { action: Action::Vend, connector, ..refusal_of(name, "192.0.2.7") }
        };
        for number in 0..40 {
            desk.trail.record_refusal(refused("mallory", "prod")).await.unwrap();
            desk.trail.record(entry_of(number), ()).await.unwrap();
        }
        for connector in ["prod", "dev"] {
            desk.trail.record_refusal(refused("mallory", connector)).await.unwrap();
        }
        desk.trail.record_refusal(refused("bob", "prod")).await.unwrap();
        let on_disk = |records: &[Record], actor: &str| records.iter().filter(|record| record.actor == actor).count();
        let records = desk.records().await;
        assert_eq!(on_disk(&records, "person:corp/mallory"), 30, "at once, and no more");
        assert_eq!(on_disk(&records, "person:corp/bob"), 1);
        assert_eq!(records.len(), 40 + 30 + 1, "what is lent is always whole");
        desk.trail.close().await;
        let records = desk.records().await;
        let counters: Vec<_> = records.iter().filter(|record| record.count.is_some()).collect();
        let [counter] = counters[..] else { panic!("{counters:?}") };
        assert_eq!((counter.actor.as_str(), counter.count, counter.outcome), ("person:corp/mallory", Some(12), Outcome::Refused));
        assert_eq!(counter.connector, None, "it stands for more than one");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn kinds_are_counted_apart(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for _ in 0..12 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
            desk.trail.note_refusal(RefusalKind::Token, refusal("192.0.2.7"));
        }
        desk.trail.close().await;
        assert_eq!(whole_and_counted(&desk.records().await, Some("192.0.2.7")), (20, vec![2, 2]));
    }

    async fn after_a_minute_the_counter_is_written_and_ten_more_are_whole(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for _ in 0..15 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        house.clock.advance(59);
        for _ in 0..5 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        house.clock.advance(1);
        let counted = tokio::time::timeout(Duration::from_mins(1), async {
            while desk.verified().await.records < 11 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        counted.await.expect("the counter is written without a close");
        assert_eq!(whole_and_counted(&desk.records().await, Some("192.0.2.7")), (10, vec![10]));
        for _ in 0..11 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        desk.trail.close().await;
        assert_eq!(whole_and_counted(&desk.records().await, Some("192.0.2.7")), (20, vec![10, 1]));
    }

    async fn a_network_of_ipv6_is_one_source(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for number in 0..100 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal(&format!("2001:db8::{number:x}")));
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("::ffff:192.0.2.7"));
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        desk.trail.close().await;
        let counted: u64 = desk.records().await.iter().filter_map(|record| record.count).sum();
        assert_eq!((desk.records().await.len(), counted), (22, 280));
    }

    async fn a_flood_fills_the_trail_no_further_than_its_windows(house: Storehouse) {
        let desk = Desk::open(&house).await;
        flood(&desk);
        desk.trail.record(entry_of(0), ()).await.unwrap();
        desk.trail.close().await;

        let records = desk.records().await;
        let strangers: Vec<_> = records.iter().filter(|record| record.actor == "anonymous").collect();
        let counted: u64 = strangers.iter().filter_map(|record| record.count).sum();
        let counters = strangers.iter().filter(|record| record.count.is_some()).count();
        let whole = strangers.len() - counters;
        assert_eq!(u64::try_from(whole).unwrap() + counted, u64::from(FLOOD), "each is in the trail, whole or counted");
        assert!(counters <= 1_001 && whole <= 10_010, "{counters} counters, {whole} whole");
        let (_, many) = whole_and_counted(&records, None);
        assert_eq!(many.len(), 1, "sources beyond the last window share a counter that names no address");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn of_all_sources_together_three_hundred_a_minute_are_whole(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let address = |number: u32| Ipv4Addr::from(0x0a00_0000 + number).to_string();
        let whole_until = async |number: u32| {
            let written = tokio::time::timeout(Duration::from_mins(1), async {
                while desk.verified().await.records < u64::from(number) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            written.await.expect("they are written");
        };
        for number in 0..FROM_ALL {
            let kind = if number % 2 == 0 { RefusalKind::SignIn } else { RefusalKind::Token };
            desk.trail.note_refusal(kind, refusal(&address(number / 2)));
            // No faster than they are written: a queue that is full is another reason to count.
            if number % 30 == 29 {
                whole_until(number + 1).await;
            }
        }
        for number in 1_000..1_200 {
            desk.trail.note_refusal(RefusalKind::Token, refusal(&address(number)));
        }
        desk.trail.record(entry_of(0), ()).await.unwrap();
        let strangers = |records: &[Record]| records.iter().filter(|record| record.actor == "anonymous").count();
        let records = desk.records().await;
        assert_eq!(u32::try_from(strangers(&records)).unwrap(), FROM_ALL, "from whomever the next one comes");

        house.clock.advance(60);
        desk.trail.note_refusal(RefusalKind::Token, refusal(&address(5_000)));
        whole_until(FROM_ALL + 200 + 2).await;
        let records = desk.records().await;
        for number in [1_000, 1_199] {
            assert_eq!(whole_and_counted(&records, Some(&address(number))), (0, vec![1]), "counted, and written later");
        }
        assert_eq!(whole_and_counted(&records, Some(&address(5_000))), (1, vec![]), "the next minute has its own");
        assert_eq!(desk.verified().await.breaks, []);
    }

    async fn a_clock_that_is_set_back_ends_the_minute(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for _ in 0..11 {
            desk.trail.note_refusal(RefusalKind::SignIn, refusal("192.0.2.7"));
        }
        house.clock.advance(-3_600);
        let counted = tokio::time::timeout(Duration::from_mins(1), async {
            while desk.verified().await.records < 11 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        counted.await.unwrap();
        assert_eq!(whole_and_counted(&desk.records().await, Some("192.0.2.7")), (10, vec![1]));
    }

    async fn a_stranger_is_written_as_nobody_with_the_mark_of_what_was_typed(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let mut marked = refusal("192.0.2.7");
        marked.actor = Actor::Anonymous { mark: Some("a hash".to_owned()) };
        desk.trail.note_refusal(RefusalKind::SignIn, marked);
        desk.trail.close().await;
        let record = desk.records().await.remove(0);
        assert_eq!((record.actor.as_str(), record.actor_id.as_deref()), ("anonymous", Some("a hash")));
    }
}

/// In one thread nothing is written while the flood comes in. The turns given away then let the lane queue what it wants to; a lane that did
/// not wait for each of its records would have queued all of its [`LANE`], while in so few turns at most a few commits can end.
async fn of_a_flood_next_to_nothing_stands_before_a_vend(house: Storehouse) {
    for number in 0..3 {
        let desk = Desk::open(&house).await;
        flood(&desk);
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let vend = desk.trail.record(entry_of(number), ()).await.unwrap().id();
        let records = desk.records().await;
        let place = records.iter().find(|record| record.id == vend).unwrap().sequence;
        assert!(place <= LANE / 8, "{place} records of its chain came before the vend");
        desk.trail.close().await;
    }
}

#[tokio::test]
async fn of_a_flood_next_to_nothing_stands_before_a_vend_on_sqlite() {
    of_a_flood_next_to_nothing_stands_before_a_vend(Storehouse::on_sqlite("flood")).await;
}

#[tokio::test]
async fn of_a_flood_next_to_nothing_stands_before_a_vend_on_postgres() {
    of_a_flood_next_to_nothing_stands_before_a_vend(Storehouse::on_postgres("flood")).await;
}

/// A refusal of somebody who is known.
fn refusal_of(username: &str, address: &str) -> Entry {
    let subject = Subject { directory: "corp".to_owned().try_into().unwrap(), id: format!("id of {username}") };
    Entry { actor: Actor::Person { subject, username: username.to_owned() }, ..refusal(address) }
}

/// From fifty thousand addresses, each twice.
fn flood(desk: &Desk) {
    for number in 0..FLOOD {
        let address = Ipv4Addr::from(number % (FLOOD / 2)).to_string();
        desk.trail.note_refusal(RefusalKind::Token, refusal(&address));
    }
}

const FLOOD: u32 = 100_000;
const FROM_ALL: u32 = 300;
/// How many refusals the lane holds that are to be written whole.
const LANE: i64 = 64;
