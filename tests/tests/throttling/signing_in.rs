//! Signing in where people have several names: what they hear, and what the trail says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker_core::caller::{AdminGroups, Person};
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::directory::{AuthenticateError, Directory, Found, Gate, Password, Standing, TypedName, Unavailable};
use broker_core::id::RequestId;
use broker_core::name::DirectoryName;
use broker_core::sign_in::{Credentials, Settings, SignIn, SignInError, SignedIn};
use broker_core::store::{Store, TrailFilter};
use broker_core::trail::{Origin, Record, Trail};
use secrecy::SecretString;
use serde_json::json;
use tests::stores::Storehouse;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{FREE, HOME, network};

/// A directory in which everybody is also known by their name and anything after an `@`.
#[derive(Debug)]
struct Aliased(LocalDirectory);

#[async_trait]
impl Directory for Aliased {
    fn name(&self) -> &DirectoryName {
        self.0.name()
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Person, AuthenticateError> {
        let name = username.as_str().split('@').next().unwrap();
        self.0.authenticate(&TypedName::parse(name).unwrap(), gate).await
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        self.0.describe(username).await
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        self.0.look_up(id).await
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        self.0.probe().await
    }
}

struct Desk {
    storehouse: Storehouse,
    store: Store,
    trail: Trail,
    sign_in: SignIn,
}

impl Desk {
    async fn open() -> Self {
        let storehouse = Storehouse::in_memory("desk");
        let opened = storehouse.open().await;
        let trail = storehouse.trail(&opened);
        let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
        let person = json!({ "username": "ada", "id": "0b1c", "password_hash": hash });
        let corp = "corp".to_owned().try_into().unwrap();
        let people = vec![serde_json::from_value(person).unwrap()];
        let directory = Aliased(LocalDirectory::new(corp, people, Arc::new(Semaphore::new(2))).unwrap());
        let settings = Settings {
            idle_seconds: 600,
            absolute_seconds: 2_000,
            recheck_seconds: 300,
            admin_groups: AdminGroups::default(),
        };
        let store = opened.store;
        let clock = storehouse.clock.clone();
        let sign_in = SignIn::new(store.clone(), vec![Arc::new(directory)], trail.clone(), clock, settings);
        Self { storehouse, store, trail, sign_in }
    }

    async fn sign_in(&self, username: &str, password: &str, address: IpAddr) -> Result<SignedIn, SignInError> {
        let origin = Origin { request_id: RequestId::random(), client_address: Some(address.to_string()) };
        let password = SecretString::from(password);
        self.sign_in.sign_in(Credentials { username, password, directory: None, address, origin: &origin }).await
    }

    /// All the guesses that are free, each by another name made from this one and from another network.
    async fn guess(&self, name: &str) {
        for number in 0..FREE {
            let refused = self.sign_in(&format!("{name}@{number}"), "a guess", network(number)).await;
            assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{refused:?}");
        }
    }

    async fn records(&self) -> Vec<Record> {
        self.trail.close().await;
        let links = self.store.newest_links(&TrailFilter::default(), None, 100).await.unwrap();
        links.iter().rev().map(|link| serde_json::from_str(&link.record).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_right_password_is_not_tried_once_the_person_has_been_guessed_at_by_other_names() {
    let desk = Desk::open().await;
    desk.guess("ada").await;
    for name in ["ada@fresh", "ada"] {
        let asked = Instant::now();
        let refused = desk.sign_in(name, "secret", network(99)).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "like a wrong one: {refused:?}");
        assert!(asked.elapsed() >= Duration::from_millis(480), "{:?}", asked.elapsed());
    }
    desk.storehouse.clock.advance(1);
    desk.sign_in("ada@fresh", "secret", network(99)).await.unwrap();
    desk.guess("ada").await;

    let records = desk.records().await;
    let said: Vec<_> = records.iter().map(|record| (record.actor.as_str(), record.reason.as_deref())).collect();
    let (wrong, held_back) = (Some("wrong password"), Some("too many attempts on this account, by whatever name"));
    assert_eq!(said[..5], [("anonymous", wrong); 5]);
    assert_eq!(said[5..8], [("anonymous", held_back), ("anonymous", held_back), ("person:corp/ada", None)]);
    let about = |record: &Record| record.about.clone();
    assert!(records[..7].iter().all(|record| about(record).as_deref() == Some("corp/0b1c")), "{records:?}");
    assert_eq!(about(&records[7]), None, "she is the actor");
    assert!(records.iter().all(|record| !format!("{record:?}").contains('@')), "no typed name: {records:?}");
}

#[tokio::test]
async fn at_home_she_gets_in_by_any_name_whatever_strangers_do() {
    let desk = Desk::open().await;
    desk.sign_in("ada", "secret", HOME).await.unwrap();
    desk.guess("ada").await;
    let refused = desk.sign_in("ada", "secret", network(99)).await;
    assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{refused:?}");
    desk.sign_in("ada@corp.example", "secret", HOME).await.unwrap();
}

#[tokio::test]
async fn names_that_are_used_up_sound_alike_whosever_they_are() {
    let desk = Desk::open().await;
    desk.sign_in("ada", "secret", HOME).await.unwrap();
    for name in ["ada@corp.example", "nobody@corp.example"] {
        for number in 0..FREE {
            let refused = desk.sign_in(name, "a guess", network(number)).await;
            assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{refused:?}");
        }
        let asked = Instant::now();
        let refused = desk.sign_in(name, "secret", network(99)).await;
        assert!(matches!(refused, Err(SignInError::TooManyAttempts { retry_after_seconds: 1 })), "{name}: {refused:?}");
        assert!(asked.elapsed() >= Duration::from_millis(480), "{:?}", asked.elapsed());
    }
    desk.sign_in("ada@corp.example", "secret", HOME).await.unwrap();
    let stranger = desk.sign_in("nobody@corp.example", "secret", HOME).await;
    assert!(matches!(stranger, Err(SignInError::TooManyAttempts { .. })), "{stranger:?}");
}
