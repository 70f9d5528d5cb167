//! The trail: what is in it is proved, what is not in it has not happened, and a bad database delays but never bends it.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod anchoring;
mod atomic;
mod breaks;
mod durable;
mod grouping;
mod kinds;
mod losses;
mod outages;
mod pruning;
mod refusals;
mod writing;

use broker_core::store::{Opened, Store, TrailFilter};
use broker_core::trail::{Action, Actor, Entry, Outcome, Record, Report, Trail, verify};
use tests::stores::{Storehouse, entry_from};

struct Desk {
    opened: Opened,
    store: Store,
    trail: Trail,
}

impl Desk {
    async fn open(house: &Storehouse) -> Self {
        let opened = house.open().await;
        Self { store: opened.store.clone(), trail: house.trail(&opened), opened }
    }

    /// With a chain of so many records, `by-0`, `by-1` and so on.
    async fn with_records(house: &Storehouse, count: usize) -> Self {
        let desk = Self::open(house).await;
        for number in 0..count {
            desk.trail.record(entry_of(number), ()).await.unwrap();
        }
        desk
    }

    async fn verified(&self) -> Report {
        verify(&self.store).await.unwrap()
    }

    /// All records, the oldest first.
    async fn records(&self) -> Vec<Record> {
        let links = self.store.newest_links(&TrailFilter::default(), None, 1_000_000).await.unwrap();
        links.iter().rev().map(|link| serde_json::from_str(&link.record).unwrap()).collect()
    }
}

fn entry_of(number: usize) -> Entry {
    entry_from(Actor::Operator(format!("by-{number}")), Action::Vend, Some("192.0.2.7"))
}

/// A refusal of somebody unknown at that address.
fn refusal(address: &str) -> Entry {
    let entry = entry_from(Actor::Anonymous { mark: None }, Action::SignIn, Some(address));
    Entry { outcome: Outcome::Refused, ..entry }
}
