//! brokerd as a process in front of a strict stand-in for AWS, and those who ask it by HTTP.
//!
//! Of AWS there is account 111111111111 with the users `broker` and `second`, a few roles and the bucket `reports`; of people
//! `ada` and `eve` (group `corp/release`), `bob` (in none), `fred` (`corp/finance`), somebody with a hostile name, and `root` (an
//! administrator), `otto` (an operator), `vera` (an auditor), and `dora` whose account is disabled.

mod asker;
mod aws;
mod nodes;
mod people;

use aws_sim::{Call, Sim};
use serde_json::Value;
use url::Url;

use crate::brokerd::{Brokerd, Installation};
use crate::ended::Ended;
use crate::python;
use crate::wall_clock::WallClock;

pub use crate::patience::{now, seconds_until, soon};
pub use asker::{Answer, Asker};
pub use aws::{ACCOUNT, KEY, MFA_CODES, MFA_SERIAL, SECOND, SECOND_SECRET, SECRET};
pub use people::{BRANCH_PASSWORD, HOSTILE, password_of};

use people::{PEOPLE, person};

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

impl World {
    pub async fn open() -> Self {
        Self::prepare().await.serve()
    }

    pub async fn prepare() -> Prepared {
        let sim = Sim::start(aws::aws(), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let more = format!(
            "admin_groups = [\"corp/admins\"]\noperator_groups = [\"corp/operators\"]\nauditor_groups = [\"corp/auditors\"]\n\
             aws = {{ endpoint_url = \"{0}\", iam_endpoint_url = \"{0}\", ecr_endpoint_url = \"{0}\", codeartifact_endpoint_url = \"{0}\", federation_url = \"{1}\", retries = 2 }}\n{2}",
            sim.endpoint(),
            sim.federation_endpoint(),
            *PEOPLE,
        );
        let installation = Installation::new(&more, CONNECTORS);
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

    /// The one record that each of these answers left, written whole. Refusals are, ten a minute of one address: let each ask from its own.
    pub async fn left_by(&self, answers: &[Answer]) -> Vec<Value> {
        soon("a record of each", async || {
            let trail = self.trail();
            let of = |answer: &Answer| {
                let mut records = trail.iter().filter(|record| record["request_id"] == answer.request_id());
                let record = records.next().filter(|record| record["count"].is_null())?;
                assert!(records.next().is_none(), "more than one record of {}", answer.text);
                Some(record.clone())
            };
            answers.iter().map(of).collect()
        })
        .await
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

    /// This machine is a proxy to it, and says where people are.
    #[must_use]
    pub fn behind_a_proxy(self) -> Self {
        self.configured("listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ")
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

    /// With its store at this URL of PostgreSQL, which has a password.
    #[must_use]
    pub fn on_postgres(self, url: &str) -> Self {
        let mut bare: Url = url.parse().unwrap();
        let password = bare.password().unwrap().to_owned();
        bare.set_password(None).unwrap();
        let store = format!("\"{bare}\", password = {{ file = \"postgres.password\" }}");
        self.installation.write("postgres.password", &password);
        self.configured("\"sqlite:brokerd.db\"", &store)
    }

    pub fn serve(self) -> World {
        let Self { sim, installation } = self;
        World { sim, brokerd: installation.serve() }
    }

    /// With a daemon that goes by this clock.
    pub fn serve_by(self, clock: &WallClock) -> World {
        let Self { sim, installation } = self;
        let variables = clock.variables();
        let variables = variables.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        World { sim, brokerd: installation.serve_with(&variables) }
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

const CONNECTORS: &str = include_str!("connectors.toml");
