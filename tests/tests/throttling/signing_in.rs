//! Signing in where people have several names: what they hear, and what the trail says.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use broker_core::caller::{AdminGroups, Subject};
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::directory::{
    Attested, AuthenticateError, Directory, Found, Gate, Lockout, NotAdmitted, Password, Standing, TypedName,
    Unavailable,
};
use broker_core::id::RequestId;
use broker_core::name::DirectoryName;
use broker_core::sign_in::{
    Credentials, LONGEST_SIGN_IN, SessionKind, Settings, SignIn, SignInError, SignedIn, Throttle,
};
use broker_core::store::{Store, TrailFilter};
use broker_core::trail::{Origin, Outcome, Record, Trail};
use secrecy::SecretString;
use serde_json::json;
use tests::stores::Storehouse;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{FREE, HOME, network};

/// A directory that does not answer.
#[derive(Debug)]
struct Down(DirectoryName);

impl Down {
    fn says_nothing(&self) -> Unavailable {
        Unavailable { directory: self.0.clone(), source: "it hangs up".into() }
    }
}

#[async_trait]
impl Directory for Down {
    fn name(&self) -> &DirectoryName {
        &self.0
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, _: &TypedName, _: &dyn Gate) -> Result<Attested, AuthenticateError> {
        Err(self.says_nothing().into())
    }

    async fn describe(&self, _: &TypedName) -> Result<Found, Unavailable> {
        Err(self.says_nothing())
    }

    async fn look_up(&self, _: &str) -> Result<Standing, Unavailable> {
        Ok(Standing::Gone)
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

/// A directory that takes its time to say that it does not know somebody.
#[derive(Debug)]
struct Slow(DirectoryName, Duration);

#[async_trait]
impl Directory for Slow {
    fn name(&self) -> &DirectoryName {
        &self.0
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, _: &TypedName, _: &dyn Gate) -> Result<Attested, AuthenticateError> {
        tokio::time::sleep(self.1).await;
        Err(AuthenticateError::NoSuchUser)
    }

    async fn describe(&self, _: &TypedName) -> Result<Found, Unavailable> {
        Ok(Found::Nobody)
    }

    async fn look_up(&self, _: &str) -> Result<Standing, Unavailable> {
        Ok(Standing::Gone)
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

/// Writes down what a directory is asked, and whether it gets the password.
#[derive(Debug)]
struct Witnessed(LocalDirectory, Arc<Mutex<Vec<String>>>);

struct WitnessedGate<'a>(&'a dyn Gate, &'a Witnessed);

impl Witnessed {
    fn saw(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0.name()));
    }
}

#[async_trait]
impl Directory for Witnessed {
    fn name(&self) -> &DirectoryName {
        self.0.name()
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        self.saw("is asked");
        self.0.authenticate(username, &WitnessedGate(gate, self)).await
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

#[async_trait]
impl Gate for WitnessedGate<'_> {
    async fn admit(&self, subject: &Subject) -> Result<&Password, NotAdmitted> {
        let password = self.0.admit(subject).await?;
        self.1.saw("gets the password");
        Ok(password)
    }
}

/// A directory in which everybody is also known by their name and anything after an `@`.
#[derive(Debug)]
struct Aliased(LocalDirectory);

#[async_trait]
impl Directory for Aliased {
    fn name(&self) -> &DirectoryName {
        self.0.name()
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
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
        let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
        let person = json!({ "username": "ada", "id": "0b1c", "password_hash": hash });
        let corp = "corp".to_owned().try_into().unwrap();
        let people = vec![serde_json::from_value(person).unwrap()];
        let directory = Aliased(LocalDirectory::new(corp, people, Arc::new(Semaphore::new(2))).unwrap());
        Self::before(vec![Arc::new(directory)]).await
    }

    async fn before(directories: Vec<Arc<dyn Directory>>) -> Self {
        Self::within(LONGEST_SIGN_IN, directories).await
    }

    async fn within(sign_in_within: Duration, directories: Vec<Arc<dyn Directory>>) -> Self {
        let storehouse = Storehouse::in_memory("desk");
        let opened = storehouse.open().await;
        let trail = storehouse.trail(&opened);
        let settings = Settings {
            idle_seconds: 600,
            absolute_seconds: 2_000,
            recheck_seconds: 300,
            sessions_per_person: NonZeroU32::MAX,
            sign_in_within,
            admin_groups: AdminGroups::default(),
        };
        let store = opened.store;
        let clock = storehouse.clock.clone();
        let sign_in = SignIn::new(store.clone(), directories, trail.clone(), clock, settings);
        Self { storehouse, store, trail, sign_in }
    }

    async fn sign_in(&self, username: &str, password: &str, address: IpAddr) -> Result<SignedIn, SignInError> {
        let origin = Origin { request_id: RequestId::random(), client_address: Some(address.to_string()) };
        let password = SecretString::from(password);
        let credentials = Credentials { username, password, directory: None, address, origin: &origin };
        self.sign_in.sign_in(credentials, SessionKind::Api).await
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

#[tokio::test]
async fn an_outage_is_no_guess_in_the_trail_either() {
    let desk = Desk::before(vec![Arc::new(Down("corp".to_owned().try_into().unwrap()))]).await;
    let refused = desk.sign_in("ada", "secret", HOME).await;
    assert!(matches!(refused, Err(SignInError::Directory(_))), "{refused:?}");
    let records = desk.records().await;
    let said: Vec<_> = records.iter().map(|record| (record.outcome, record.reason.as_deref())).collect();
    assert_eq!(said, [(Outcome::Failed, Some("a directory is unavailable"))]);
}

#[tokio::test]
async fn directories_that_are_all_slow_keep_nobody_longer_than_a_sign_in_may_take_and_give_no_guesses_away() {
    let slow = |name: &str, each| Arc::new(Slow(name.to_owned().try_into().unwrap(), each)) as Arc<dyn Directory>;
    let directories = vec![slow("slow", Duration::from_millis(1)), slow("slower", Duration::from_hours(1))];
    let desk = Desk::within(Duration::from_secs(1), directories).await;
    for number in 0..FREE {
        let refused = desk.sign_in("ada", "secret", network(number)).await;
        let Err(SignInError::Directory(unavailable)) = refused else { panic!("{refused:?}") };
        assert_eq!(unavailable.directory.as_str(), "slower", "the one that was asked when the time was over");
        assert_eq!(unavailable.source.to_string(), "no answer within 1 seconds, all directories together");
    }
    let throttle = Throttle::new(desk.store.clone(), desk.storehouse.clock.clone(), HashMap::new());
    let attempt = throttle.admit(&throttle.mark("ada"), network(99)).await.unwrap();
    assert_eq!(attempt.overdue(), Some(1), "they stay counted: a directory may have counted them too");
}

#[tokio::test]
async fn only_no_such_user_leads_on_to_the_next_directory() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
    let directory = |name: &str, people: &[(&str, bool)]| -> Arc<dyn Directory> {
        let person = |(username, disabled): &(&str, bool)| {
            serde_json::from_value(json!({ "username": username, "password_hash": hash, "disabled": disabled }))
                .unwrap()
        };
        let people = people.iter().map(person).collect();
        let directory = LocalDirectory::new(name.to_owned().try_into().unwrap(), people, Arc::new(Semaphore::new(1)));
        Arc::new(Witnessed(directory.unwrap(), seen.clone()))
    };
    let corp = directory("corp", &[("ada", false), ("dora", true)]);
    let desk = Desk::before(vec![corp, directory("branch", &[("ada", false), ("una", false)])]).await;
    let work = async |username: &str, password: &str| {
        let refused = desk.sign_in(username, password, HOME).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials)), "{username}: {refused:?}");
        std::mem::take(&mut *seen.lock().unwrap())
    };
    let (corp, branch) = ("corp is asked", "branch is asked");
    assert_eq!(work("nobody", "secret").await, [corp, branch]);
    assert_eq!(work("ada", "wrong").await, [corp, "corp gets the password"], "though branch has an ada");
    assert_eq!(work("dora", "secret").await, [corp, "corp gets the password"]);
    assert_eq!(work("una", "wrong").await, [corp, branch, "branch gets the password"]);
    for _ in 1..FREE {
        work("ada", "wrong").await;
    }
    // Only whoever has been counted as ada stands before a closed gate: under the name itself the broker would say "wait".
    let refused = desk.sign_in("ada", "secret", network(1)).await;
    assert!(matches!(refused, Err(SignInError::TooManyAttempts { .. })), "{refused:?}");
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [corp], "held back");
}
