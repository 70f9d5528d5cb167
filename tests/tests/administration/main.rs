//! Administrative changes, on SQLite and on PostgreSQL, with a strict stand-in for AWS that says whose keys are whose.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod adding;
mod applying;
mod hanging_up;
mod connectors;
mod proving;
mod rekeying;
mod replacing;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use aws_sim::{AccessKey as SimKey, Sim, User, World};
use broker_core::access_key::{AccessKey, KeyDetails};
use broker_core::administration::{Administration, NewAccessKey, Proof};
use broker_core::connector::{Connector, ManagedBy};
use broker_core::permission::Permission;
use broker_core::store::{Change, Opened, Store, TrailFilter};
use broker_core::sts::{AwsSts, Outbound, StsSettings};
use broker_core::trail::{Action, Trail, Vec1};
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::stores::{Storehouse, entry};
use tokio::time::Instant;

/// An installation, and the AWS that it asks.
struct Office {
    opened: Opened,
    store: Store,
    trail: Trail,
    administration: Administration,
    sts: Arc<AwsSts>,
    sim: Sim,
}

impl Office {
    async fn open(house: &Storehouse) -> Self {
        Self::over(house, house.open().await).await
    }

    /// The same, with other master keys than usual.
    async fn over(house: &Storehouse, opened: Opened) -> Self {
        let trail = house.trail(&opened);
        let sim = Sim::start(world(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let settings = StsSettings {
            retries: 0,
            attempt_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            endpoint_url: Some(sim.endpoint().parse().unwrap()),
        };
        let sts = Arc::new(AwsSts::new(Outbound::default().pool().unwrap(), settings, house.clock.clone()));
        let administration =
            Administration::new(opened.store.clone(), opened.vault.clone(), trail.clone(), house.clock.clone());
        Self { store: opened.store.clone(), trail, administration, sts, sim, opened }
    }

    /// Asks AWS, for a while.
    fn required(&self) -> Proof<'_> {
        Proof::Required(self.sts.as_ref(), Instant::now() + Duration::from_secs(30))
    }

    async fn key(&self, name: &str) -> Option<AccessKey> {
        self.store.access_keys().await.unwrap().into_iter().find(|key| key.name.as_str() == name)
    }

    async fn commit(&self, change: Change) {
        self.trail.commit(vec![change], Vec1::new(entry(Action::ConnectorChanged))).await.unwrap();
    }

    /// Puts a connector into service behind a key, past administration.
    async fn connector(&self, name: &str, access_key: &str, scope: &str) -> Connector {
        let mut connector = tests::stores::connector(name, access_key);
        let mut spec = json!({
            "access_key": access_key,
            "scope": scope,
            "principal": { "assume_role": { "role_arn": format!("arn:aws:iam::111111111111:role/{name}") } },
        });
        if scope == "user" {
            spec["groups"] = json!(["corp/release"]);
        }
        connector.spec = serde_json::from_value(spec).unwrap();
        self.commit(self.store.add_connector(&connector).unwrap()).await;
        connector
    }

    /// The same for a key, as the connectors file would own it.
    async fn file_key(&self, name: &str, details: KeyDetails, secret: &str) -> AccessKey {
        let template = tests::stores::access_key(&self.opened, name);
        let sealed = details.seal(&self.opened.vault, template.id, &SecretString::from(secret)).unwrap();
        let key = AccessKey { managed_by: ManagedBy::File, details, sealed, ..template };
        self.commit(self.store.add_access_key(&key).unwrap()).await;
        key
    }

    /// The records of an action, oldest first.
    async fn records(&self, action: Action) -> Vec<Value> {
        let filter = TrailFilter { action: Some(action.as_str().to_owned()), ..TrailFilter::default() };
        let links = self.store.newest_links(&filter, None, 100).await.unwrap();
        links.iter().rev().map(|link| serde_json::from_str(&link.record).unwrap()).collect()
    }
}

/// Account 111111111111 with the users `broker` (two keys) and `other`, account 222222222222 with a `broker` of its own, and a
/// root user's key.
fn world() -> World {
    let key = |id: &str| SimKey::new(id, SECRET);
    World::new()
        .user(User::new("111111111111", "broker").key(key(MAIN)).key(key(SECOND)))
        .user(User::new("111111111111", "other").key(key(OTHER_USER)))
        .user(User::new("222222222222", "broker").key(key(OTHER_ACCOUNT)))
        .root_key("111111111111", key(ROOT))
}

fn new_key(name: &str, id: &str, secret: &str) -> NewAccessKey {
    NewAccessKey { name: name.to_owned().try_into().unwrap(), details: details(id), secret: SecretString::from(secret) }
}

fn details(id: &str) -> KeyDetails {
    serde_json::from_value(json!({ "aws_key_id": id, "region": "eu-central-1" })).unwrap()
}

/// Whoever has the files may do anything.
fn by<P: Permission>() -> P {
    P::on_the_host("ada")
}

const MAIN: &str = "AKIAMAINMAINMAIN0001";
const SECOND: &str = "AKIAMAINMAINMAIN0002";
const OTHER_USER: &str = "AKIAOTHERUSER0000001";
const OTHER_ACCOUNT: &str = "AKIAOTHERACCOUNT0001";
const ROOT: &str = "AKIAROOTROOTROOT0001";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const WRONG: &str = "WRONGrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const BROKER: &str = "arn:aws:iam::111111111111:user/broker";
