//! A server that is no broker, or one that somebody else speaks for: nothing of what it sends drives the terminal, a shell or a file.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tests::ended::Ended;
use tests::python::Client;

use super::{Machine, refused};

const EVIL: &str = "evil\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{200b}\r\nexport A=b";

#[test]
fn what_a_server_says_is_shown_as_text() {
    let server = Played::start();
    let machine = server.signed_in();
    server.says(200, &json!({ "connectors": [connector("deploy")] }));
    let table = machine.run(&["ls"]).succeeded();
    assert!(table.contains("evil"), "{table}");
    is_harmless(&table);
    let listed = machine.run(&["ls", "--json"]);
    is_harmless(&listed.stdout);
    assert!(listed.json()["connectors"][0]["description"].as_str().unwrap().starts_with("evil"));

    server.says(200, &json!({ "identity": identity(), "expires_at": "2100-01-01T00:00:00Z" }));
    for arguments in [&["whoami"][..], &["whoami", "--json"]] {
        is_harmless(&machine.run(arguments).succeeded());
    }
    for status in [400, 401, 403, 404, 409, 429, 500, 502, 503] {
        let problem = json!({
            "type": EVIL, "title": EVIL, "status": status, "detail": EVIL, "code": EVIL, "request_id": EVIL, "field": EVIL,
            "aws": { "code": EVIL, "message": EVIL },
        });
        server.says(status, &problem);
        for arguments in [&["ls"][..], &["ls", "--json"], &["process", "deploy", "--fresh"]] {
            let ended = machine.run(arguments);
            let (code, said) = refused(&ended);
            assert!((1..=5).contains(&code) && said.contains("evil"), "{status} {code} {said}");
            is_harmless(said);
        }
    }
}

#[test]
fn what_is_not_of_its_type_is_not_taken() {
    let server = Played::start();
    let machine = server.signed_in();
    for name in [EVIL, "../../x", "a]\n[profile b", "", "-rf"] {
        server.says(200, &json!({ "connectors": [connector(name)] }));
        assert_eq!(refused(&machine.run(&["ls"])).0, 1, "{name:?}");
    }
    let good = credentials();
    server.says(200, &good);
    machine.run(&["creds", "deploy"]).succeeded();
    let bad = [
        ("access_key_id", json!("ASIA'; touch broken; '")),
        ("secret_access_key", json!("a\nexport PATH=/tmp #0000000000")),
        ("session_token", json!(EVIL)),
        ("session_token", json!("x".repeat(100_000))),
        ("account_id", json!("1111")),
        ("connector", json!("reports")),
        ("expiration", json!("soon")),
        ("expiration", json!("2020-01-01T00:00:00Z")),
    ];
    for (field, value) in bad {
        let mut told = good.clone();
        told[field] = value.clone();
        server.says(200, &told);
        let ended = machine.run(&["creds", "deploy", "--fresh"]);
        assert_eq!(refused(&ended).0, 1, "{field} {value}");
        is_harmless(&ended.stderr);
    }
    for url in ["javascript:alert(1)", "file:///etc/passwd", "https://a b", "\u{1b}[2J0123456789012345"] {
        server.says(200, &json!({ "url": url, "expires_at": "2100-01-01T00:00:00Z" }));
        assert_eq!(refused(&machine.run(&["console", "deploy", "--print"])).0, 1, "{url:?}");
    }
}

#[test]
fn a_sign_in_takes_nothing_that_is_not_of_its_type() {
    let server = Played::start();
    let machine = Machine(Client::new()).with("BROKER_URL", &server.url);
    let good = json!({
        "clientId": "0123456789abcdef", "clientSecret": "bkc_0123456789abcdef", "deviceCode": "0123456789abcdef",
        "userCode": "BCDF-GHJK", "expiresIn": 0, "interval": 1,
    });
    server.says(200, &good);
    assert_eq!(machine.run(&["login", "--device"]).status.code(), Some(3), "the code is over at once");
    for (field, value) in [
        ("clientId", json!(EVIL)),
        ("clientSecret", json!("short")),
        ("userCode", json!(EVIL)),
        ("userCode", json!("AB\u{1b}[2J")),
        ("deviceCode", json!("a b c d e f g h i j k l")),
        ("expiresIn", json!(i64::MAX)),
        ("expiresIn", json!(-1)),
        ("interval", json!(-1)),
    ] {
        let mut told = good.clone();
        told[field] = value.clone();
        server.says(200, &told);
        let ended = machine.run(&["login", "--device"]);
        assert_eq!(refused(&ended).0, 1, "{field} {value}");
        is_harmless(&ended.stderr);
    }
    for status in [400, 401, 403, 429, 500] {
        server.says(status, &json!({ "error": EVIL, "error_description": EVIL, "message": EVIL }));
        let ended = machine.run(&["login", "--device"]);
        assert!((1..=5).contains(&refused(&ended).0) && ended.stderr.contains("evil"), "{status} {}", ended.stderr);
        is_harmless(&ended.stderr);
    }
}

#[test]
fn what_is_no_broker_is_said_to_be_none() {
    let server = Played::start();
    let machine = server.signed_in();
    let page = "<html>Sign in to the hotel's network</html>";
    for (status, more, body, code) in [
        (200, "", page, 1),
        (302, "Location: http://127.0.0.1:1/\r\n", "", 1),
        (502, "", page, 5),
        (200, "", "", 1),
        (200, "", &"[".repeat(100_000), 1),
        (200, "", &" ".repeat(5_000_000), 1),
    ] {
        server.answers(status, more, body);
        let ended = machine.run(&["ls"]);
        assert_eq!(refused(&ended).0, code, "{status} {}", body.len());
        assert!(ended.stderr.contains("see to the broker's URL"), "{}", ended.stderr);
    }
    assert!(machine.run(&["ls"]).stderr.contains("(`end`)"), "it is not read to its end");
    // It ends in the middle of its words.
    server.raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    assert_eq!(refused(&machine.run(&["ls"])).0, 5);
    server.raw("\u{1b}]0;not HTTP\u{7}\r\n\r\n");
    let ended = machine.run(&["ls"]);
    assert_eq!(refused(&ended).0, 5);
    is_harmless(&ended.stderr);
}

#[test]
fn a_session_that_is_over_is_shown_to_nobody() {
    let server = Played::start();
    let machine = Machine(Client::new()).with("BROKER_URL", &server.url);
    server.says(
        201,
        &json!({ "token": "bks_0123456789abcdef", "expires_at": "2020-01-01T00:00:00Z", "identity": identity() }),
    );
    machine.run_with(&["login", "--username", "ada"], "secret").succeeded();
    server.says(200, &credentials());
    let ended = machine.run(&["process", "deploy"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 3);
    assert!(said.contains("is over"), "{said}");
}

#[test]
fn who_waits_is_told_for_what() {
    let server = Played::start();
    let machine = server.signed_in();
    server.says(200, &json!({ "connectors": [connector("deploy")] }));
    let held = server.answer.lock().unwrap();
    let mut waiting = machine.on_terminal("ls");
    waiting
        .wait_for("say what it waits for", || waiting.stdout().contains("waiting for http://127.0.0.1:").then_some(()));
    drop(held);
    assert!(waiting.wait().success());
    let shown = waiting.stdout();
    let (_, behind) = shown.split_once("waiting for").unwrap();
    assert!(behind.contains("\r\u{1b}[K\u{1b}[1mNAME"), "the line is wiped out again: {behind:?}");
}

#[test]
fn among_two_thousand_one_is_chosen_and_none_of_them_drives_the_terminal() {
    let server = Played::start();
    let machine = server.signed_in();
    let many: Vec<_> = (0..2_000).map(|number| connector(&format!("team-{number:04}"))).collect();
    server.says(200, &json!({ "connectors": many }));
    let mut terminal = machine.sit_down(&["broker", "creds", "--no-cache"]);
    terminal.wait_for("team-0000");
    terminal.typed("1987");
    terminal.wait_for("team-1987");
    let mut lent = credentials();
    lent["connector"] = "team-1987".into();
    server.says(200, &lent);
    terminal.typed("\r");
    assert!(terminal.ended().success(), "{}", terminal.shown());
    let shown = terminal.shown();
    assert!(shown.contains("evil") && shown.contains("AWS_SESSION_TOKEN="), "{shown}");
    for bad in ["\u{1b}]", "\u{9b}", "\u{202e}", "\u{200b}", "\nexport A=b"] {
        assert!(!shown.contains(bad), "{bad:?} in {shown:?}");
    }
    assert!(shown.lines().all(|line| line.chars().count() < 300), "each stands on a line of its own");
}

fn is_harmless(shown: &str) {
    let bad = |char: &char| (char.is_control() && *char != '\n') || "\u{202e}\u{200b}".contains(*char);
    assert_eq!(shown.chars().find(bad), None, "{shown:?}");
    assert!(!shown.lines().any(|line| line.starts_with("export A")), "{shown}");
}

fn connector(name: &str) -> Value {
    json!({
        "name": name, "description": EVIL, "principal": "assume_role", "partition": EVIL, "scope": "user",
        "max_duration_seconds": 3600, "default_duration_seconds": 3600, "console": true,
    })
}

fn identity() -> Value {
    json!({ "kind": "person", "name": EVIL, "display_name": EVIL, "email": EVIL, "directory": EVIL, "groups": [EVIL], "admin": false })
}

fn credentials() -> Value {
    json!({
        "access_key_id": "ASIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "session_token": "IQoJb3JpZ2luX2VjEXAMPLETOKEN==", "expiration": "2100-01-01T00:00:00Z", "connector": "deploy",
        "vend_id": EVIL, "reused": false,
    })
}

/// Answers everybody the same.
struct Played {
    url: String,
    answer: Arc<Mutex<String>>,
}

impl Played {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (url, answer) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(String::new())));
        let said = Arc::clone(&answer);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let said = said.lock().unwrap().clone();
                // Whoever hears it may hang up before the end.
                let _ = converse(client, &said);
            }
        });
        Self { url, answer }
    }

    fn signed_in(&self) -> Machine {
        let machine = Machine(Client::new()).with("BROKER_URL", &self.url);
        self.says(
            201,
            &json!({ "token": "bks_0123456789abcdef", "expires_at": "2100-01-01T00:00:00Z", "identity": identity() }),
        );
        let ended: Ended = machine.run_with(&["login", "--username", "ada"], "secret");
        is_harmless(&ended.succeeded());
        machine
    }

    fn says(&self, status: u16, body: &Value) {
        self.answers(status, "Content-Type: application/json\r\n", &body.to_string());
    }

    fn answers(&self, status: u16, more: &str, body: &str) {
        self.raw(&format!(
            "HTTP/1.1 {status} -\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ));
    }

    fn raw(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }
}

/// Hears a whole request out, then answers.
fn converse(mut client: TcpStream, said: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 4_096];
    while !is_whole(&request) {
        let length = client.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..length]);
    }
    client.write_all(said.as_bytes())
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((lines, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}
