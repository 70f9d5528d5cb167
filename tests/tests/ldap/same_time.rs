//! Whoever is not let in hears the same after the same time, whyever that is: where OpenLDAP itself can be told from a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tests::apart::apart;
use tests::brokerd::Brokerd;
use tests::relay::Relay;
use tests::slapd::{Options, Slapd, USERS};
use tests::world::{Answer, Asker};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::tested::installation;
use crate::{Config, sign_in};

/// What is wrong with an attempt. Each has names of its own, that nobody is counted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Nobody,
    /// Nobody either, and looks like somebody whose password is right.
    LooksAlike,
    Password,
    /// By the directory, which does not look at the password then.
    Locked,
    /// By a rule of ours, once the directory has said that the password is right.
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    Api,
    Page,
    Basic,
}

/// How long each took, by what was wrong.
type Times = BTreeMap<Wrong, Vec<Duration>>;

impl Wrong {
    const ALL: [Self; 5] = [Self::Nobody, Self::LooksAlike, Self::Password, Self::Locked, Self::Left];

    /// Seven bytes, so that a page which has it in its form is as long as the others.
    fn name(self, number: usize) -> String {
        let stem = match self {
            Self::Nobody => "nobod",
            // In Cyrillic.
            Self::LooksAlike => "g\u{43e}ne",
            Self::Password => "wrong",
            Self::Locked => "locke",
            Self::Left => "gone_",
        };
        format!("{stem}{number:02}")
    }

    fn password(self) -> &'static str {
        if self == Self::Password { "the wrong one" } else { PASSWORD }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_let_in_hears_the_same_after_the_same_time_at_each_door() {
    // Less than any refusal takes, and much more than whatever else the machine does.
    let (_server, relay) = slower_by(Duration::from_millis(250));
    let brokerd = serve(&relay);
    let mut attempts = Vec::new();
    for (door, numbers) in [(Door::Api, 0..48), (Door::Page, 48..72), (Door::Basic, 72..PEOPLE)] {
        attempts.extend(numbers.flat_map(|number| Wrong::ALL.map(|wrong| (door, wrong, number))));
    }
    for (door, times) in tried(&brokerd, attempts, 14).await {
        assert_eq!(told_apart(&times), "", "by {door:?}");
    }
}

#[tokio::test]
async fn the_directory_itself_is_quicker_for_nobody_so_that_there_is_something_to_hide() {
    let server = Slapd::start_with(&Options { more: people(HASH), ..Options::default() });
    let directory = Config::of(&server).open();
    let kinds = [Wrong::Nobody, Wrong::Password, Wrong::Locked];
    let mut attempts: Vec<_> = (0..48).flat_map(|number| kinds.map(|wrong| (wrong, number))).collect();
    attempts.sort_by_cached_key(|_| Uuid::new_v4());
    let mut times = Times::new();
    for (wrong, number) in attempts {
        let asked = Instant::now();
        sign_in(&directory, &wrong.name(number), wrong.password()).await.unwrap_err();
        times.entry(wrong).or_default().push(asked.elapsed());
    }
    for quick in [Wrong::Nobody, Wrong::Locked] {
        let told = apart(&times[&Wrong::Password], &times[&quick]);
        assert!(told.is_some_and(|told| told.z > 0.0), "{quick:?}: {told:?}, {}", medians(&times));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_teaches_how_slow_the_directory_is_before_anybody_is_refused() {
    // With a quarter more, the longest that a refusal is made to take: whatever else the machine does, that is what it takes from then on.
    let (_server, relay) = slower_by(Duration::from_millis(2_050));
    let brokerd = serve(&relay);
    let of = |wrong: Wrong, numbers: std::ops::Range<usize>| numbers.map(move |number| (Door::Api, wrong, number));
    let mut times = tried(&brokerd, of(Wrong::Nobody, 0..24).collect(), 24).await;
    let before = times.remove(&Door::Api).unwrap().remove(&Wrong::Nobody).unwrap();
    Asker::at(&brokerd.url()).seen_at("203.0.113.1").signed_in_with("ada", "ada secret").await;
    let attempts = of(Wrong::Nobody, 24..48).chain(of(Wrong::Password, 24..48)).collect();
    let after = tried(&brokerd, attempts, 24).await.remove(&Door::Api).unwrap();
    assert_eq!(told_apart(&after), "");
    let told = apart(&after[&Wrong::Nobody], &before);
    assert!(told.is_some_and(|told| told.z > 0.0), "{told:?}, {}", medians(&after));
}

/// What no sign-in is made to wait for (SECURITY.md), and so a difference by which these stories can be seen to tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_slower_than_three_seconds_is_told_apart() {
    let (_server, relay) = slower_by(Duration::from_millis(3_600));
    let brokerd = serve(&relay);
    let attempts = (0..24).flat_map(|number| [Wrong::Nobody, Wrong::Password].map(|wrong| (Door::Api, wrong, number)));
    let times = tried(&brokerd, attempts.collect(), 24).await;
    assert!(told_apart(&times[&Door::Api]).contains("Nobody from Password"), "{}", medians(&times[&Door::Api]));
}

/// Makes all these attempts in random order, so many at a time, each from an address of its own. They must hear the same at each door.
async fn tried(brokerd: &Brokerd, mut attempts: Vec<(Door, Wrong, usize)>, at_once: usize) -> BTreeMap<Door, Times> {
    attempts.sort_by_cached_key(|_| Uuid::new_v4());
    let (broker, places) = (Asker::at(&brokerd.url()), Arc::new(Semaphore::new(at_once)));
    let mut tries = JoinSet::new();
    for (door, wrong, number) in attempts {
        let from = broker.seen_at(&format!("10.{}.{}.{number}", door as u8, wrong as u8));
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        tries.spawn(async move {
            let (took, heard) = attempt(&from, door, wrong, number).await;
            drop(place);
            (door, wrong, took, heard)
        });
    }
    let (mut times, mut heard) = (BTreeMap::<Door, Times>::new(), BTreeMap::<Door, BTreeSet<_>>::new());
    for (door, wrong, took, answer) in tries.join_all().await {
        times.entry(door).or_default().entry(wrong).or_default().push(took);
        heard.entry(door).or_default().insert(answer);
    }
    for (door, answers) in heard {
        assert_eq!(answers.len(), 1, "by {door:?}: {answers:?}");
    }
    times
}

/// How long the answer took, and what it says but for what was typed and for what is new each time.
async fn attempt(
    broker: &Asker,
    door: Door,
    wrong: Wrong,
    number: usize,
) -> (Duration, (u16, String, Vec<(String, String)>)) {
    let (name, password) = (wrong.name(number), wrong.password());
    let request = match door {
        Door::Api => {
            broker.request(Method::POST, "/v1/sessions").json(&json!({ "username": name, "password": password }))
        }
        Door::Page => broker.filled_form(&name, password).await,
        Door::Basic => broker.request(Method::GET, CONNECTORS).basic_auth(&name, Some(password)),
    };
    let asked = Instant::now();
    let answer = Answer::of(request).await;
    let took = asked.elapsed();
    assert_eq!(answer.status, 401, "{wrong:?} by {door:?}: {}", answer.text);
    let (status, mut text, headers) = answer.but_for_the_request_id();
    if door == Door::Page {
        text = text.replace(&answer.field("csrf"), "").replace(&name, "");
    }
    (took, (status, text, headers))
}

/// Which kinds can be told from each other, a line for each pair.
fn told_apart(times: &Times) -> String {
    let mut said = String::new();
    for (one, theirs) in times {
        for (other, others) in times.range(one..).skip(1) {
            if let Some(ranked) = apart(theirs, others) {
                writeln!(said, "{one:?} from {other:?}: {ranked:?}, {}", medians(times)).unwrap();
            }
        }
    }
    said
}

fn medians(times: &Times) -> String {
    let median = |(wrong, times): (&Wrong, &Vec<Duration>)| {
        let mut times = times.clone();
        times.sort();
        format!("{wrong:?} {:?}", times[times.len() / 2])
    };
    times.iter().map(median).collect::<Vec<_>>().join(", ")
}

/// OpenLDAP behind a relay by which a password of anybody's takes so much longer than that of nobody, as by a dear hash, and keeps no processor
/// busy meanwhile.
fn slower_by(time: Duration) -> (Slapd, Relay) {
    let usual = Options::default();
    let server = Slapd::start_with(&Options { tls: false, global: String::new(), more: people(PASSWORD), ..usual });
    let relay = Relay::before(server.ldap_url().trim_start_matches("ldap://"));
    relay.hold_binds("uid=", time);
    (server, relay)
}

/// Of whom each is tried once, with this as their password.
fn people(stored: &str) -> String {
    let mut text = String::new();
    let mut add = |uid: &str, state: &str| {
        write!(text, "dn: uid={uid},{USERS}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\nuserPassword: {stored}\n{state}\n").unwrap();
    };
    for number in 0..PEOPLE {
        add(&Wrong::Password.name(number), "");
        add(&Wrong::Locked.name(number), "pwdAccountLockedTime: 000001010000Z\n");
        add(&Wrong::Left.name(number), "employeeType: Left\n");
        // Of whom the look-alikes are such.
        add(&format!("gone{number:02}"), "");
    }
    text
}

/// A daemon that is told whence people ask, and who has left.
fn serve(relay: &Relay) -> Brokerd {
    let left = "disabled = { attribute = 'employeeType', value = 'Left' }";
    let here = installation(&Config::plain(&[&relay.url()]).users(left));
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    here.serve()
}

const CONNECTORS: &str = "/rest/identity-federation-for-aws/2.2/connectors";
const PEOPLE: usize = 96;
const PASSWORD: &str = "the right one";
/// Of that password, by 40,000 rounds: some tens of milliseconds.
const HASH: &str = "{CRYPT}$6$rounds=40000$sametime$1q4C0BsjXKqKepthcWu.S5YjesVDtOh.ZeyJ/AshLIfPGwkdQDnijEL/B3ojTgC3R6pych26XWTndpJb8jEDE0";
