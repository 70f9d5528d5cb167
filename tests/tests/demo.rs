//! The demo as people and programs start it: its journey, the line that lets programs drive it, and its end.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::brokerd::program;
use tests::ended;
use tests::environment;
use tests::process::{Process, Signal, new_folder};
use tests::world::{Asker, client};

#[test]
fn once_takes_the_whole_journey_and_ends() {
    let home = new_folder();
    let ended = ended::run("demo", demo(home.path(), &["--once", "--listen", "127.0.0.1:0"]), "");
    assert_eq!(ended.stdout, "", "standard output is for --print-json");
    let said = &ended.stderr;
    for step in
        ["AssumeRole", "GetFederationToken", "GetSessionToken", "CI job", "console", "every link of the chain proved"]
    {
        assert!(said.contains(step), "{step} is not in\n{said}");
    }
    assert!(ended.status.success(), "{said}");
    assert_eq!(left_in(home.path()), Vec::<String>::new(), "its folder is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_drives_it_by_one_line() {
    let home = new_folder();
    let mut demo = Process::start("demo", demo(home.path(), &["--print-json", "--listen", "127.0.0.1:0"]));
    demo.wait_for_line("Up and serving");
    let printed = demo.stdout();
    assert_eq!((printed.lines().count(), printed.ends_with('\n')), (1, true), "{printed}");
    let line: Value = serde_json::from_str(&printed).unwrap();
    let mut keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["aws_endpoint", "federation_endpoint", "people", "service_token", "url"]);
    let people = line["people"].as_array().unwrap();
    assert_eq!(people.iter().map(|person| &person["admin"]).collect::<Vec<_>>(), [true, false, false]);

    let url = line["url"].as_str().unwrap();
    let mut seen = Vec::new();
    for person in people {
        let stranger = Asker::at(url);
        let signed_in =
            stranger.sign_in(&json!({ "username": person["username"], "password": person["password"] })).await;
        assert_eq!(signed_in.status, 201, "{}", signed_in.text);
        let signed_in = signed_in.json();
        assert_eq!(signed_in["identity"]["groups"], person["groups"]);
        assert_eq!(signed_in["identity"]["admin"], person["admin"]);
        let asker = stranger.with_token(signed_in["token"].as_str().unwrap());
        seen.push((asker.get("/v1/connectors").await.good(), asker));
    }
    let kinds = |list: &Value| -> Vec<String> {
        let connectors = list["connectors"].as_array().unwrap();
        let mut kinds: Vec<_> = connectors.iter().map(|one| one["principal"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&seen[1].0), ["assume_role", "federated_user", "session_token"]);
    assert_eq!(kinds(&seen[2].0), Vec::<String>::new(), "the outsider may use none");
    let vended = seen[1].1.vended("deploy", &json!({})).await;
    let endpoint = line["aws_endpoint"].as_str().unwrap();
    assert_eq!(client(endpoint, &vended).aws(&["sts", "get-caller-identity"]).json()["Arn"], vended["arn"]);

    let job = Asker::at(url).with_token(line["service_token"].as_str().unwrap());
    let own = job.get("/v1/connectors").await.good();
    assert_eq!(own["connectors"][0]["scope"], "system");
    job.vended(own["connectors"][0]["name"].as_str().unwrap(), &json!({})).await;

    let federation = reqwest::get(line["federation_endpoint"].as_str().unwrap()).await.unwrap();
    assert!(federation.status().is_client_error(), "something is there and wants an Action: {}", federation.status());

    demo.signal(Signal::TERM);
    assert!(demo.wait().success(), "{}", demo.stderr());
    assert_eq!(demo.stdout(), printed);
    assert_eq!(left_in(home.path()), Vec::<String>::new());
}

#[test]
fn whoever_ends_it_on_the_way_finds_no_secrets_left() {
    let home = new_folder();
    let mut demo = Process::start("demo", demo(home.path(), &["--listen", "127.0.0.1:0"]));
    demo.wait_for_line("Who can sign in");
    demo.signal(Signal::TERM);
    assert!(demo.wait().success(), "{}", demo.stderr());
    assert_eq!(left_in(home.path()), Vec::<String>::new());
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let home = new_folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = ended::run("demo", demo(home.path(), &["--once", "--listen", &address]), "").failed();
    assert!(said.contains(&address) && said.contains("--listen 127.0.0.1:0"), "{said}");
    assert_eq!(left_in(home.path()), Vec::<String>::new());
}

/// With folders of its own, on a machine where everything goes by a proxy that is not there.
fn demo(home: &Path, arguments: &[&str]) -> Command {
    let mut command = environment::command(program("demo"));
    command.env("HOME", home).env("TMPDIR", home).args(arguments);
    for name in ["http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command
}

fn left_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}
