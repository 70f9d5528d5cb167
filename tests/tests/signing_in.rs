//! Signing in and out through the front door: who is let in, what the others hear, and what is kept of either.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::num::NonZeroU32;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use broker_core::caller::{AdminGroups, Caller};
use broker_core::clock::{Clock, Millis};
use broker_core::directory::Password;
use broker_core::directory::local::{LocalDirectory, hash_password};
use broker_core::id::RequestId;
use broker_core::session::Whose;
use broker_core::sign_in::{
    AuthenticateError, Credentials, LONGEST_SIGN_IN, SessionKind, Settings, Shown, SignIn, Visit, VisitError, Visitor,
};
use broker_core::store::{Store, TrailFilter};
use broker_core::trail::{Action, Origin, Record, Trail};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::stores::Storehouse;
use tests::world::{Answer, BRANCH_PASSWORD, World, password_of, seconds_until, soon};

#[tokio::test(flavor = "multi_thread")]
async fn who_proves_a_password_gets_a_token_and_is_known_by_it() {
    let world = World::open().await;
    let answer = world.stranger().sign_in(&json!({ "username": " ADA", "password": password_of("ada") })).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{}", answer.text);
    let signed_in = answer.json();
    let token = signed_in["token"].as_str().unwrap();
    assert!(token.starts_with("bks_") && token.len() >= 4 + 43, "256 bits: {token}");
    let identity = json!({
        "kind": "person", "name": "ada", "display_name": "Ada Lovelace", "email": "ada@corp.example",
        "directory": "corp", "groups": ["corp/release"], "admin": false,
    });
    assert_eq!(signed_in["identity"], identity, "the directory's spelling, not the typed one");
    assert!((86_300..=86_400).contains(&seconds_until(&signed_in["expires_at"])), "{signed_in}");
    assert_eq!(signed_in.as_object().unwrap().len(), 3);

    let session = world.stranger().with_token(token).get("/v1/session").await.good();
    assert_eq!(session, json!({ "identity": identity, "expires_at": signed_in["expires_at"] }));
    let record = sign_ins(&world).pop().unwrap();
    assert_eq!((&record["actor"], &record["outcome"]), (&json!("person:corp/ada"), &json!("success")));
    assert_eq!(record["request_id"].as_str(), answer.header("x-request-id"));

    let bob = world.stranger().sign_in(&json!({ "username": "bob", "password": password_of("bob") })).await.json();
    assert_eq!(
        bob["identity"],
        json!({ "kind": "person", "name": "bob", "directory": "corp", "groups": [], "admin": false })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_dead_the_moment_its_owner_signs_out_and_other_sessions_live() {
    let world = World::open().await;
    let (one, other) = (world.person("ada").await, world.person("ada").await);
    assert_ne!(one.token, other.token);
    one.vended("deploy", &json!({})).await;
    let answer = one.delete("/v1/session").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    for answer in [
        one.get("/v1/session").await,
        one.vend("deploy", &json!({})).await,
        one.get("/v1/connectors").await,
        one.delete("/v1/session").await,
    ] {
        answer.problem("401 unauthenticated");
    }
    other.vended("deploy", &json!({})).await;
    let records = world.trail();
    let outs: Vec<&Value> = records.iter().filter(|record| record["action"] == "sign_out").collect();
    assert_eq!(outs.len(), 1);
    assert_eq!((&outs[0]["actor"], &outs[0]["outcome"]), (&json!("person:corp/ada"), &json!("success")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_token_opens_nothing_outside_its_cookie_and_no_other_token_opens_anything_inside_one() {
    let world = World::open().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let of_browser = cookie.split_once('=').unwrap().1;
    let api = world.person("ada").await;
    let of_api = api.token.as_deref().unwrap();
    let get = async |path: &str, cookie: &str| {
        Answer::of(world.stranger().request(Method::GET, path).header("cookie", cookie)).await
    };
    assert_eq!((get("/v1/session", &cookie).await.status, get("/", &cookie).await.status), (200, 200));
    let bearer = world.stranger().with_token(of_browser);
    bearer.get("/v1/session").await.problem("401 unauthenticated");
    bearer.vend("deploy", &json!({})).await.problem("401 unauthenticated");
    bearer.delete("/v1/session").await.problem("401 unauthenticated");
    // Nor by the other kind's first letters.
    let disguised = of_browser.replacen("bkb_", "bks_", 1);
    assert_ne!(disguised, of_browser);
    world.stranger().with_token(&disguised).get("/v1/session").await.problem("401 unauthenticated");
    for planted in [of_api.to_owned(), of_api.replacen("bks_", "bkb_", 1)] {
        let planted = format!("brokerd={planted}");
        get("/v1/session", &planted).await.problem("401 unauthenticated");
        assert_eq!(get("/", &planted).await.status, 303, "to the sign-in page");
    }
    assert_eq!(api.get("/v1/session").await.status, 200, "and nothing of that has ended either");
    assert_eq!(get("/v1/session", &cookie).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_is_not_let_in_hears_the_same() {
    let world = World::open().await;
    let mut answers = Vec::new();
    for (username, password) in [
        ("ada", "wrong".to_owned()),
        ("nobody-there", "wrong".to_owned()),
        ("dora", password_of("dora")),
        ("dora", "wrong".to_owned()),
        ("ada", String::new()),
        ("nobody-there", String::new()),
        ("", "x".to_owned()),
        ("ada\u{0}", password_of("ada")),
        ("eve", format!("\u{0}{}", password_of("eve"))),
        ("una", BRANCH_PASSWORD.to_owned()),
        ("ada", BRANCH_PASSWORD.to_owned()),
    ] {
        let asked = Instant::now();
        let answer = world.stranger().sign_in(&json!({ "username": username, "password": password })).await;
        answer.problem("401 invalid_credentials");
        assert!(asked.elapsed() >= Duration::from_millis(480), "{username:?}: {:?}", asked.elapsed());
        answers.push(answer.but_for_the_request_id());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_can_be_named_and_the_next_is_asked_only_for_those_whom_the_first_does_not_know() {
    let world = World::prepare().await.with_branch().serve();
    let sign_in = async |username: &str, password: &str, directory: Option<&str>| {
        let mut body = json!({ "username": username, "password": password });
        if let Some(directory) = directory {
            body["directory"] = json!(directory);
        }
        let answer = world.stranger().sign_in(&body).await.json();
        answer["identity"]["directory"].as_str().or(answer["code"].as_str()).unwrap().to_owned()
    };
    let (of_ada, of_una) = (password_of("ada"), password_of("una"));
    assert_eq!(sign_in("una", &of_una, None).await, "branch", "corp does not know her");
    assert_eq!(sign_in("ada", &of_ada, None).await, "corp");
    assert_eq!(sign_in("ada", BRANCH_PASSWORD, Some("branch")).await, "branch");
    assert_eq!(sign_in("ada", BRANCH_PASSWORD, None).await, "invalid_credentials", "a wrong password ends the attempt");
    assert_eq!(sign_in("una", &of_una, Some("corp")).await, "invalid_credentials");
    assert_eq!(sign_in("ada", &of_ada, Some("branch")).await, "invalid_credentials");
    assert_eq!(sign_in("una", &of_una, Some("nowhere")).await, "invalid_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_alike_for_names_that_are_there_and_names_that_are_not() {
    let world = World::open().await;
    let guess = async |username: &str| {
        let mut free = 0;
        loop {
            let answer = world.stranger().sign_in(&json!({ "username": username, "password": "a guess" })).await;
            if answer.status == 429 {
                let detail = answer.problem("429 too_many_attempts")["detail"].clone();
                let wait = answer.header("retry-after").unwrap();
                assert_eq!(detail, format!("too many attempts; wait {wait} seconds"));
                assert!(free >= 5, "people mistype: {free}");
                // From here on the delay is longer than what follows takes.
                if wait.parse::<u32>().unwrap() > 1 {
                    return free;
                }
            } else {
                answer.problem("401 invalid_credentials");
                free += 1;
                assert!(free < 20, "{username} may be guessed at for ever");
            }
        }
    };
    for name in ["ada", "nobody-there"] {
        let free = guess(name).await;
        assert!((6..=8).contains(&free), "{name}: {free}");
        let again = world
            .stranger()
            .sign_in(&json!({ "username": format!("{} ", name.to_uppercase()), "password": password_of(name) }))
            .await;
        again.problem("429 too_many_attempts");
    }
    world.person("eve").await;
    soon("the end of the delay", async || {
        let answer = world.stranger().sign_in(&json!({ "username": "ada", "password": password_of("ada") })).await;
        (answer.status == 201).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_guesses_do_not_lock_out_who_is_at_home_elsewhere() {
    let world = World::prepare().await.behind_a_proxy().serve();
    let from = async |address: &str, password: &str| {
        let body = json!({ "username": "ada", "password": password });
        let asked =
            world.stranger().request(Method::POST, "/v1/sessions").header("x-forwarded-for", address).json(&body);
        Answer::of(asked).await.status
    };
    assert_eq!(from("203.0.113.9", &password_of("ada")).await, 201);
    let mut last = 0;
    while last < 7 {
        last += usize::from(from(&format!("6.6.6.6, 198.51.100.{last}"), "a guess").await == 401);
    }
    assert_eq!(from("198.51.100.20", &password_of("ada")).await, 429, "counted by the name, whatever the address");
    assert_eq!(from("203.0.113.9", &password_of("ada")).await, 201, "at home");
    let addresses: HashSet<String> =
        sign_ins(&world).iter().map(|record| record["client_address"].as_str().unwrap().to_owned()).collect();
    assert!(addresses.contains("203.0.113.9") && addresses.contains("198.51.100.5"), "{addresses:?}");
    assert!(!addresses.contains("6.6.6.6") && !addresses.contains("127.0.0.1"), "{addresses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_trusted_proxy_is_believed_about_addresses() {
    let world = World::open().await;
    let body = json!({ "username": "ada", "password": password_of("ada") });
    let mut asked = world.stranger().request(Method::POST, "/v1/sessions").json(&body);
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip", "true-client-ip"] {
        asked = asked.header(name, "203.0.113.9");
    }
    assert_eq!(Answer::of(asked).await.status, 201);
    assert_eq!(sign_ins(&world)[0]["client_address"], "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_kept_nowhere() {
    let world = World::open().await;
    let (name, password) = ("hunter2-typed-as-a-name", "correct-horse-battery");
    for typed in [name, "HUNTER2-typed-as-a-name ", "somebody else"] {
        let answer = world.stranger().sign_in(&json!({ "username": typed, "password": password })).await;
        answer.problem("401 invalid_credentials");
        assert!(!answer.text.to_lowercase().contains(name));
    }
    world
        .stranger()
        .sign_in(&json!({ "username": name, "password": password, "remember": "1" }))
        .await
        .problem("400 invalid_request");
    world
        .stranger()
        .sign_in(&json!({ "username": [name], "password": [password] }))
        .await
        .problem("400 invalid_request");
    let refused = soon("the trail", async || Some(sign_ins(&world)).filter(|records| records.len() == 3)).await;
    assert!(refused.iter().all(|record| record["actor"] == "anonymous" && record["outcome"] == "refused"));
    let marks: Vec<&str> = refused.iter().map(|record| record["actor_id"].as_str().unwrap()).collect();
    assert_eq!(marks[0], marks[1], "attempts on one name can be seen to belong together");
    assert_ne!(marks[0], marks[2]);

    let ada = world.person("ada").await;
    let kept = format!("{}{:?}", world.brokerd.log(), world.trail()).to_lowercase();
    let folder = world.brokerd.installation().path("");
    for secret in [name, password, &password_of("ada"), ada.token.as_deref().unwrap()] {
        assert!(!kept.contains(&secret.to_lowercase()), "{secret}");
        let found = Command::new("grep").args(["-rliaF", "--", secret]).arg(&folder).output().unwrap();
        assert!(found.stdout.is_empty(), "{secret}: {}", String::from_utf8_lossy(&found.stdout));
    }
    let planted = folder.join("planted");
    std::fs::write(&planted, format!("x{password}x")).unwrap();
    let found = Command::new("grep").args(["-rliaF", "--", password]).arg(&folder).output().unwrap();
    assert!(!found.stdout.is_empty(), "the search finds what is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_request_are_named() {
    let world = World::open().await;
    let stranger = world.stranger();
    for (body, field) in [
        (json!({ "username": "ada" }), "password"),
        (json!({ "password": "x" }), "username"),
        (json!({ "username": 7, "password": "x" }), "username"),
        (json!({ "username": "ada", "password": "x", "otp": 123_456 }), "otp"),
        (json!({ "username": "ada", "password": "x", "remember": true }), "remember"),
        (json!({ "username": "ada", "password": "x", "directory": ["corp"] }), "directory"),
    ] {
        assert_eq!(stranger.sign_in(&body).await.problem("400 invalid_request")["field"], field);
    }
    stranger.sign_in(&json!(["ada", password_of("ada")])).await.problem("400 invalid_request");
    for password in [json!(48_151_623), json!([48_151_623]), json!({ "48151623": "48151623" }), json!(true)] {
        let answer = stranger.sign_in(&json!({ "username": "ada", "password": password })).await;
        assert_eq!(answer.problem("400 invalid_request")["field"], "password");
        assert!(!answer.text.contains("48151623") && !answer.text.contains("true"), "{}", answer.text);
    }
    let form = stranger.request(Method::POST, "/v1/sessions").form(&[("username", "ada")]);
    Answer::of(form).await.problem("415 unsupported_media_type");
    stranger.get("/v1/sessions").await.problem("405 method_not_allowed");
    assert_eq!(sign_ins(&world).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_other_hosts_are_misdirected() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let url = world.brokerd.url();
    let ours = url.strip_prefix("http://").unwrap();
    let port = ours.rsplit_once(':').unwrap().1;
    for host in [
        "evil.example",
        "localhost",
        "127.0.0.1",
        "127.0.0.1:1",
        &format!("localhost:{port}"),
        &format!("{ours}.evil.example"),
    ] {
        for path in ["/v1/session", "/sign-in", "/nowhere"] {
            let answer = Answer::of(ada.request(Method::GET, path).header("host", host)).await;
            assert_eq!(answer.status, 421, "{host}{path}");
            assert!(!answer.text.contains("evil.example"), "{}", answer.text);
        }
    }
    assert_eq!(Answer::of(ada.request(Method::GET, "/v1/session").header("host", ours)).await.status, 200);
    let raw = |hosts: &str| {
        let mut stream = TcpStream::connect(ours).unwrap();
        write!(stream, "GET /v1/session HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(raw(&format!("Host: {ours}\r\n")), "401");
    assert!(["400", "421"].contains(&raw("").as_str()), "none at all");
    assert!(["400", "421"].contains(&raw(&format!("Host: {ours}\r\nHost: evil.example\r\n")).as_str()), "two");
}

#[tokio::test]
async fn sessions_end_when_nobody_uses_them_and_at_last_in_any_case() {
    let desk = Desk::open(Settings {
        idle_seconds: 600,
        absolute_seconds: 2_000,
        recheck_seconds: 300,
        sessions_per_person: NonZeroU32::MAX,
        sign_in_within: LONGEST_SIGN_IN,
        admin_groups: AdminGroups::default(),
    })
    .await;
    let (busy, idle) = (desk.sign_in().await, desk.sign_in().await);
    for _ in 0..3 {
        desk.storehouse.clock.advance(500);
        assert!(desk.known(&busy).await.is_ok(), "used, it lives");
    }
    assert!(matches!(desk.known(&idle).await, Err(AuthenticateError::Unauthenticated)), "unused for ten minutes");
    desk.storehouse.clock.advance(499);
    assert!(desk.known(&busy).await.is_ok());
    desk.storehouse.clock.advance(1);
    assert!(matches!(desk.known(&busy).await, Err(AuthenticateError::Unauthenticated)), "used or not");
    let fresh = desk.sign_in().await;
    assert!(desk.known(&fresh).await.is_ok());
}

#[tokio::test]
async fn who_has_as_many_sessions_as_anybody_may_ends_the_oldest() {
    let most = NonZeroU32::new(3).unwrap();
    let desk = Desk::with_sessions(most).await;
    let bob = desk.sign_in_as("bob", SessionKind::Browser).await;
    let mut adas = Vec::new();
    for number in 0..5 {
        desk.storehouse.clock.advance(1);
        let kind = if number % 2 == 0 { SessionKind::Api } else { SessionKind::Browser };
        adas.push(desk.sign_in_as("ada", kind).await);
    }
    let mut lives = Vec::new();
    for shown in &adas {
        lives.push(desk.known(shown).await.is_ok());
    }
    assert_eq!(lives, [false, false, true, true, true], "of either kind");
    assert!(desk.known(&bob).await.is_ok(), "nobody else pays for it");

    desk.storehouse.clock.advance(6_000);
    let fresh = desk.sign_in_as("ada", SessionKind::Api).await;
    assert!(desk.known(&fresh).await.is_ok());
    desk.trail.close().await;
    let links = desk.store.newest_links(&TrailFilter::default(), None, 100).await.unwrap();
    let records = links.iter().rev().map(|link| serde_json::from_str::<Record>(&link.record).unwrap());
    let ended = records.filter(|record| record.action == Action::SignIn).map(|record| record.changes);
    let ended: Vec<_> =
        ended.map(|changes| changes.map_or(0, |told| told["ended_sessions"].as_array().unwrap().len())).collect();
    assert_eq!(ended, [0, 0, 0, 0, 1, 1, 0], "what is over needs no end");
}

#[tokio::test]
async fn visits_are_few_at_a_time_end_by_themselves_and_take_nobodys_place() {
    let desk = Desk::with_sessions(NonZeroU32::new(3).unwrap()).await;
    let mut own = Vec::new();
    for _ in 0..3 {
        desk.storehouse.clock.advance(1);
        own.push(desk.sign_in().await);
    }
    let mut visits = Vec::new();
    for _ in 0..10 {
        desk.storehouse.clock.advance(1);
        visits.push(desk.visit("ada").await.unwrap());
    }
    assert!(matches!(desk.visit("ada").await, Err(VisitError::TooManyAtOnce)));
    let bob = desk.visit("bob").await.unwrap();
    for shown in &own {
        assert!(desk.known(shown).await.is_ok(), "no visit ends a session");
    }
    own.push(desk.sign_in().await);
    let mut lives = Vec::new();
    for shown in &own {
        lives.push(desk.known(shown).await.is_ok());
    }
    assert_eq!(lives, [false, true, true, true], "one makes room for one, and visits want none");

    // Ten in one's place: who leaves gives it back.
    drop(visits.pop());
    let last = soon("a place", async || desk.visit("ada").await.ok()).await;
    drop(visits);
    let (killed, bobs) = (last.session(), bob.session());
    std::mem::forget(last);
    soon("their ends", async || (desk.live_sessions().await == 3 + 2).then_some(())).await;
    desk.storehouse.clock.advance(149);
    assert!(desk.store.session(killed).await.unwrap().is_some());
    desk.storehouse.clock.advance(2);
    desk.sign_in.sweep().await.unwrap();
    for over in [killed, bobs] {
        assert!(desk.store.session(over).await.unwrap().is_none(), "whatever became of the process");
    }
    assert_eq!(desk.live_sessions().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_ends_wherever_the_visitor_hung_up() {
    let desk = Desk::with_sessions(NonZeroU32::MIN).await;
    let mut hung_up = 0;
    for round in 0..48 {
        let (visitor, origin) = (desk.visitor("ada").await, Desk::origin().1);
        let mut visit = pin!(desk.sign_in.visit(visitor, Duration::from_secs(150), &origin));
        let mut left = round % 12;
        let came = poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(false);
            }
            left -= 1;
            visit.as_mut().poll(context).map(|visit| visit.is_ok())
        });
        hung_up += u32::from(!came.await);
    }
    assert!(hung_up > 0);
    soon("the end of all", async || (desk.live_sessions().await == 0).then_some(())).await;
    desk.trail.close().await;
    let links = desk.store.newest_links(&TrailFilter::default(), None, 1_000).await.unwrap();
    let records: Vec<Record> = links.iter().map(|link| serde_json::from_str(&link.record).unwrap()).collect();
    let count = |action: Action| records.iter().filter(|record| record.action == action).count();
    assert!(count(Action::SignIn) > 0);
    assert_eq!(count(Action::SignIn), count(Action::SignOut));
}

/// Signing in alone, with a clock that the story moves.
struct Desk {
    storehouse: Storehouse,
    store: Store,
    trail: Trail,
    sign_in: SignIn,
}

impl Desk {
    async fn with_sessions(sessions_per_person: NonZeroU32) -> Self {
        Self::open(Settings {
            idle_seconds: 6_000,
            absolute_seconds: 10_000,
            recheck_seconds: 300,
            sessions_per_person,
            sign_in_within: LONGEST_SIGN_IN,
            admin_groups: AdminGroups::default(),
        })
        .await
    }

    async fn open(settings: Settings) -> Self {
        let storehouse = Storehouse::in_memory("desk");
        let opened = storehouse.open().await;
        let trail = storehouse.trail(&opened);
        let hash = hash_password(&Password::parse(SecretString::from("secret")).unwrap()).unwrap();
        let people = ["ada", "bob"].map(|username| json!({ "username": username, "password_hash": hash }));
        let people = people.into_iter().map(|person| serde_json::from_value(person).unwrap()).collect();
        let corp = "corp".to_owned().try_into().unwrap();
        let directory = LocalDirectory::new(corp, people, Arc::new(tokio::sync::Semaphore::new(1))).unwrap();
        let (store, clock) = (opened.store, storehouse.clock.clone());
        let sign_in = SignIn::new(store.clone(), vec![Arc::new(directory)], trail.clone(), clock, settings);
        Self { storehouse, store, trail, sign_in }
    }

    async fn sign_in(&self) -> Shown {
        self.sign_in_as("ada", SessionKind::Api).await
    }

    async fn sign_in_as(&self, username: &str, kind: SessionKind) -> Shown {
        let (address, origin) = Self::origin();
        let password = SecretString::from("secret");
        let credentials = Credentials { username, password, directory: None, address, origin: &origin };
        let token = self.sign_in.sign_in(credentials, kind).await.unwrap().token;
        match kind {
            SessionKind::Api => Shown::Bearer(token),
            SessionKind::Browser => Shown::Cookie(token),
        }
    }

    /// For two minutes and a half at most.
    async fn visit(&self, username: &str) -> Result<Visit, VisitError> {
        self.sign_in.visit(self.visitor(username).await, Duration::from_secs(150), &Self::origin().1).await
    }

    async fn visitor(&self, username: &str) -> Visitor {
        let (address, origin) = Self::origin();
        let password = SecretString::from("secret");
        let credentials = Credentials { username, password, directory: None, address, origin: &origin };
        self.sign_in.prove_visitor(credentials).await.unwrap()
    }

    async fn live_sessions(&self) -> usize {
        let now = Millis::from(self.storehouse.clock.now());
        self.store.sessions_newest_first(&Whose::default(), None, 100, now, Millis(0)).await.unwrap().items.len()
    }

    async fn known(&self, shown: &Shown) -> Result<Caller, AuthenticateError> {
        let (address, origin) = Self::origin();
        self.sign_in.authenticate(shown, address, &origin).await
    }

    fn origin() -> (IpAddr, Origin) {
        let address = IpAddr::from([192, 0, 2, 1]);
        (address, Origin { request_id: RequestId::random(), client_address: Some(address.to_string()) })
    }
}

/// The trail of attempts to sign in, oldest first.
fn sign_ins(world: &World) -> Vec<Value> {
    let mut records = world.trail();
    records.retain(|record| record["action"] == "sign_in");
    records
}
