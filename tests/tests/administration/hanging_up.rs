//! Whoever takes rights away and hangs up in the midst of it: what is gone is in the trail, once, wherever they stopped.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use broker_core::administration::TokenIdentifier;
use broker_core::clock::{Clock, after};
use broker_core::id::{RequestId, SessionId};
use broker_core::session::Session;
use broker_core::sign_in::{SessionKind, Shown};
use broker_core::trail::{Action, Origin};
use broker_core::vault::Purpose;
use serde_json::{Value, json};
use tests::stores::Storehouse;

use super::tokens::wanted;
use super::{Office, by};

tests::where_others_reach_in! {
    async fn a_revoked_token_is_recorded_wherever_its_revoker_hung_up(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let make = async |name: String| {
            office.administration.create_service_token(wanted(&name, &["nightly"]), &by()).await.unwrap().1.id.to_string()
        };
        let revoke = async |id: &str, steps| {
            let (by_id, by) = (TokenIdentifier::Id(id.parse().unwrap()), by());
            went_through(office.administration.revoke_service_token(&by_id, &by), steps).await
        };
        let is_there = async |id: &str| office.store.service_token_by_id(id.parse().unwrap()).await.unwrap().is_some();
        let recorded = async || ids(&office.records(Action::ServiceTokenRevoked).await, "service_token_id");
        cut_off_everywhere(&house, make, revoke, is_there, recorded).await;
    }

    async fn an_ended_session_is_recorded_wherever_its_ender_hung_up(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let sign_in = office.sign_in(&house);
        let make = async |name: String| session(&office, &house, &name).await.id.to_string();
        let end = async |id: &str, steps| {
            let by = by();
            went_through(sign_in.end_session(id.parse().unwrap(), &by), steps).await
        };
        let is_there = async |id: &str| office.store.session(id.parse().unwrap()).await.unwrap().is_some();
        let recorded = async || ids(&office.records(Action::SessionEnded).await, "session_id");
        cut_off_everywhere(&house, make, end, is_there, recorded).await;
    }

    async fn a_sign_out_is_recorded_wherever_its_owner_hung_up(house: Storehouse) {
        let office = Office::with_connectors(&house).await;
        let sign_in = office.sign_in(&house);
        let make = async |name: String| {
            session(&office, &house, &name).await;
            name
        };
        let leaving = async |name: &str| sign_in.leaving(&Shown::Bearer(token_of(name).into())).await.unwrap();
        let sign_out = async |name: &str, steps| {
            let leaving = leaving(name).await.unwrap();
            let origin = Origin { request_id: RequestId::random(), client_address: None };
            went_through(sign_in.sign_out(&leaving, &origin), steps).await
        };
        let is_there = async |name: &str| leaving(name).await.is_some();
        let recorded = async || {
            let records = office.records(Action::SignOut).await;
            let name = |record: &Value| record["actor"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            records.iter().map(name).collect()
        };
        cut_off_everywhere(&house, make, sign_out, is_there, recorded).await;
    }
}

/// Does a deed again and again, each time to a victim of its own, and hangs up after none, one, two … steps, with and without a
/// trail that can be written. In the end those that are gone are recorded, each once, and no others.
async fn cut_off_everywhere(
    house: &Storehouse,
    make: impl AsyncFn(String) -> String,
    deed: impl AsyncFn(&str, usize) -> bool,
    is_there: impl AsyncFn(&str) -> bool,
    recorded: impl AsyncFn() -> Vec<String>,
) {
    let mut victims = Vec::new();
    for trail in Trail::BOTH {
        let mut hung_up_and_gone = false;
        for round in 0..MANY {
            let victim = make(format!("{trail:?}-{round}").to_lowercase()).await;
            trail.take(house).await;
            let through = deed(&victim, round % STEPS).await;
            trail.give_back(house).await;
            hung_up_and_gone |= !through && !is_there(&victim).await;
            victims.push(victim);
            if round >= STEPS && hung_up_and_gone {
                break;
            }
        }
        assert!(hung_up_and_gone, "no deed went on without whoever asked for it");
    }
    let mut seen = (BTreeSet::new(), Vec::new());
    for _ in 0..PATIENCE {
        seen = (BTreeSet::new(), recorded().await);
        seen.1.sort();
        for victim in &victims {
            if !is_there(victim).await {
                seen.0.insert(victim.clone());
            }
        }
        if seen.0.iter().eq(&seen.1) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("those that are gone and those that are recorded: {seen:#?}");
}

/// Whether the trail can be written while somebody hangs up.
#[derive(Clone, Copy, Debug)]
enum Trail {
    There,
    Gone,
}

impl Trail {
    const BOTH: [Self; 2] = [Self::There, Self::Gone];

    async fn take(self, house: &Storehouse) {
        if let Self::Gone = self {
            house.hands().await.run("ALTER TABLE trail RENAME TO trail_elsewhere").await;
        }
    }

    async fn give_back(self, house: &Storehouse) {
        if let Self::Gone = self {
            house.hands().await.run("ALTER TABLE trail_elsewhere RENAME TO trail").await;
        }
    }
}

/// Takes so many steps of a deed, lets happen what comes of them, and then drops it. Says whether it came to its end before.
async fn went_through(deed: impl Future, steps: usize) -> bool {
    let mut deed = pin!(deed);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        deed.as_mut().poll(context).map(|_| true)
    })
    .await
}

async fn session(office: &Office, house: &Storehouse, username: &str) -> Session {
    let person = json!({
        "subject": { "directory": "corp", "id": username }, "username": username, "groups": ["corp/release"],
    });
    let now = house.clock.now();
    let session = Session {
        id: SessionId::random(),
        person: serde_json::from_value(person).unwrap(),
        created_at: now,
        expires_at: after(now, 600),
        checked_at: now,
        last_seen_at: now,
        epoch: office.store.epoch().await.unwrap(),
        second_factor: None,
        password_mark: Some([7; 32]),
    };
    let hash = office.store.seals().mac(Purpose::Token, &[token_of(username).as_bytes()]);
    office.commit(office.store.add_session(&session, &hash).unwrap()).await;
    session
}

fn token_of(username: &str) -> String {
    format!("{}{username}", SessionKind::Api.prefix())
}

fn ids(records: &[Value], field: &str) -> Vec<String> {
    records.iter().map(|record| record["changes"][field].as_str().unwrap().to_owned()).collect()
}

/// More than any of these deeds takes.
const STEPS: usize = 10;
const MANY: usize = 200;
/// How often the records are looked at.
const PATIENCE: usize = 400;
