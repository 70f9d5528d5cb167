//! Servers that hang, lie and flood, as whoever signs in at a daemon sees them: nobody is let in, and the daemon goes on.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ldap3_proto::proto::LdapOp;
use serde_json::json;
use tests::brokerd::Brokerd;
use tests::elsewhere::Elsewhere;
use tests::slapd::GROUPS;
use tests::world::{Answer, Asker, soon, trail};

use crate::Config;
use crate::daemon::serve;
use crate::played::{
    Played, bind_elsewhere, bound, cut_within, deep, done, entry, farewell, is_ours, message, message_with,
    more_to_come, of_length, only, policy_of, reference, search_elsewhere,
};

/// What a server does at one place of the conversation; everywhere else it is as it should be.
#[derive(Clone, Copy, Debug)]
struct Deed {
    at: At,
    says: Says,
    then: Then,
}

type Says = fn(i32, &Person) -> Vec<u8>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Nowhere,
    OurBind,
    TheirBind,
    People,
    Groups,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoesOn,
    HangsUp,
    Repeats,
}

/// Whom the server finds, each time somebody else: so that no guesses are counted together. And where it would like to send whoever asks.
#[derive(Clone, Debug)]
struct Person {
    name: String,
    elsewhere: String,
}

impl Person {
    fn entry(&self) -> LdapOp {
        self.entry_with(&[])
    }

    fn entry_with(&self, more: &[(&str, &str)]) -> LdapOp {
        let attributes = [&[("uid", self.name.as_str()), ("entryUUID", self.name.as_str())], more].concat();
        entry(&format!("uid={},ou=people", self.name), &attributes)
    }

    fn urls(&self) -> [String; 1] {
        [format!("ldap://{}/", self.elsewhere)]
    }
}

fn end(id: i32) -> Vec<u8> {
    message(id, done(0))
}

fn yes(id: i32) -> Vec<u8> {
    message(id, bound(0))
}

impl Deed {
    const NONE: Self = Self { at: At::Nowhere, says: |_, _| Vec::new(), then: Then::GoesOn };

    fn play(&self, person: &Person, (id, asked): (i32, &LdapOp), stream: &mut TcpStream) -> std::io::Result<()> {
        let at = match asked {
            LdapOp::BindRequest(bind) if is_ours(bind) => At::OurBind,
            LdapOp::BindRequest(_) => At::TheirBind,
            LdapOp::SearchRequest(search) if search.base == GROUPS => At::Groups,
            LdapOp::SearchRequest(_) => At::People,
            _ => return Ok(()),
        };
        // On a connection that was kept nobody binds.
        if at == At::People && self.at == At::OurBind {
            return stream.shutdown(Shutdown::Both);
        }
        if at != self.at {
            return stream.write_all(&match at {
                At::People => only(id, person.entry()),
                At::Groups => end(id),
                At::OurBind | At::TheirBind | At::Nowhere => yes(id),
            });
        }
        stream.write_all(&(self.says)(id, person))?;
        match self.then {
            Then::GoesOn => Ok(()),
            Then::HangsUp => stream.shutdown(Shutdown::Both),
            Then::Repeats => loop {
                stream.write_all(&(self.says)(id, person))?;
            },
        }
    }
}

/// A daemon whose only directory is a server that does what it is told to.
struct Scene {
    brokerd: Brokerd,
    now: Arc<Mutex<(Deed, Person)>>,
    elsewhere: Elsewhere,
    tried: u8,
}

impl Scene {
    fn set(groups: &str) -> Self {
        let elsewhere = Elsewhere::open();
        let nobody = Person { name: String::new(), elsewhere: elsewhere.address().to_string() };
        let now = Arc::new(Mutex::new((Deed::NONE, nobody)));
        let does = Arc::clone(&now);
        let server = Played::by(move |id, asked, stream| {
            let (deed, person) = does.lock().unwrap().clone();
            deed.play(&person, (id, asked), stream)
        });
        let config = Config::plain(&[&server.url()]).quick().groups(groups);
        Self { brokerd: serve(&config.locks_after(1_000)), now, elsewhere, tried: 0 }
    }

    /// Somebody who was never there before signs in, from a network of their own, while the server does that.
    async fn meets(&mut self, deed: Deed) -> Answer {
        self.tried += 1;
        let name = format!("person-{}", self.tried);
        {
            let mut now = self.now.lock().unwrap();
            now.0 = deed;
            now.1.name.clone_from(&name);
        }
        let from = Asker::at(&self.brokerd.url()).seen_at(&format!("203.0.113.{}", self.tried));
        from.sign_in(&json!({ "username": name, "password": "hunter2" })).await
    }

    /// The same, and the daemon goes on.
    async fn survives(&mut self, deed: Deed, expected: &str) -> Answer {
        let started = Instant::now();
        let answer = self.meets(deed).await;
        let problem = answer.problem(expected);
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert!(started.elapsed() < Duration::from_secs(15), "{deed:?} took {:?}", started.elapsed());
        if deed.at == At::OurBind {
            // Nobody got in: for half a second nobody tries again.
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let next = self.meets(Deed::NONE).await;
        assert_eq!(next.status, 201, "after {deed:?}: {}", next.text);
        answer
    }

    /// It is told in the log, and in bounded time, that the directory is away; in one of these words.
    async fn outage(&mut self, (at, then, told, says): Row) {
        let since = self.brokerd.log().len();
        self.survives(Deed { at, says, then }, "503 directory_unavailable").await;
        soon(&format!("{at:?}, {then:?}: {told}"), async || {
            let log = self.brokerd.log()[since..].to_owned();
            assert!(!log.contains("hunter2"), "{log}");
            told.split('|').any(|told| log.contains(told)).then_some(())
        })
        .await;
    }

    /// It is refused like a wrong password, and the trail says why.
    async fn refusal(&mut self, (at, then, why, says): Row) {
        let answer = self.survives(Deed { at, says, then }, "401 invalid_credentials").await;
        let trail = trail(self.brokerd.installation());
        let record = trail.iter().find(|record| record["request_id"] == answer.request_id()).unwrap();
        assert!(record["reason"].as_str().unwrap().contains(why), "{why}: {record}");
    }
}

/// Where, what then, in which words the log or the trail tells of it, and what it says.
type Row = (At, Then, &'static str, Says);

use At::{Groups, OurBind, People, TheirBind};
use Then::{GoesOn, HangsUp, Repeats};

const OUTAGES: &[Row] = &[
    // Silence, and the end.
    (OurBind, GoesOn, "in time", |_, _| vec![]),
    (People, GoesOn, "in time", |_, _| vec![]),
    (TheirBind, GoesOn, "in time", |_, _| vec![]),
    (OurBind, HangsUp, "closed", |_, _| vec![]),
    (OurBind, HangsUp, "closed|broke", |id, _| yes(id)),
    (People, HangsUp, "closed", |_, _| vec![]),
    (TheirBind, HangsUp, "closed", |_, _| vec![]),
    (People, HangsUp, "closed", |id, it| message(id, it.entry())[..20].to_vec()),
    (People, GoesOn, "in time", |id, it| message(id, it.entry())[..20].to_vec()),
    (TheirBind, HangsUp, "closed", |id, _| yes(id)[..9].to_vec()),
    (People, GoesOn, "closed", |_, _| farewell()),
    // What is no LDAP.
    (OurBind, GoesOn, "LDAP", |_, _| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    (OurBind, GoesOn, "LDAP", |_, _| vec![0; 64]),
    (OurBind, GoesOn, "LDAP", |_, _| vec![0x30, 0]),
    (People, GoesOn, "LDAP", |_, _| vec![0xff; 64]),
    (TheirBind, GoesOn, "LDAP", |_, _| vec![0xff; 64]),
    (OurBind, GoesOn, "LDAP", |id, _| cut_within(yes(id), 9)),
    (People, GoesOn, "LDAP", |id, _| cut_within(end(id), 9)),
    (TheirBind, GoesOn, "LDAP", |id, _| cut_within(yes(id), 9)),
    (TheirBind, GoesOn, "LDAP", |id, _| message_with(id, bound(0), policy_of(&[0xff, 0xff]))),
    // What was not asked.
    (OurBind, GoesOn, "not asked", |id, _| yes(id + 1)),
    (People, GoesOn, "not asked", |id, it| only(id + 1, it.entry())),
    (TheirBind, GoesOn, "not asked", |id, _| yes(id + 1)),
    (OurBind, GoesOn, "something else", |id, _| end(id)),
    (People, GoesOn, "something else", |id, _| yes(id)),
    (TheirBind, GoesOn, "something else", |id, it| message(id, it.entry())),
    // Too much.
    (People, GoesOn, "more than", |id, _| of_length(&yes(id), u32::MAX)),
    (TheirBind, Repeats, "more than", |id, _| of_length(&yes(id), 0x7fff_ffff)),
    (People, GoesOn, "LDAP", |id, _| deep(id)),
    (TheirBind, GoesOn, "more than", |id, _| deep(id)),
    (People, GoesOn, "more than", |id, it| message(id, it.entry_with(&[("cn", &"x".repeat(2_000_000))]))),
    (People, Repeats, "the two entries", |id, it| message(id, it.entry())),
    (People, Repeats, "more than|in time", |id, it| message(id, reference(&it.urls()))),
    // Elsewhere, not now, and a part.
    (OurBind, GoesOn, "code 10", |id, it| message(id, bind_elsewhere(&it.urls()))),
    (People, GoesOn, "code 10", |id, it| message(id, search_elsewhere(10, &it.urls()))),
    (People, GoesOn, "code 54", |id, it| message(id, search_elsewhere(54, &it.urls()))),
    (TheirBind, GoesOn, "code 10", |id, it| message(id, bind_elsewhere(&it.urls()))),
    (OurBind, GoesOn, "code 51", |id, _| message(id, bound(51))),
    (OurBind, GoesOn, "our own credential", |id, _| message(id, bound(49))),
    (People, GoesOn, "code 4", |id, it| [message(id, it.entry()), message(id, done(4))].concat()),
    (People, GoesOn, "without a name", |id, _| only(id, entry("", &[]))),
];

const REFUSALS: &[Row] = &[
    (TheirBind, GoesOn, "wrong password", |id, _| message(id, bound(49))),
    (People, GoesOn, "no directory knows", |id, it| [message(id, reference(&it.urls())), end(id)].concat()),
    (People, GoesOn, "immutable id", |id, it| only(id, entry("uid=x", &[("uid", &it.name)]))),
    (People, GoesOn, "immutable id", |id, it| only(id, it.entry_with(&[("entryUUID", "b")]))),
    (People, GoesOn, "name", |id, _| only(id, entry("uid=x", &[("uid", "a\u{7}"), ("entryUUID", "a")]))),
    (People, GoesOn, "groups", |id, it| only(id, it.entry_with(&[("memberOf", "staff")]))),
    (People, GoesOn, "in parts", |id, it| only(id, it.entry_with(&[("memberOf;range=0-1499", "cn=a")]))),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_does_nobody_is_let_in_and_the_daemon_goes_on() {
    let mut scene = Scene::set(&format!("member_of = {{ base = '{GROUPS}' }}"));
    for row in OUTAGES {
        scene.outage(*row).await;
    }
    for row in REFUSALS {
        scene.refusal(*row).await;
    }
    scene.elsewhere.assert_nobody_came();
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_without_end_let_nobody_in_either() {
    let mut scene = Scene::set(&format!("search = {{ base = '{GROUPS}' }}"));
    let outages: [Row; 3] = [
        (Groups, GoesOn, "pages|in time|within", |id, _| more_to_come(id)),
        (Groups, GoesOn, "code 3", |id, _| message(id, done(3))),
        (Groups, HangsUp, "closed", |_, _| vec![]),
    ];
    for row in outages {
        scene.outage(row).await;
    }
    let more: Says = |id, _| message(id, entry("cn=a,ou=groups,dc=corp,dc=example", &[]));
    scene.refusal((Groups, Repeats, "groups", more)).await;
}
