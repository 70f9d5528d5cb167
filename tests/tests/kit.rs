//! The kit itself: each server starts, answers a real question, and is gone afterwards.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use serde_json::json;
use sqlx::postgres::PgPool;
use tests::moto::{Moto, World};
use tests::postgres::{self, Postgres, psql};
use tests::process::{Process, Signal};
use tests::python::Client;
use tests::{environment, installed};

#[test]
fn a_process_is_gone_with_its_group_and_folder_when_dropped() {
    let process = shell("sleep 1000 & echo $!; wait");
    let child = process.wait_for_line("").parse().unwrap();
    let (leader, folder) = (process.id(), process.folder().to_owned());
    assert!(runs(leader) && runs(child) && folder.exists());

    drop(process);
    assert!(!runs(leader) && !folder.exists());
    soon(|| !runs(child));
}

#[test]
fn a_process_that_does_not_want_to_end_is_killed() {
    let mut process = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    process.wait_for_line("ready");
    assert!(!process.stop().success());
    assert!(!runs(process.id()));
}

#[test]
fn a_process_tells_what_it_said_and_how_it_ended() {
    let mut process = shell("echo to standard output; echo to standard error >&2; exit 7");
    assert_eq!(process.wait_for_line("standard error"), "to standard error");
    assert_eq!(process.wait().code(), Some(7));
    assert_eq!((process.stdout(), process.stderr()), ("to standard output\n".into(), "to standard error\n".into()));
    assert_eq!(process.line_before_end("something else"), None);
}

#[test]
fn a_signal_reaches_the_process() {
    let mut process = shell("trap 'echo hung up; exit 3' HUP; echo ready; while :; do sleep 0.01; done");
    process.wait_for_line("ready");
    process.signal(Signal::HUP);
    assert_eq!(process.wait().code(), Some(3));
    assert_eq!(process.stdout(), "ready\nhung up\n");
}

#[test]
fn nothing_outlives_a_test_process_that_dies() {
    let output = Command::new(env!("CARGO_BIN_EXE_dies_with_a_server_running")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (id, folder) = stdout.trim().strip_prefix("started ").unwrap().split_once(' ').unwrap();
    assert_eq!(output.status.signal(), Some(Signal::ABORT.as_raw()));
    let (id, folder) = (id.parse().unwrap(), Path::new(folder));
    soon(|| !runs(id) && !folder.exists());
}

#[tokio::test]
async fn postgres_answers_and_is_gone_when_dropped() {
    let server = Postgres::start();
    let (mine, other) = (server.database("Kit & caboodle"), server.database("kit"));
    let pool = PgPool::connect(&mine).await.unwrap();
    let answer: i32 = sqlx::query_scalar("SELECT 6 * $1").bind(7).fetch_one(&pool).await.unwrap();
    assert_eq!(answer, 42);
    assert_eq!(psql(&mine, "SHOW fsync; SHOW server_encoding").succeeded(), "on\nUTF8\n");

    sqlx::raw_sql("CREATE TABLE mine (id BIGINT)").execute(&pool).await.unwrap();
    assert!(psql(&other, "SELECT * FROM mine").failed().contains("does not exist"), "databases are apart");
    assert!(psql(&mine, "CREATE ROLE another").failed().contains("permission denied"), "the owner is no superuser");

    let (id, folder) = (server.process().unwrap().id(), server.process().unwrap().folder().to_owned());
    drop(server); // with a connection open
    assert!(!runs(id) && !folder.exists());
    assert!(psql(&mine, "SELECT 1").failed().contains("refused"));
}

#[test]
fn the_shared_postgres_gives_each_test_a_database_of_its_own() {
    let (one, two) = (postgres::database("same"), postgres::database("same"));
    assert_ne!(one, two);
    assert_eq!(psql(&one, "SELECT current_database() = current_user").succeeded(), "t\n");
}

#[test]
fn moto_knows_callers_by_boto3_and_the_cli_and_is_gone_when_dropped() {
    let mut moto = Moto::start();
    let (url, id) = (moto.url().to_owned(), moto.process().id());
    let world = world(&moto);
    moto.enforce();

    let broker = caller(&moto, &world, "broker");
    let identity = broker.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!((&identity["Arn"], &identity["Account"]), (&json!(world.users["broker"].arn), &json!(world.account)));
    assert_eq!(
        broker.boto3("print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))").json(),
        identity["Arn"]
    );

    drop(moto);
    assert!(!runs(id) && TcpStream::connect(url.trim_start_matches("http://")).is_err());
}

#[test]
fn moto_enforces_policies_when_asked() {
    let moto = Moto::start();
    let world = world(&moto);
    moto.enforce();
    let broker = caller(&moto, &world, "broker");
    let session = |role: &str| {
        let arn = world.roles[role].arn.as_str();
        broker.aws(&["sts", "assume-role", "--role-session-name", "alice", "--role-arn", arn])
    };

    let vended = session("reader").json();
    let part = |name: &str| vended["Credentials"][name].as_str().unwrap().to_owned();
    let (key_id, secret, token) = (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken"));
    let alice = Client::at(moto.url()).with_keys(&key_id, &secret, Some(&token));
    let identity = alice.aws(&["sts", "get-caller-identity"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/reader/alice"), "{identity}");
    alice.aws(&["s3api", "list-buckets"]).succeeded();
    assert!(alice.aws(&["iam", "list-users"]).failed().contains("AccessDenied"));

    assert!(session("untouchable").failed().contains("AccessDenied"));
    let wrong = Client::at(moto.url()).with_keys(&world.users["broker"].access_key_id, "wrong", None);
    assert!(wrong.aws(&["sts", "get-caller-identity"]).failed().contains("SignatureDoesNotMatch"));

    moto.stop_enforcing();
    alice.aws(&["iam", "list-users"]).succeeded();
    moto.reset();
    assert_eq!(alice.aws(&["iam", "list-users"]).json()["Users"], json!([]));
}

#[test]
fn clients_know_nothing_but_what_the_test_tells_them() {
    let client = Client::new();
    let names = client.boto3("import os; print(json.dumps(sorted(os.environ)))").json();
    let leading = |name: &str| {
        name.starts_with("AWS_") || name.contains("CA_BUNDLE") || name.contains("SSL_") || name.contains("proxy")
    };
    let found: Vec<_> =
        names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).filter(|name| leading(name)).collect();
    assert_eq!(found, ["AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED", "AWS_PAGER"]);
    assert!(client.aws(&["sts", "get-caller-identity"]).failed().contains("Unable to locate credentials"));
}

#[test]
fn every_program_is_installed() {
    for name in ["slapd", "ldapsearch", "strace", "chromium", "chromedriver"] {
        assert!(installed::program(name).is_absolute());
    }
}

#[test]
#[should_panic(expected = "run ./tests/run --install-only")]
fn a_missing_program_is_a_failure_that_says_what_to_do() {
    installed::program("no-such-program");
}

fn shell(script: &str) -> Process {
    let mut command = environment::command("/bin/sh");
    command.args(["-c", script]);
    Process::start("shell", command)
}

/// A user who may take on `reader` but not `untouchable`; `reader` may look at buckets and nothing else.
fn world(moto: &Moto) -> World {
    let allow = |action: &str, resource: &str| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]});
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::{account}:user/broker"}}]});
    moto.populate(&json!({
        "users": {"broker": allow("sts:AssumeRole", "arn:aws:iam::{account}:role/reader")},
        "roles": {
            "reader": {"trust": trust, "policy": allow("s3:ListAllMyBuckets", "*")},
            "untouchable": {"trust": trust},
        },
    }))
}

fn caller(moto: &Moto, world: &World, name: &str) -> Client {
    let user = &world.users[name];
    Client::at(moto.url()).with_keys(&user.access_key_id, &user.secret_access_key, None)
}

fn runs(id: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    // What has ended but was not yet taken note of by its parent does not run.
    let is_zombie = || std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(pid).is_ok() && !is_zombie()
}

fn soon(mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "not within ten seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
}
