//! What is written: everything, in one chain a process, in words fit to be read.

use std::collections::BTreeSet;

use broker_core::store::TrailFilter;
use broker_core::trail::{Action, Actor, Outcome, TrailError, Vec1, VendedFacts};
use jiff::Timestamp;
use serde_json::json;
use tests::stores::{Storehouse, entry, entry_from};
use tests::{on_every_engine, where_others_reach_in};

use crate::{Desk, entry_of};

mod one_process {
    use super::*;

    on_every_engine! {
        async fn a_record_says_what_was_given_and_hands_the_value_over(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let person = serde_json::from_value(json!({
                "subject": { "directory": "corp", "id": "id-of-ada" }, "username": "ada", "groups": [],
            }));
            let entry = entry_from(Actor::person(&person.unwrap()), Action::Vend, Some("192.0.2.7"))
                .connector(&"deploy".to_owned().try_into().unwrap())
                .reason(&"because")
                .changes(json!({ "from": 1 }))
                .vended(VendedFacts {
                    access_key_id: Some("ASIAEXAMPLE".to_owned()),
                    session_name: Some("ada".to_owned()),
                    role_arn: Some("arn:aws:iam::123456789012:role/deploy".to_owned()),
                    source_identity: Some("ada".to_owned()),
                    reused: Some(false),
                });
            let recorded = desk.trail.record(entry.clone(), "credentials").await.unwrap();

            let record = desk.records().await.remove(0);
            assert_eq!((recorded.id(), recorded.at()), (record.id, record.at));
            assert_eq!(recorded.into_value(), "credentials");
            assert_eq!(record.at, "2026-01-02T03:04:05.678Z".parse::<Timestamp>().unwrap());
            assert_eq!((record.node.as_str(), record.sequence), ("node-1", 0));
            assert_eq!((record.actor.as_str(), record.actor_id.as_deref()), ("person:corp/ada", Some("id-of-ada")));
            assert_eq!((record.action, record.outcome), (Action::Vend, Outcome::Success));
            assert_eq!((record.connector.as_deref(), record.reason.as_deref()), (Some("deploy"), Some("because")));
            assert_eq!(record.request_id, entry.origin.request_id);
            assert_eq!(record.client_address.as_deref(), Some("192.0.2.7"));
            assert_eq!(record.access_key_id.as_deref(), Some("ASIAEXAMPLE"));
            assert_eq!((record.session_name.as_deref(), record.source_identity.as_deref()), (Some("ada"), Some("ada")));
            assert_eq!(record.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/deploy"));
            assert_eq!((record.reused, record.count, record.changes), (Some(false), None, Some(json!({ "from": 1 }))));
        }

        async fn a_thousand_records_of_fifty_tasks_make_one_whole_chain(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let tasks = (0..50).map(|task| {
                let trail = desk.trail.clone();
                tokio::spawn(async move {
                    let mut ids = Vec::new();
                    for number in 0..20 {
                        ids.push(trail.record(entry_of(task * 20 + number), ()).await.unwrap().id());
                    }
                    ids
                })
            });
            let mut handed_over = BTreeSet::new();
            for task in tasks.collect::<Vec<_>>() {
                handed_over.extend(task.await.unwrap());
            }
            let records = desk.records().await;
            assert_eq!(records.iter().map(|record| record.id).collect::<BTreeSet<_>>(), handed_over);
            let actors: BTreeSet<_> = records.iter().map(|record| record.actor.clone()).collect();
            assert_eq!(actors, (0..1_000).map(|number| format!("operator:by-{number}")).collect());
            assert!(records.iter().map(|record| record.sequence).eq(0..1_000), "the order of ids is the chain's");
            let report = desk.verified().await;
            assert_eq!((report.chains, report.records, report.breaks), (1, 1_000, vec![]));
        }

        async fn a_trail_of_many_pages_is_verified_to_its_end(house: Storehouse) {
            let desk = Desk::open(&house).await;
            for _ in 0..3 {
                let trail = house.trail(&desk.opened);
                let entries = Vec1::try_from_vec((0..999).map(entry_of).collect()).unwrap();
                trail.commit(Vec::new(), entries).await.unwrap();
            }
            let report = desk.verified().await;
            assert_eq!((report.chains, report.records, report.breaks), (3, 2_997, vec![]));
        }

        async fn an_empty_trail_is_whole(house: Storehouse) {
            let report = Desk::open(&house).await.verified().await;
            assert_eq!((report.chains, report.records, report.breaks), (0, 0, vec![]));
        }

        async fn a_reason_is_cut_and_has_no_control_characters(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let reason = format!("a\u{1b}[31mred\r\n\0{}", "é".repeat(600));
            desk.trail.record(entry(Action::Vend).reason(&reason), ()).await.unwrap();
            let reason = desk.records().await.remove(0).reason.unwrap();
            assert_eq!(reason.chars().count(), 512);
            assert!(reason.starts_with("a [31mred   é") && !reason.chars().any(char::is_control), "{reason}");
        }

        async fn a_name_that_a_database_refuses_takes_no_other_record_down(house: Storehouse) {
            let desk = Desk::open(&house).await;
            let odd = entry_from(Actor::Operator("o\0dd\u{1b}".to_owned()), Action::Vend, None);
            let (odd, even) = tokio::join!(desk.trail.record(odd, ()), desk.trail.record(entry_of(1), ()));
            odd.unwrap();
            even.unwrap();
            let actors: Vec<_> = desk.records().await.into_iter().map(|record| record.actor).collect();
            assert_eq!(actors, ["operator:o dd ", "operator:by-1"]);
            assert_eq!(desk.verified().await.breaks, []);
        }

        async fn close_writes_what_waits_and_ends_the_chain(house: Storehouse) {
            let desk = Desk::open(&house).await;
            for number in 0..50 {
                desk.trail.record_later(Vec1::new(entry_of(number)));
            }
            desk.trail.close().await;
            assert_eq!(desk.records().await.len(), 50);
            let late = desk.trail.record(entry_of(50), "credentials").await;
            assert!(matches!(late, Err(TrailError::Closed)), "{late:?}");
            desk.trail.close().await;
            assert_eq!(desk.verified().await.breaks, []);
        }

        async fn the_newest_come_first_page_by_page_and_by_any_of_four_words(house: Storehouse) {
            let desk = Desk::open(&house).await;
            for (actor, action, connector) in [("ada", Action::Vend, "deploy"), ("bob", Action::Vend, "audit"), ("ada", Action::SignOut, "deploy")] {
                let connector = connector.to_owned().try_into().unwrap();
                let actor = Actor::Operator(actor.to_owned());
                desk.trail.record(entry_from(actor, action, None).connector(&connector), ()).await.unwrap();
            }
            let found = async |filter: TrailFilter, before, limit| {
                let links = desk.store.newest_links(&filter, before, limit).await.unwrap();
                links.iter().map(|link| link.sequence).collect::<Vec<_>>()
            };
            let all = TrailFilter::default;
            assert_eq!(found(all(), None, 10).await, [2, 1, 0]);
            assert_eq!(found(all(), None, 2).await, [2, 1]);
            let last = desk.store.newest_links(&all(), None, 2).await.unwrap()[1].id;
            assert_eq!(found(all(), Some(last), 2).await, [0]);
            let word = |word: &str| Some(word.to_owned());
            assert_eq!(found(TrailFilter { actor: word("operator:ada"), ..all() }, None, 10).await, [2, 0]);
            assert_eq!(found(TrailFilter { action: word("vend"), ..all() }, None, 10).await, [1, 0]);
            assert_eq!(found(TrailFilter { connector: word("audit"), ..all() }, None, 10).await, [1]);
            assert_eq!(found(TrailFilter { outcome: word("success"), ..all() }, None, 10).await, [2, 1, 0]);
            assert_eq!(found(TrailFilter { outcome: word("failed"), ..all() }, None, 10).await, [0_i64; 0]);
            let both = TrailFilter { actor: word("operator:ada"), action: word("vend"), ..all() };
            assert_eq!(found(both, None, 10).await, [0]);
        }

        async fn links_are_read_in_the_order_in_which_they_prove_each_other(house: Storehouse) {
            let desk = Desk::with_records(&house, 3).await;
            let all = desk.store.links_in_order(None, 10).await.unwrap();
            assert!(all.iter().map(|link| link.sequence).eq(0..3));
            let first = desk.store.links_in_order(None, 2).await.unwrap();
            let rest = desk.store.links_in_order(Some((first[1].chain, first[1].sequence)), 2).await.unwrap();
            assert_eq!([first, rest].concat(), all);
        }
    }
}

mod many_processes {
    use super::*;

    where_others_reach_in! {
        async fn a_start_begins_a_chain_and_chains_are_written_side_by_side(house: Storehouse) {
            let (first, second) = (Desk::open(&house).await, Desk::open(&house).await);
            let write = |trail: broker_core::trail::Trail| async move {
                for number in 0..100 {
                    trail.record(entry_of(number), ()).await.unwrap();
                }
            };
            tokio::join!(write(first.trail.clone()), write(second.trail.clone()));
            let report = first.verified().await;
            assert_eq!((report.chains, report.records, report.breaks), (2, 200, vec![]));
        }
    }
}
