//! brokerd as a process in front of a strict stand-in for AWS, and those who ask it by HTTP.
//!
//! Of AWS there is account 111111111111 with the users `broker` and `second`, a few roles and the bucket `reports`; of people
//! `ada` and `eve` (group `corp/release`), `bob` (in none), `fred` (`corp/finance`), somebody with a hostile name, and `root` (an
//! administrator), `otto` (an operator), `vera` (an auditor), and `dora` whose account is disabled.

use std::sync::LazyLock;

use aws_sim::{AccessKey, Bucket, Call, Role, Sim, User, World as SimWorld};
use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::brokerd::{Brokerd, Installation};
use crate::ended::Ended;
use crate::python;

/// Everything, with the broker serving.
#[derive(Debug)]
pub struct World {
    pub sim: Sim,
    pub brokerd: Brokerd,
}

/// Everything, before the broker serves: files can still be changed.
#[derive(Debug)]
pub struct Prepared {
    pub sim: Sim,
    pub installation: Installation,
}

/// Somebody who asks the broker by HTTP, with a token or without one.
#[derive(Clone, Debug)]
pub struct Asker {
    http: Client,
    url: String,
    pub token: Option<String>,
}

/// What the broker answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl World {
    pub async fn open() -> Self {
        Self::prepare().await.serve()
    }

    pub async fn prepare() -> Prepared {
        let sim = Sim::start(aws(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let more = format!(
            "admin_groups = [\"corp/admins\"]\noperator_groups = [\"corp/operators\"]\nauditor_groups = [\"corp/auditors\"]\n\
             aws = {{ endpoint_url = \"{0}\", iam_endpoint_url = \"{0}\", federation_url = \"{1}\", retries = 2 }}\n{2}",
            sim.endpoint(),
            sim.federation_endpoint(),
            *PEOPLE,
        );
        let installation = Installation::new(&more, &format!("{KEYS}{CONNECTORS}"));
        installation.write("keys/main", SECRET);
        installation.write("keys/second", SECOND_SECRET);
        Prepared { sim, installation }
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Asker {
        Asker::at(&self.brokerd.url())
    }

    /// A person, signed in.
    pub async fn person(&self, username: &str) -> Asker {
        self.stranger().signed_in(username).await
    }

    /// The trail, oldest first.
    pub fn trail(&self) -> Vec<Value> {
        trail(self.brokerd.installation())
    }

    /// What the trail says under this id.
    pub fn record(&self, id: &Value) -> Value {
        let records = self.trail();
        records.into_iter().find(|record| record["id"] == *id).unwrap_or_else(|| panic!("no record {id}"))
    }

    /// What was done with one connector: `ACTOR ACTION OUTCOME`, oldest first; without its being put into service.
    pub fn trail_of(&self, connector: &str) -> Vec<String> {
        used(&self.trail(), connector)
    }

    /// A subcommand beside the daemon.
    pub fn run(&self, arguments: &[&str], input: &str) -> Ended {
        self.brokerd.run(arguments, input)
    }

    /// What AWS has seen of one action.
    pub fn calls(&self, action: &str) -> Vec<Call> {
        self.sim.calls().into_iter().filter(|call| call.action == action).collect()
    }

    /// The newest call of one action, as its parameter says.
    pub fn sent(&self, action: &str, parameter: &str) -> Option<String> {
        self.calls(action).last().unwrap_or_else(|| panic!("no {action}")).parameters.get(parameter).cloned()
    }

    /// AWS's own clients, with what was vended.
    pub fn client(&self, vended: &Value) -> python::Client {
        client(&self.sim.endpoint(), vended)
    }

    /// What S3 says to somebody with these credentials who reads these objects of the bucket: the content, or an error's code.
    pub fn read(&self, vended: &Value, objects: &[&str]) -> Vec<String> {
        let program = format!(
            "import botocore\ns3, said = boto3.client('s3'), []\nfor key in {objects:?}:\n    try:\n        said.append(s3.get_object(Bucket='reports', Key=key)['Body'].read().decode())\n    except botocore.exceptions.ClientError as error:\n        said.append(error.response['Error']['Code'])\nprint(json.dumps(said))"
        );
        serde_json::from_value(self.client(vended).boto3(&program).json()).unwrap()
    }
}

impl Prepared {
    /// Changes one place of the configuration.
    #[must_use]
    pub fn configured(self, from: &str, to: &str) -> Self {
        self.installation.edit("brokerd.toml", from, to);
        self
    }

    /// Sets a further top-level key of the configuration.
    #[must_use]
    pub fn with(self, key: &str) -> Self {
        self.configured("connectors_file", &format!("{key}\nconnectors_file"))
    }

    /// More connectors.
    #[must_use]
    pub fn connectors(self, more: &str) -> Self {
        let text = self.installation.read("connectors.toml");
        self.installation.write("connectors.toml", &format!("{text}{more}"));
        self
    }

    /// A second directory, which knows another `ada`, and `una` whom nobody else knows. Session names tell the two apart, then.
    #[must_use]
    pub fn with_branch(self) -> Self {
        let people = [
            person("ada", BRANCH_PASSWORD, "groups = ['release', 'admins']"),
            person("una", &password_of("una"), "groups = ['release']"),
        ];
        let text = self.installation.read("brokerd.toml");
        let branch = format!("[[directory]]\nname = 'branch'\n[directory.backend.local]\n{}", people.concat());
        self.installation.write("brokerd.toml", &format!("{text}{branch}"));
        let text = self.installation.read("connectors.toml");
        let text = ["assume_role]\n", "federated_user]\n"]
            .iter()
            .fold(text.replace("session_name = \"{connector}-{username}\"\n", ""), |text, table| {
                text.replace(table, &format!("{table}session_name = \"{{directory}}.{{username}}\"\n"))
            })
            .replace("source_identity = \"{username}\"", "source_identity = \"{directory}.{username}\"")
            .replace("tags.who = ", "tags.where = { from = \"directory\" }\ntags.who = ");
        self.installation.write("connectors.toml", &text);
        self
    }

    pub fn serve(self) -> World {
        let Self { sim, installation } = self;
        World { sim, brokerd: installation.serve() }
    }
}

impl Asker {
    /// Somebody without a token, before the broker at this address.
    pub fn at(url: &str) -> Self {
        // Whoever comes first installs it; all of them would install the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: url.to_owned(), token: None }
    }

    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same, signed in as one of the world's people.
    pub async fn signed_in(&self, username: &str) -> Self {
        self.signed_in_with(username, &password_of(username)).await
    }

    pub async fn signed_in_with(&self, username: &str, password: &str) -> Self {
        let answer = self.sign_in(&json!({ "username": username, "password": password })).await;
        assert_eq!(answer.status, 201, "{username}: {}", answer.text);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }

    pub async fn sign_in(&self, body: &Value) -> Answer {
        self.post("/v1/sessions", body).await
    }

    pub async fn vend(&self, connector: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/connectors/{connector}/credentials"), body).await
    }

    /// What was vended, as JSON; panics if nothing was.
    pub async fn vended(&self, connector: &str, body: &Value) -> Value {
        self.vend(connector, body).await.good()
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { status, headers, text: answer.text().await.unwrap() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON, {error}: {}", self.text))
    }

    /// The JSON of an answer with status 200; panics if it is another.
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// A problem, whose shape is the same everywhere; `expected` is `STATUS CODE`, as in `404 not_found`.
    #[track_caller]
    pub fn problem(&self, expected: &str) -> Value {
        let problem = self.json();
        let code = problem["code"].as_str().unwrap_or_default();
        assert_eq!(format!("{} {code}", self.status), expected, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        problem
    }

    /// The same with what differs from request to request taken out.
    pub fn but_for_the_request_id(&self) -> (u16, String, Vec<(String, String)>) {
        let id = self.header("x-request-id").unwrap();
        let headers = self.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (self.status, self.text.replace(id, ""), headers.collect())
    }
}

/// The trail of an installation, oldest first.
pub fn trail(installation: &Installation) -> Vec<Value> {
    let lines = installation.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was done with one connector: `ACTOR ACTION OUTCOME`.
pub fn used(trail: &[Value], connector: &str) -> Vec<String> {
    let words = |record: &Value| ["actor", "action", "outcome"].map(|field| record[field].as_str().unwrap().to_owned());
    let of_it = trail.iter().filter(|record| record["connector"] == connector).map(words);
    of_it.filter(|[_, action, _]| !action.starts_with("connector_")).map(|words| words.join(" ")).collect()
}

/// AWS's own clients before an AWS at `endpoint`, with what was vended.
pub fn client(endpoint: &str, vended: &Value) -> python::Client {
    let part = |name: &str| vended[name].as_str().unwrap_or_else(|| panic!("no {name}: {vended}"));
    python::Client::at(endpoint).with_keys(
        part("access_key_id"),
        part("secret_access_key"),
        Some(part("session_token")),
    )
}

/// Seconds from now until then.
pub fn seconds_until(time: &Value) -> i64 {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_second() - now().as_second()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a kit for tests of a whole process, which looks at the machine's clock as well"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Waits until something is so.
pub async fn soon<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < patience, "not within {} seconds: {what}", PATIENCE.as_secs());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Everybody's password.
pub fn password_of(username: &str) -> String {
    format!("{username}'s pässwörd+&=%")
}

/// What the other `ada` types.
pub const BRANCH_PASSWORD: &str = "the other one's password";

fn aws() -> SimWorld {
    let allow = |action: &str| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] });
    let trust = |principal: &str, condition: Option<Value>| {
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "AWS": principal },
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        });
        if let Some(condition) = condition {
            statement["Condition"] = condition;
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let role = |name: &str, trust: Value| {
        Role::new(ACCOUNT, name, trust).inline_policy("all", allow("*")).max_session_duration(43_200)
    };
    let external = json!({ "StringEquals": { "sts:ExternalId": "corp-7f3a" } });
    SimWorld::new()
        .user(User::new(ACCOUNT, "broker").inline_policy("all", allow("*")).key(AccessKey::new(KEY, SECRET)))
        .user(User::new(ACCOUNT, "second").inline_policy("all", allow("*")).key(AccessKey::new(SECOND, SECOND_SECRET)))
        .role(role("deploy", trust(ACCOUNT, None)))
        .role(role("guarded", trust(ACCOUNT, Some(external))))
        .role(role("closed", trust(&format!("arn:aws:iam::{ACCOUNT}:user/second"), None)))
        .role(role("brief", trust(ACCOUNT, None)).max_session_duration(3_600))
        .managed_policy("arn:aws:iam::aws:policy/Reading", allow("s3:Get*"))
        .bucket(Bucket::new(ACCOUNT, "reports").object("monthly", "profits").object("salaries", "too much"))
}

/// Somebody of a directory.
fn person(username: &str, password: &str, more: &str) -> String {
    let password = Password::parse(SecretString::from(password)).unwrap();
    let hash = hash_password(&password).unwrap();
    format!("[[directory.backend.local.people]]\nusername = {username:?}\npassword_hash = '{hash}'\n{more}\n")
}

static PEOPLE: LazyLock<String> = LazyLock::new(|| {
    let of_corp = [
        ("ada", "groups = ['release']\ndisplay_name = 'Ada Lovelace'\nemail = 'ada@corp.example'"),
        ("eve", "groups = ['release']"),
        ("bob", ""),
        ("fred", "groups = ['finance']"),
        (HOSTILE, "groups = ['release']\nid = '4711'"),
        ("root", "groups = ['admins']"),
        ("otto", "groups = ['operators']"),
        ("vera", "groups = ['auditors', 'release']"),
        ("dora", "groups = ['release']\ndisabled = true"),
    ];
    let of_corp: String = of_corp.map(|(username, more)| person(username, &password_of(username), more)).concat();
    format!("[[directory]]\nname = 'corp'\nmay_grant_admin = true\n[directory.backend.local]\n{of_corp}")
});

/// The name of somebody whom STS would refuse, and a shell and a page would misread.
pub const HOSTILE: &str = "Zoë $(id) <o'Hara>/ops";

const KEYS: &str = r#"
[[access_key]]
name = "main"
region = "eu-central-1"
[access_key.source.stored]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = { file = "keys/main" }

[[access_key]]
name = "second"
region = "eu-central-1"
[access_key.source.stored]
access_key_id = "AKIAI44QH8DHBEXAMPLE"
secret_access_key = { file = "keys/second" }
"#;

/// Whose names say what they are.
const CONNECTORS: &str = r#"
[[connector]]
name = "deploy"
description = "Deploys to production"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
max_duration_seconds = 14400
default_duration_seconds = 3600

[[connector]]
name = "limited"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
policy = '''
{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports/*" }] }
'''

[[connector]]
name = "managed"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
policy_arns = ["arn:aws:iam::aws:policy/Reading"]

[[connector]]
name = "reports"
access_key = "main"
groups = ["corp/release"]
console = { destination = "https://eu-central-1.console.aws.amazon.com/s3/buckets/reports" }
[connector.principal.federated_user]
policy = '''
{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] }
'''
max_duration_seconds = 43200

[[connector]]
name = "federated-managed"
access_key = "main"
groups = ["corp/release"]
[connector.principal.federated_user]
policy_arns = ["arn:aws:iam::aws:policy/Reading"]

[[connector]]
name = "federated-bare"
access_key = "main"
groups = ["corp/release"]
[connector.principal.federated_user]
resource_policies_grant_access = true

[[connector]]
name = "raw"
access_key = "main"
groups = ["corp/release"]
[connector.principal.session_token]
max_duration_seconds = 7200

[[connector]]
name = "guarded"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/guarded"
external_id = "corp-7f3a"
session_name = "{connector}-{username}"
source_identity = "{username}"
tags.team = { value = "payments", transitive = true }
tags.who = { from = "username" }
tags.groups = { from = "groups" }

[[connector]]
name = "closed"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/closed"

[[connector]]
name = "brief"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/brief"
max_duration_seconds = 7200

[[connector]]
name = "anew"
access_key = "main"
groups = ["corp/release"]
reuse = "off"
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "other-key"
access_key = "second"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "treasury"
access_key = "main"
groups = ["corp/finance"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "vault"
access_key = "main"
groups = []
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "ci"
access_key = "main"
scope = "system"
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "ci-other"
access_key = "main"
scope = "system"
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
"#;

pub const ACCOUNT: &str = "111111111111";
pub const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const SECOND: &str = "AKIAI44QH8DHBEXAMPLE";
pub const SECOND_SECRET: &str = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY";

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);
