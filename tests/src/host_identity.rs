//! What tells a host who it is in AWS, played: a container's endpoint, and an instance's metadata in its second version.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use broker_core::clock::{Clock, SystemClock};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// Answers until the test's process ends.
#[derive(Debug)]
pub struct HostIdentity {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    credentials: Option<Value>,
    asked: Vec<String>,
}

impl HostIdentity {
    /// A host without any identity.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { address, state }
    }

    /// From now on the host is this: what the daemon's API vended, with its own idea of when it ends.
    pub fn becomes(&self, vended: &Value, ends_in_seconds: i64) {
        let expiration = SystemClock.now() + SignedDuration::from_secs(ends_in_seconds);
        self.state.lock().unwrap().credentials = Some(json!({
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": "2026-01-02T03:04:05Z",
            "AccessKeyId": vended["access_key_id"],
            "SecretAccessKey": vended["secret_access_key"],
            "Token": vended["session_token"],
            "Expiration": format!("{expiration:.0}"),
        }));
    }

    /// From now on it answers with what is no end of any time.
    pub fn mumbles(&self) {
        if let Some(credentials) = &mut self.state.lock().unwrap().credentials {
            credentials["Expiration"] = json!("never");
        }
    }

    /// From now on it answers with errors.
    pub fn breaks(&self) {
        self.state.lock().unwrap().credentials = None;
    }

    /// What was asked so far, by method and path.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The environment of a process in a container on this host.
    pub fn container(&self) -> [(String, String); 3] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), format!("http://{}/container", self.address)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), PASS.to_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ]
    }

    /// The environment of a process on this host, which is an instance.
    pub fn instance(&self) -> [(String, String); 1] {
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT".to_owned(), format!("http://{}", self.address))]
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let asked = head.split(" http/").next().unwrap().to_owned();
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let (status, answer) = match (asked.as_str(), &state.credentials) {
            ("put /latest/api/token", _) => (200, TICKET.to_owned()),
            (_, None) => (500, "broken".to_owned()),
            ("get /container", Some(found)) if head.contains(&format!("authorization: {PASS}")) => {
                (200, found.to_string())
            }
            (path, _) if !path.starts_with("get /latest/") => (404, String::new()),
            _ if !head.contains(&format!("x-aws-ec2-metadata-token: {TICKET}")) => (401, String::new()),
            ("get /latest/meta-data/iam/security-credentials/", _) => (200, "host".to_owned()),
            ("get /latest/meta-data/iam/security-credentials/host", Some(found)) => (200, found.to_string()),
            _ => (404, String::new()),
        };
        drop(state);
        let head = format!(
            "HTTP/1.1 {status} X\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
    }
}

const PASS: &str = "container-pass";
const TICKET: &str = "imds-ticket";
