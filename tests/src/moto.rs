//! moto, the fake AWS: a server of its own for each test, with IAM's rules enforced if asked.
//!
//! What it does *not* check is a long list (durations, session policies, expiry, names; `GetFederationToken` and `GetSessionToken`
//! answer with one fixed key): for all of that there is `aws-sim`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::process::Process;
use crate::python::Client;
use crate::{environment, installed};

#[derive(Debug)]
pub struct Moto {
    url: String,
    process: Process,
}

/// The users and roles that [`Moto::populate`] made, by name.
#[derive(Clone, Debug, Deserialize)]
pub struct World {
    pub account: String,
    pub users: BTreeMap<String, User>,
    pub roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub arn: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    pub arn: String,
}

impl Moto {
    /// Starts it on a free port; any key may do anything until [`Moto::enforce`].
    pub fn start() -> Self {
        let folder = crate::process::new_folder();
        let mut command = environment::command(installed::moto_server());
        command.args(["-H", "127.0.0.1", "-p", "0"]).env("HOME", folder.path()).env("PYTHONUNBUFFERED", "1");
        let process = Process::start_in(folder, "moto_server", command, crate::process::Signal::TERM);
        let line = process.wait_for_line(ANNOUNCEMENT);
        let url = line.split(ANNOUNCEMENT).nth(1).unwrap().trim().trim_end_matches('/').to_owned();
        Self { url, process }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// From now on signatures, keys and policies count.
    pub fn enforce(&self) {
        self.post("/moto-api/reset-auth", "0");
    }

    /// From now on anybody may do anything.
    pub fn stop_enforcing(&self) {
        self.post("/moto-api/reset-auth", "inf");
    }

    /// Forgets everything that was made.
    pub fn reset(&self) {
        self.post("/moto-api/reset", "");
    }

    /// Makes users, each with an access key, roles, and buckets with objects. `world` reads like
    /// `{"users": {"broker": {policy}}, "roles": {"deploy": {"trust": {policy}, "policy": {policy}}}, "buckets": {"reports": {"objects":
    /// {"monthly": "profits"}, "policy": {policy}}}}`; the `policy` of a role or bucket may be missing, that of a user may be null, and `{account}` in any string stands for the account's number.
    ///
    /// To be called before [`Moto::enforce`].
    pub fn populate(&self, world: &Value) -> World {
        let client = Client::at(&self.url).with_keys("anybody", "anything", None);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moto_world.py");
        serde_json::from_value(client.python(&script, &world.to_string()).json()).unwrap()
    }

    /// A plain POST: moto answers 500 to a body that looks like a form.
    fn post(&self, path: &str, body: &str) {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1) == Some("200"), "moto refuses POST {path}: {answer}");
    }
}

const ANNOUNCEMENT: &str = "Running on ";
