//! Every subcommand, while the daemon vends.

use std::time::Instant;

use serde_json::Value;
use tests::brokerd::{Brokerd, Installation};
use tests::process::new_folder;
use tests::stage::{Door, Stage, role_connector};

use crate::storm::{Storm, assert_recorded};
use crate::within_a_second;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subcommand_works_beside_a_busy_daemon_on_sqlite() {
    let stage = Stage::set().await;
    let installation = stage.on_sqlite();
    every_subcommand_works(&stage, installation).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subcommand_works_beside_a_busy_daemon_on_postgres() {
    let stage = Stage::set().await;
    let installation = stage.on_postgres_of("subcommands");
    every_subcommand_works(&stage, installation).await;
}

async fn every_subcommand_works(stage: &Stage, installation: Installation) {
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let (ci, _) = run(&broker, &["token", "create", "ci", "--connector", "ci"], "");
    let storm = Storm::begin(&door, 2, &[(&ada, "deploy"), (&ada, "reports"), (ci.trim(), "ci")]);
    storm.goes_on(10).await;
    let desk = Desk { stage, broker: &broker, door: &door, ada: &ada };
    desk.looks_around();
    desk.keys_and_connectors().await;
    desk.tokens().await;
    desk.makes_another_installation();
    storm.goes_on(10).await;
    let harvest = storm.end().await;
    assert_eq!((&harvest.refused, &harvest.broken), (&Vec::new(), &Vec::new()), "no vend fails");
    assert_recorded(broker.installation(), &harvest.access_key_ids);
    assert_recorded(&broker.stop(), &harvest.access_key_ids);
}

/// Where an operator sits.
struct Desk<'a> {
    stage: &'a Stage,
    broker: &'a Brokerd,
    door: &'a Door,
    ada: &'a str,
}

impl Desk<'_> {
    fn looks_around(&self) {
        let (said, _) = run(self.broker, &["check"], "");
        assert!(said.contains("connectors.toml: good"), "{said}");
        let (said, _) = run(self.broker, &["second-factors", "list"], "");
        assert!(said.starts_with("PERSON  ENROLLED"), "{said}");
        let (said, _) = run(self.broker, &["audit", "tail", "--limit", "5", "--json"], "");
        let records: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(records.len() == 5 && records.iter().any(|record| record["action"] == "vend"), "{said}");
        let (said, _) = run(self.broker, &["audit", "verify"], "");
        assert!(said.contains("result: whole"), "{said}");
        let (said, _) = run(self.broker, &["audit", "export", "--format", "jsonl"], "");
        assert!(said.lines().count() > 10);
        let (said, _) = run(self.broker, &["hash-password"], "a new one for bob");
        assert!(said.starts_with("$argon2id$"), "{said}");
        let (said, _) = run(self.broker, &["directory", "test", "corp", "--user", "ada"], "");
        assert!(said.contains("all steps are good"), "{said}");
    }

    async fn keys_and_connectors(&self) {
        let (spare, other) = (&self.stage.second, &self.stage.third);
        let add = ["key", "add", "spare", "--access-key-id", spare.id(), "--region", "eu-central-1"];
        run(self.broker, &add, spare.secret());
        assert_eq!(self.keys(), ["main", "spare"]);

        // A connector in the file is nobody's before it is applied.
        self.write(&role_connector("by-spare", "spare"));
        run(self.broker, &["apply", "--dry-run"], "");
        assert!(!self.door.shows(self.ada, "by-spare").await);
        let (_, ended) = run(self.broker, &["apply", "--yes"], "");
        within_a_second(ended, "a connector is added", async || self.door.shows(self.ada, "by-spare").await).await;
        assert_eq!(self.signed_by().await.as_deref(), Some(spare.id()));

        // Another key in its place, of the same user: AWS is asked whose it is.
        let replace = ["key", "replace", "spare", "--access-key-id", other.id()];
        let replaced = self.broker.run(&replace, other.secret());
        let ended = Instant::now();
        replaced.succeeded();
        within_a_second(ended, "a key is replaced", async || self.signed_by().await.as_deref() == Some(other.id()))
            .await;

        let in_use = self.broker.run(&["key", "remove", "spare", "--yes"], "").failed();
        assert!(in_use.contains("use"), "{in_use}");
        self.write("");
        let (_, ended) = run(self.broker, &["apply", "--yes"], "");
        within_a_second(ended, "a connector is removed", async || !self.door.shows(self.ada, "by-spare").await).await;
        run(self.broker, &["key", "remove", "spare", "--yes"], "");
        assert_eq!(self.keys(), ["main"]);
    }

    async fn tokens(&self) {
        let (token, ended) = run(self.broker, &["token", "create", "nightly", "--connector", "ci"], "");
        let works = async || self.door.vend(token.trim(), "ci").await.status;
        within_a_second(ended, "a token is made", async || works().await == 200).await;
        let (listed, _) = run(self.broker, &["token", "list", "--json"], "");
        assert!(listed.contains("nightly") && !listed.contains(token.trim()));
        let (_, ended) = run(self.broker, &["token", "revoke", "nightly", "--yes"], "");
        within_a_second(ended, "a token is revoked", async || works().await == 401).await;
    }

    fn makes_another_installation(&self) {
        let folder = new_folder();
        run(self.broker, &["init", "--directory", folder.path().to_str().unwrap()], "");
        for name in ["brokerd.toml", "connectors.toml", "master.key"] {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }

    fn keys(&self) -> Vec<String> {
        let (said, _) = run(self.broker, &["key", "list", "--json"], "");
        let keys: Vec<Value> = serde_json::from_str(&said).unwrap();
        keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Which key a vend of `by-spare` is signed with; nothing while it is refused.
    async fn signed_by(&self) -> Option<String> {
        let answer = self.door.vend(self.ada, "by-spare").await;
        let made = (answer.status == 200).then(|| answer.text("arn"));
        let calls = self.stage.sim.calls();
        let others = [self.stage.second.id(), self.stage.third.id()];
        let mut calls =
            calls.iter().rev().filter(|call| call.action == "AssumeRole").filter_map(|call| call.access_key_id.clone());
        made.and_then(|_| calls.find(|id| others.contains(&id.as_str())))
    }

    fn write(&self, more: &str) {
        self.broker.installation().write("connectors.toml", &(self.stage.connectors() + more));
    }
}

/// Runs a subcommand that must succeed: what it printed, and when it had ended.
fn run(broker: &Brokerd, arguments: &[&str], input: &str) -> (String, Instant) {
    let ended = broker.run(arguments, input);
    let at = Instant::now();
    (ended.succeeded(), at)
}
