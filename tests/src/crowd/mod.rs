//! A stand-in for Atlassian Crowd, which cannot be installed for tests: it knows people, groups and sessions, and answers as the table of
//! shapes has it, or as a story says.

mod shapes;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::certificates::Signed;
use crate::wire::end_tls;

pub use self::shapes::{JSON, Shape};

/// A server on this machine. Dropped, it is gone.
#[derive(Debug)]
pub struct Crowd {
    address: SocketAddr,
    url: String,
    state: Arc<Mutex<State>>,
    _server: Server,
}

/// Ends with the server.
#[derive(Debug)]
struct Server(tokio::task::JoinHandle<()>);

#[derive(Debug, Default)]
struct State {
    people: Vec<Account>,
    /// By token: whose, from which address, and since when.
    sessions: HashMap<String, (String, IpAddr, i64)>,
    /// What is done in the place of an answer, by the resource that is asked for.
    instead: HashMap<String, Deed>,
    asked: Vec<String>,
}

/// Somebody whom Crowd knows.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    /// Other names that lead to the same account.
    pub aliases: Vec<String>,
    pub key: Option<String>,
    pub password: String,
    pub active: bool,
    pub expired: bool,
    pub groups: Vec<String>,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Deed {
    Answers(Shape),
    /// Bytes, and then the end of the connection.
    Sends(Vec<u8>),
    /// Byte after byte, each after so long.
    Drips(Shape, Duration),
    /// So many bytes of JSON that has no end, as far as anybody reads them.
    Floods(usize),
    Hangs,
}

/// A request, as far as it counts.
struct Request {
    method: String,
    /// Below the base.
    resource: String,
    query: HashMap<String, String>,
    credential: Option<String>,
    body: Value,
}

impl Account {
    pub fn new(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            aliases: Vec::new(),
            key: Some(format!("32769:{name}-0000")),
            password: format!("{name} secret"),
            active: true,
            expired: false,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    /// Names know no case in Crowd.
    fn is_called(&self, name: &str) -> bool {
        self.aliases.iter().chain([&self.name]).any(|own| own.eq_ignore_ascii_case(name))
    }

    fn shape(&self) -> Shape {
        Shape::user(&self.name, self.key.as_deref(), self.active)
    }
}

impl Crowd {
    /// With `ada` and `bob` (both in `staff`), and `dora`, whose account is switched off.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut dora = Account::new("dora", &["staff"]);
        dora.active = false;
        let people = vec![Account::new("ada", &["staff"]), Account::new("bob", &["staff"]), dora];
        let state = Arc::new(Mutex::new(State { people, ..State::default() }));
        let shared = Arc::clone(&state);
        let server = Server(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        }));
        Self { address, url: format!("http://{address}/crowd"), state, _server: server }
    }

    /// The same behind TLS, at another port.
    pub async fn over_tls(self, signed: &Signed) -> Self {
        let port = end_tls(signed, self.address).await;
        Self { url: format!("https://127.0.0.1:{port}/crowd"), ..self }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// A `[[directory]]` called `corp` with this server; `more` is said of it as well. The password is in the file `crowd.pw`.
    pub fn configured(&self, more: &str) -> String {
        format!(
            "[[directory]]\nname = \"corp\"\nmay_grant_admin = true\n[directory.backend.crowd]\nurl = \"{}\"\n\
             plain_text_on_loopback = true\napplication = \"{APPLICATION}\"\npassword = {{ file = \"crowd.pw\" }}\n{more}\n",
            self.url
        )
    }

    pub fn knows(&self, account: Account) {
        self.state.lock().unwrap().people.push(account);
    }

    /// Changes an account.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Account)) {
        change(self.state.lock().unwrap().people.iter_mut().find(|account| account.name == name).unwrap());
    }

    pub fn removes(&self, name: &str) {
        self.state.lock().unwrap().people.retain(|account| account.name != name);
    }

    /// Somebody signs in to Crowd's single sign-on from an address; the token in their browser's cookie.
    pub fn session_of(&self, name: &str, address: &str, since_ms: i64) -> String {
        let mut state = self.state.lock().unwrap();
        let token = format!("{name}-Zm9vYmFy.{}~_00", state.sessions.len());
        state.sessions.insert(token.clone(), (name.to_owned(), address.parse().unwrap(), since_ms));
        token
    }

    /// What it does from now on where a resource is asked for: `user`, `authentication`, `user/group/nested`, `config/cookie`, `session`.
    pub fn does(&self, resource: &str, deed: Deed) {
        self.state.lock().unwrap().instead.insert(resource.to_owned(), deed);
    }

    /// The same for every resource.
    pub fn does_everywhere(&self, deed: &Deed) {
        for resource in RESOURCES {
            self.does(resource, deed.clone());
        }
    }

    /// Answers as ever, again.
    pub fn is_itself_again(&self) {
        self.state.lock().unwrap().instead.clear();
    }

    /// Each request so far, `METHOD RESOURCE`, oldest first; with the name or the place in the list that was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl State {
    fn deed(&mut self, request: &Request) -> Deed {
        let told = |name: &str| request.query.get(name).map(|value| format!(" {name}={value}")).unwrap_or_default();
        let told = ["username", "key", "start-index"].map(told).concat();
        self.asked.push(format!("{} {}{told}", request.method, request.resource));
        let kind = if request.resource.starts_with("session/") { "session" } else { request.resource.as_str() };
        if let Some(deed) = self.instead.get(kind) {
            return deed.clone();
        }
        let own = format!("Basic {}", STANDARD.encode(format!("{APPLICATION}:{APPLICATION_PASSWORD}")));
        if request.credential.as_deref() != Some(own.as_str()) {
            return Deed::Answers(Shape::application_failed());
        }
        Deed::Answers(self.answer(request))
    }

    fn answer(&self, request: &Request) -> Shape {
        let asked_for = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let username = asked_for("username");
        let called = |name: &str| self.people.iter().find(|account| account.is_called(name));
        match (request.method.as_str(), request.resource.as_str()) {
            ("GET", "config/cookie") => Shape::cookie_config(),
            ("GET", "user") => {
                let key = request.query.get("key");
                let found = match key {
                    Some(_) => self.people.iter().find(|account| account.key.as_ref() == key),
                    None => called(&username),
                };
                found.map_or_else(|| Shape::no_such_user(&username), Account::shape)
            }
            ("POST", "authentication") => match called(&username) {
                None => Shape::no_such_user(&username),
                Some(account) if !account.active => Shape::inactive(&account.name),
                Some(account) if account.expired => Shape::expired(&account.name),
                Some(account) if request.body["value"] == account.password.as_str() => account.shape(),
                Some(_) => Shape::wrong_password(),
            },
            ("GET", "user/group/nested") => {
                let Some(account) = called(&username) else { return Shape::no_such_user(&username) };
                let number = |name: &str| asked_for(name).parse().unwrap_or(0);
                let page = account.groups.iter().skip(number("start-index")).take(number("max-results"));
                Shape::groups(&page.cloned().collect::<Vec<_>>())
            }
            ("POST", session) => {
                let token = session.strip_prefix("session/").unwrap_or_default();
                let from = &request.body["validationFactors"][0];
                let address = from["value"].as_str().and_then(|address| address.parse().ok());
                match self.sessions.get(token) {
                    Some((name, bound, since))
                        if from["name"] == "remote_address" && address == Some(*bound) && called(name).is_some() =>
                    {
                        Shape::session(token, &called(name).unwrap().shape(), *since)
                    }
                    _ => Shape::no_such_session(),
                }
            }
            _ => Shape::new(404, "text/html", "<html>Not Found</html>"),
        }
    }
}

/// One answer a connection.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = receive(&mut stream).await else { return };
    let deed = match request {
        Some(request) => state.lock().unwrap().deed(&request),
        None => Deed::Answers(Shape::new(404, "text/html", "<html>Not Found</html>")),
    };
    // Whoever asked may have hung up.
    match deed {
        Deed::Answers(shape) => drop(stream.write_all(&shape.written()).await),
        Deed::Sends(bytes) => drop(stream.write_all(&bytes).await),
        Deed::Drips(shape, pause) => {
            for byte in shape.written() {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        }
        Deed::Floods(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\nconnection: close\r\n\r\n{{\"name\":\"");
            let mut sent = stream.write_all(head.as_bytes()).await.is_ok();
            let chunk = vec![b'a'; 65_536];
            let mut left = bytes;
            while sent && left > 0 {
                sent = stream.write_all(&chunk).await.is_ok();
                left = left.saturating_sub(chunk.len());
            }
        }
        Deed::Hangs => tokio::time::sleep(Duration::from_mins(10)).await,
    }
    let _ = stream.shutdown().await;
}

/// A request; nothing below the base's REST API is none.
async fn receive(stream: &mut TcpStream) -> Option<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (method, rest) = head.split_once(' ')?;
    let target = Url::parse("http://crowd").unwrap().join(rest.split(' ').next()?).ok()?;
    let Some(resource) = target.path().strip_prefix("/crowd/rest/usermanagement/1/") else { return Some(None) };
    Some(Some(Request {
        method: method.to_owned(),
        resource: resource.to_owned(),
        query: target.query_pairs().into_owned().collect(),
        credential: header("authorization"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }))
}

/// Under which the broker is known there.
pub const APPLICATION: &str = "broker";
pub const APPLICATION_PASSWORD: &str = "the application's \"pässwörd\"+&=%";
const RESOURCES: [&str; 5] = ["user", "authentication", "user/group/nested", "config/cookie", "session"];
