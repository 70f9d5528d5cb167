//! The `brokerd` command as a process: what it prints, where, and how it ends, for good input and bad.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod applying;
mod connectors;
mod damaged;
mod damaged_keys;
mod directories;
mod files;
mod keys;
mod passwords;
mod progress;
mod rekeying;
mod tokens;
mod trail;
mod usage;
mod users;

use std::path::Path;

use aws_sim::{AccessKey, Sim, User, World};
use serde_json::json;
use tests::brokerd::{Installation, binary};
use tests::ended::{self, Ended};
use tests::{environment, installed};

/// An installation with a local directory and two connectors in its file, `deploy` for people and `nightly` for jobs, behind the key
/// `main`, which nobody has added yet.
fn installation() -> Installation {
    Installation::new(DIRECTORY, CONNECTORS)
}

/// The same, and the AWS that it asks.
async fn installation_with_aws() -> (Installation, Sim) {
    let key = |id: &str| AccessKey::new(id, SECRET);
    let world = World::new()
        .user(User::new("111111111111", "broker").key(key(MAIN)).key(key(SECOND)))
        .user(User::new("111111111111", "other").key(key(OTHER)));
    let sim = Sim::start(world, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let more = format!("{DIRECTORY}\n[aws]\nretries = 0\nendpoint_url = \"{}\"\n", sim.endpoint());
    (Installation::new(&more, CONNECTORS), sim)
}

/// With the key `main`, unproved.
fn add_main(here: &Installation) {
    here.run(&["key", "add", "main", "--access-key-id", MAIN, "--region", "eu-central-1", "--skip-validation"], SECRET)
        .succeeded();
}

/// With both connectors in service.
fn apply(here: &Installation) {
    add_main(here);
    here.run(&["apply", "--yes"], "").succeeded();
}

/// Runs it without any configuration.
fn brokerd_in(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut command = environment::command(binary());
    command.current_dir(folder).args(arguments);
    ended::run("brokerd", command, input)
}

/// Runs it on a terminal, and types each answer when its prompt has appeared. Everything is on standard output then.
fn typed(here: &Installation, arguments: &[&str], steps: &[(&str, &str)]) -> Ended {
    let mut command = environment::command(installed::program("python3"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/typed.py"));
    let brokerd = here.command(arguments);
    command.arg(brokerd.get_program()).args(brokerd.get_args());
    ended::run("typed.py", command, &json!(steps).to_string())
}

/// How it ended, and that it neither printed nor repeated the secret.
fn code(ended: &Ended) -> i32 {
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{ended:?}");
    ended.status.code().unwrap()
}

const DIRECTORY: &str = r#"admin_groups = ["local/admins"]
[[directory]]
name = "local"
may_grant_admin = true
[directory.backend.local]
people = []"#;

const CONNECTORS: &str = r#"[[connector]]
name = "deploy"
access_key = "main"
groups = ["staff"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"

[[connector]]
name = "nightly"
access_key = "main"
scope = "system"
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/nightly"
"#;

const MAIN: &str = "AKIAMAINMAINMAIN0001";
const SECOND: &str = "AKIAMAINMAINMAIN0002";
const OTHER: &str = "AKIAOTHERUSER0000001";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
