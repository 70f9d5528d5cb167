//! Tokens that are shown again: the directory is asked again within the bound, what it says counts at once and stands in the trail,
//! and that a use could not be noted stops nobody.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker_core::caller::{AdminGroups, Caller};
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::directory::{
    Attested, AuthenticateError as Refused, Directory, Found, Gate, Lockout, Password, Standing, TypedName, Unavailable,
};
use broker_core::epoch::Epoch;
use broker_core::id::{ConnectorId, RequestId, ServiceTokenId, SessionId};
use broker_core::name::DirectoryName;
use broker_core::permission::{Administrator, Operator, Permission};
use broker_core::session::{ServiceToken, Session, TokenTerms};
use broker_core::sign_in::{
    AuthenticateError, Credentials, DirectoryTestError, LONGEST_SIGN_IN, Question, SessionKind, Settings, Shown, SignIn,
};
use broker_core::store::{Store, TrailFilter};
use broker_core::trail::{Action, Origin, Outcome, Record, Trail, Vec1};
use broker_core::vault::Purpose;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tests::stores::{Storehouse, entry};
use tokio::sync::{Notify, Semaphore};

/// A directory that lets people in and then says of everybody what the story wants.
#[derive(Debug)]
struct Moody {
    people: LocalDirectory,
    mood: Mutex<Mood>,
    /// How often somebody was looked up.
    looked_up: AtomicUsize,
    /// Somebody is being looked up, slowly; until then.
    asked: Notify,
    go_on: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Disabled,
    Gone,
    Silent,
    Slow,
}

#[async_trait]
impl Directory for Moody {
    fn name(&self) -> &DirectoryName {
        self.people.name()
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, Refused> {
        self.people.authenticate(username, gate).await
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        self.people.describe(username).await
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        let mood = *self.mood.lock().unwrap();
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        match mood {
            Mood::Well => self.people.look_up(id).await,
            Mood::Slow => {
                self.asked.notify_one();
                self.go_on.notified().await;
                self.people.look_up(id).await
            }
            Mood::Disabled => Ok(Standing::Disabled),
            Mood::Gone => Ok(Standing::Gone),
            Mood::Silent => Err(Unavailable { directory: self.name().clone(), source: "it hangs up".into() }),
        }
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

struct Desk {
    house: Storehouse,
    store: Store,
    trail: Trail,
    directory: Arc<Moody>,
    sign_in: SignIn,
}

impl Desk {
    async fn open(house: Storehouse) -> Self {
        let opened = house.open().await;
        let trail = house.trail(&opened);
        let people = ada_with("secret");
        let (mood, looked_up) = (Mutex::new(Mood::Well), AtomicUsize::new(0));
        let directory = Arc::new(Moody { people, mood, looked_up, asked: Notify::new(), go_on: Notify::new() });
        let directories: Vec<Arc<dyn Directory>> = vec![directory.clone()];
        let store = opened.store;
        let sign_in = SignIn::new(store.clone(), directories, trail.clone(), house.clock.clone(), settings());
        Self { house, store, trail, directory, sign_in }
    }

    /// The same, once the file has another hash of hers and the daemon was started again.
    fn where_the_password_is(&self, password: &str) -> SignIn {
        let directories: Vec<Arc<dyn Directory>> = vec![Arc::new(ada_with(password))];
        SignIn::new(self.store.clone(), directories, self.trail.clone(), self.house.clock.clone(), settings())
    }

    /// What the trail has of one kind, oldest first.
    async fn records(&self, action: Action) -> Vec<Record> {
        let links = self.store.newest_links(&TrailFilter::default(), None, 100).await.unwrap();
        let records = links.iter().rev().map(|link| serde_json::from_str::<Record>(&link.record).unwrap());
        records.filter(|record| record.action == action).collect()
    }

    async fn session(&self) -> SecretString {
        let origin = origin();
        let password = SecretString::from("secret");
        let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
        self.sign_in.sign_in(credentials, SessionKind::Api).await.unwrap().token
    }

    /// The same, and the directory asked again at its next use.
    async fn stale_session(&self) -> SecretString {
        let token = self.session().await;
        self.house.clock.advance(i64::from(RECHECK));
        token
    }

    fn says(&self, mood: Mood) {
        *self.directory.mood.lock().unwrap() = mood;
    }

    async fn shown(&self, token: &SecretString) -> Result<Caller, AuthenticateError> {
        self.sign_in.authenticate(&Shown::Bearer(token.clone()), ADDRESS, &origin()).await
    }

    async fn is_remembered(&self, token: &SecretString, address: IpAddr) -> bool {
        let shown = Shown::Bearer(token.clone());
        self.sign_in.recognise(&shown, address, &origin()).await.unwrap().by_memory.is_some()
    }

    /// What the trail has beside the signing in, and it is whole: `ACTOR ID OUTCOME REASON`.
    async fn refused_tokens(&self) -> Vec<String> {
        self.trail.close().await;
        let links = self.store.newest_links(&TrailFilter::default(), None, 100).await.unwrap();
        let records = links.iter().rev().map(|link| serde_json::from_str::<Record>(&link.record).unwrap());
        let refused = records.filter(|record| record.action == Action::TokenRefused);
        let line = |record: Record| {
            let outcome = match record.outcome {
                Outcome::Success => "success",
                Outcome::Refused => "refused",
                Outcome::Failed => "failed",
            };
            format!("{} {} {outcome}: {}", record.actor, record.actor_id.unwrap_or_default(), record.reason.unwrap())
        };
        refused.map(line).collect()
    }
}

#[tokio::test]
async fn whoever_ends_a_session_while_its_person_is_looked_up_has_ended_it() {
    let desk = Desk::open(Storehouse::in_memory("meanwhile")).await;
    let token = desk.stale_session().await;
    let Ok(Caller::Person(ada)) = desk.shown(&token).await else { panic!("she is signed in") };
    desk.house.clock.advance(i64::from(RECHECK));
    desk.says(Mood::Slow);
    let ended = async {
        desk.directory.asked.notified().await;
        let there = desk.sign_in.end_session(ada.session, &Operator::on_the_host("otto")).await.unwrap();
        desk.directory.go_on.notify_one();
        there
    };
    let (shown, there) = tokio::join!(desk.shown(&token), ended);
    assert!(there && matches!(shown, Err(AuthenticateError::Unauthenticated)), "{shown:?}");
}

#[tokio::test]
async fn who_was_disabled_or_removed_loses_the_session_for_good_and_the_trail_says_so() {
    for mood in [Mood::Disabled, Mood::Gone] {
        let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
        let token = desk.stale_session().await;
        desk.says(mood);
        let answer = desk.shown(&token).await;
        assert!(matches!(answer, Err(AuthenticateError::AccountDisabled)), "{mood:?}: {answer:?}");
        desk.says(Mood::Well);
        let answer = desk.shown(&token).await;
        assert!(matches!(answer, Err(AuthenticateError::Unauthenticated)), "it has ended, {mood:?}: {answer:?}");
        assert_eq!(
            desk.refused_tokens().await,
            [
                "person:corp/ada 0b1c refused: the account has been disabled or removed; its session is over",
                "anonymous  refused: no such session",
            ],
            "{mood:?}"
        );
    }
}

#[tokio::test]
async fn of_somebody_who_was_removed_all_sessions_end_by_one_question_and_for_moments_nobody_asks_again() {
    let desk = Desk::open(Storehouse::in_memory("cut-off")).await;
    let (first, late) = (desk.stale_session().await, desk.stale_session().await);
    let (fresh, remembered) = (desk.session().await, desk.session().await);
    assert!(!desk.is_remembered(&remembered, ADDRESS).await);
    assert!(desk.is_remembered(&remembered, ADDRESS).await);
    desk.house.clock.advance(1);
    let before = desk.directory.looked_up.load(Ordering::Relaxed);
    let asked = || desk.directory.looked_up.load(Ordering::Relaxed) - before;
    let ends = async |token: &SecretString| {
        let answer = desk.shown(token).await;
        assert!(matches!(answer, Err(AuthenticateError::AccountDisabled)), "{answer:?}");
    };
    desk.says(Mood::Disabled);
    ends(&first).await;
    // Also those that were looked at a moment before, and would not have been looked at for minutes.
    ends(&fresh).await;
    let recognised = desk.sign_in.recognise(&Shown::Bearer(remembered), ADDRESS, &origin()).await;
    assert!(matches!(recognised, Err(AuthenticateError::AccountDisabled)), "{recognised:?}");
    assert_eq!(asked(), 1);
    // Let in again within these seconds: what was said before is of no account for that session.
    desk.says(Mood::Well);
    desk.house.clock.advance(1);
    desk.shown(&desk.session().await).await.unwrap();
    assert_eq!(asked(), 1);
    desk.house.clock.advance(4);
    desk.shown(&late).await.unwrap();
    assert_eq!(asked(), 2, "some seconds later it is asked again");
}

#[tokio::test]
async fn a_changed_password_ends_each_session_that_began_before_it_and_no_other() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let (before, other) = (desk.stale_session().await, desk.stale_session().await);
    assert!(desk.shown(&before).await.is_ok() && desk.shown(&other).await.is_ok(), "it is as it was");
    let changed = desk.where_the_password_is("another secret");
    let shown = async |token: &SecretString| {
        desk.house.clock.advance(i64::from(RECHECK));
        changed.authenticate(&Shown::Bearer(token.clone()), ADDRESS, &origin()).await
    };
    let answer = shown(&before).await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordChanged)), "{answer:?}");
    assert!(matches!(shown(&before).await, Err(AuthenticateError::Unauthenticated)), "it has ended");

    let (origin, password) = (origin(), SecretString::from("another secret"));
    let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
    let after = changed.sign_in(credentials, SessionKind::Api).await.unwrap().token;
    assert!(shown(&after).await.is_ok(), "by the new password");
    let answer = shown(&other).await;
    assert!(matches!(answer, Err(AuthenticateError::PasswordChanged)), "{answer:?}");
    assert!(shown(&after).await.is_ok());

    let ended = desk.records(Action::SessionEnded).await;
    assert_eq!(ended.len(), 2, "{ended:?}");
    for record in ended {
        assert_eq!((record.actor.as_str(), record.about.as_deref()), ("brokerd", Some("corp/0b1c")));
        assert_eq!(record.reason.as_deref(), Some("the password was changed after the sign-in"));
        let said = record.changes.unwrap();
        assert_eq!((&said["person"], &said["person_id"]), (&json!("corp/ada"), &json!("0b1c")));
        assert!(said["session_id"].is_string());
    }
}

#[tokio::test]
async fn whoever_shows_a_password_with_one_request_is_known_by_that_one_as_others_are() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    let Ok(Caller::Person(ada)) = desk.shown(&token).await else { panic!("she is signed in") };
    let (origin, password) = (origin(), SecretString::from("secret"));
    let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
    let visitor = desk.sign_in.prove_visitor(credentials).await.unwrap();
    let visit = desk.sign_in.visit(visitor, Duration::from_mins(1), &origin).await.unwrap();
    let mark_of = async |id| desk.store.session(id).await.unwrap().unwrap().password_mark;
    let (of_session, of_visit) = (mark_of(ada.session).await, mark_of(visit.session()).await);
    assert!(of_session.is_some() && of_visit == of_session);
}

#[tokio::test]
async fn a_session_from_before_there_were_marks_takes_none_and_ends_when_it_was_to_end() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    let Ok(Caller::Person(ada)) = desk.shown(&token).await else { panic!("she is signed in") };
    let session = desk.store.session(ada.session).await.unwrap().unwrap();
    let old = SecretString::from(format!("{}of-a-session-from-before", SessionKind::Api.prefix()));
    let hash = desk.store.seals().mac(Purpose::Token, &[old.expose_secret().as_bytes()]);
    let session = Session { id: SessionId::random(), password_mark: None, ..session };
    let change = desk.store.add_session(&session, &hash).unwrap();
    desk.trail.commit(vec![change], Vec1::new(entry(Action::SignIn))).await.unwrap();
    // The first mark that it meets may be of a password that was changed before: it would vouch for whoever knew the old one.
    for password in ["secret", "another secret", "a third secret"] {
        desk.house.clock.advance(i64::from(RECHECK));
        let changed = desk.where_the_password_is(password);
        assert!(changed.authenticate(&Shown::Bearer(old.clone()), ADDRESS, &origin()).await.is_ok(), "{password}");
        assert_eq!(desk.store.session(session.id).await.unwrap().unwrap().password_mark, None);
    }
    desk.house.clock.advance(36_000);
    assert!(matches!(desk.shown(&old).await, Err(AuthenticateError::Unauthenticated)));
}

#[tokio::test]
async fn a_directory_that_is_no_longer_configured_vouches_for_nobody() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    let clock = desk.house.clock.clone();
    let without = SignIn::new(desk.store.clone(), Vec::new(), desk.trail.clone(), clock, settings());
    let answer = without.authenticate(&Shown::Bearer(token.clone()), ADDRESS, &origin()).await;
    assert!(matches!(answer, Err(AuthenticateError::AccountDisabled)), "{answer:?}");
    assert!(matches!(desk.shown(&token).await, Err(AuthenticateError::Unauthenticated)), "it has ended");
}

#[tokio::test]
async fn nobody_is_waved_through_because_a_directory_is_silent_and_the_session_waits() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    desk.says(Mood::Silent);
    for _ in 0..2 {
        let answer = desk.shown(&token).await;
        assert!(matches!(answer, Err(AuthenticateError::Directory(_))), "{answer:?}");
    }
    desk.says(Mood::Well);
    let Caller::Person(ada) = desk.shown(&token).await.unwrap() else { panic!("a session is a person's") };
    assert_eq!(ada.person.username, "ada");
    assert_eq!(
        desk.refused_tokens().await,
        ["person:corp/ada 0b1c failed: the directory is unavailable"; 2],
        "each time"
    );
}

#[tokio::test]
async fn who_is_looked_up_once_more_after_a_wait_is_so_within_the_time_of_the_request() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    let caller = desk.shown(&token).await.unwrap();
    desk.house.clock.advance(i64::from(RECHECK));
    desk.says(Mood::Slow);
    let hasty = Settings { sign_in_within: Duration::from_millis(10), ..settings() };
    let directories: Vec<Arc<dyn Directory>> = vec![desk.directory.clone()];
    let sign_in = SignIn::new(desk.store.clone(), directories, desk.trail.clone(), desk.house.clock.clone(), hasty);
    let corp = desk.directory.name().clone();
    let question = Question { directory: &corp, username: "ada", password: None, address: ADDRESS };
    let otto = Administrator::on_the_host("otto");
    let tested = sign_in.test_directory(question, &caller, &otto);
    // The directory itself would never answer.
    let tested = tokio::time::timeout(Duration::from_mins(1), tested).await;
    let Ok(Err(DirectoryTestError::Asker(AuthenticateError::Directory(error)))) = tested else { panic!("{tested:?}") };
    assert_eq!(error.source.to_string(), "no answer by the request's deadline");
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_stops_nobody() {
    let desk = Desk::open(Storehouse::on_sqlite("rechecking")).await;
    let session = desk.stale_session().await;
    let job = service_token(&desk).await;
    let mut hands = desk.house.hands().await;
    for (table, column) in [("sessions", "last_seen_at"), ("service_tokens", "last_used_at")] {
        let full = format!(
            "CREATE TRIGGER no_{column} BEFORE UPDATE OF {column} ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END"
        );
        hands.run(&full).await;
    }
    let seen = "SELECT last_seen_at FROM sessions";
    let before = hands.number(seen).await;
    assert!(matches!(desk.shown(&session).await, Ok(Caller::Person(_))));
    assert!(matches!(desk.shown(&job).await, Ok(Caller::Service(_))));
    assert_eq!(hands.number(seen).await, before, "it really could not be noted");

    hands.run("DROP TRIGGER no_last_seen_at").await;
    hands.run("DROP TRIGGER no_last_used_at").await;
    desk.shown(&session).await.unwrap();
    desk.shown(&job).await.unwrap();
    assert!(hands.number(seen).await > before, "and here it would have been");
    assert_eq!(hands.number("SELECT COUNT(*) FROM service_tokens WHERE last_used_at IS NOT NULL").await, 1);
}

#[tokio::test]
async fn only_bearers_are_remembered_and_only_as_long_as_nothing_says_that_they_may_be_others() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    assert!(!desk.is_remembered(&token, ADDRESS).await, "nobody has seen her yet");
    assert!(desk.is_remembered(&token, ADDRESS).await);
    assert!(
        !desk.is_remembered(&token, "192.0.2.2".parse().unwrap()).await,
        "she may not be allowed to ask from there"
    );
    desk.house.clock.advance(i64::from(RECHECK));
    assert!(!desk.is_remembered(&token, ADDRESS).await, "the directory is to be asked");
    assert!(desk.is_remembered(&token, ADDRESS).await);
    desk.house.clock.advance(-2);
    assert!(!desk.is_remembered(&token, ADDRESS).await, "how old it is cannot be known");
    desk.house.clock.advance(2);

    let (origin, password) = (origin(), SecretString::from("secret"));
    let credentials = Credentials { username: "ada", password, directory: None, address: ADDRESS, origin: &origin };
    let cookie = Shown::Cookie(desk.sign_in.sign_in(credentials, SessionKind::Browser).await.unwrap().token);
    for _ in 0..2 {
        assert!(desk.sign_in.recognise(&cookie, ADDRESS, &origin).await.unwrap().by_memory.is_none());
    }

    assert!(desk.is_remembered(&token, ADDRESS).await);
    desk.store.know_epoch(Epoch::FIRST.next("2026-01-02T03:04:05Z".parse().unwrap()));
    let answer = desk.sign_in.recognise(&Shown::Bearer(token), ADDRESS, &origin).await;
    assert!(matches!(answer, Err(AuthenticateError::Store(_))), "the store has been put back: {answer:?}");
}

#[tokio::test]
async fn whoever_is_remembered_is_read_anew_a_few_seconds_later() {
    let desk = Desk::open(Storehouse::in_memory("rechecking")).await;
    let token = desk.stale_session().await;
    desk.is_remembered(&token, ADDRESS).await;
    let begun = Instant::now();
    while desk.is_remembered(&token, ADDRESS).await {
        assert!(begun.elapsed() < Duration::from_mins(1), "she is remembered for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn ada_with(password: &str) -> LocalDirectory {
    let hash = hash_password(&Password::parse(SecretString::from(password)).unwrap()).unwrap();
    let person = json!({ "username": "ada", "id": "0b1c", "password_hash": hash });
    let people = vec![serde_json::from_value(person).unwrap()];
    LocalDirectory::new("corp".to_owned().try_into().unwrap(), people, Arc::new(Semaphore::new(1))).unwrap()
}

/// A service token that has never been used.
async fn service_token(desk: &Desk) -> SecretString {
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    let token = ServiceToken {
        id: ServiceTokenId::random(),
        name: "nightly".to_owned().try_into().unwrap(),
        terms: TokenTerms {
            connectors: [ConnectorId::random()].into(),
            networks: Vec::new(),
            created_by: "a test".to_owned(),
            created_by_id: None,
        },
        created_at: now,
        expires_at: now + SignedDuration::from_hours(24),
        last_used_at: None,
        epoch: Epoch::FIRST,
        awaits_confirmation: false,
    };
    let text = SecretString::from("bkt_of-the-nightly-job");
    let hash = desk.store.seals().mac(Purpose::Token, &[text.expose_secret().as_bytes()]);
    let change = desk.store.add_service_token(&token, &hash).unwrap();
    desk.trail.commit(vec![change], Vec1::new(entry(Action::ServiceTokenCreated))).await.unwrap();
    text
}

fn settings() -> Settings {
    Settings {
        idle_seconds: 3_600,
        absolute_seconds: 36_000,
        recheck_seconds: RECHECK,
        sessions_per_person: NonZeroU32::MAX,
        sign_in_within: LONGEST_SIGN_IN,
        admin_groups: AdminGroups::default(),
    }
}

fn origin() -> Origin {
    Origin { request_id: RequestId::random(), client_address: Some(ADDRESS.to_string()) }
}

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const RECHECK: u32 = 300;
