//! `doctor`: what keeps a machine from working with its broker is found, and told with what to do about it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;
use tests::installed;
use tests::world::World;

use super::Machine;

/// What it says of one thing.
fn said(findings: &Value, check: &str) -> Vec<(String, String)> {
    let all = findings["checks"].as_array().unwrap().iter().filter(|one| one["check"] == check);
    all.map(|one| (one["state"].as_str().unwrap().to_owned(), one["said"].as_str().unwrap().to_owned())).collect()
}

/// A machine in whose PATH this AWS CLI is.
fn with_cli(machine: Machine, cli: &Path) -> Machine {
    let path = std::env::var("PATH").unwrap();
    machine.with("PATH", &format!("{}:{path}", cli.parent().unwrap().display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_works_is_said_to() {
    let world = World::open().await;
    let machine = with_cli(Machine::of(&world, "ada"), &installed::older_aws());
    machine.run(&["setup", "--yes"]).succeeded();
    let found = machine.run(&["doctor", "--json"]).json();
    for (check, expected) in [
        ("broker", "answers"),
        ("clock", "agree"),
        ("start URL", "as the AWS CLI wants it"),
        ("session", "signed in as ada (Ada Lovelace)"),
        ("header", "underscores and all"),
    ] {
        let said = said(&found, check);
        assert!(
            matches!(&said[..], [(state, said)] if state == "good" && said.contains(expected)),
            "{check}: {said:?}"
        );
    }
    assert_eq!(said(&found, "AWS CLI"), [("note".to_owned(), "AWS CLI 2.18.4 signs in by a code only".to_owned())]);
    assert!(
        said(&found, "endpoints")
            .iter()
            .any(|(state, said)| state == "good" && said.ends_with("profiles lead to the broker"))
    );
    let newest = with_cli(machine, &installed::aws());
    let found = newest.run(&["doctor", "--json"]).json();
    assert_eq!(said(&found, "AWS CLI")[0].0, "good", "{found}");
    let config = newest.0.home().join(".aws/config");
    let by_http = format!("[sso-session corp]\nsso_start_url = {}/start\n", world.brokerd.url());
    fs::write(&config, fs::read_to_string(&config).unwrap() + &by_http).unwrap();
    let found = newest.run(&["doctor", "--json"]).json();
    assert!(said(&found, "AWS CLI")[0].1.contains("takes no start URL by http"), "{found}");
    newest.run(&["setup", "--yes", "--style", "login", "--profile", "picked-{connector}"]).succeeded();
    let found = newest.run(&["doctor", "--json"]).json();
    assert!(said(&found, "endpoints").iter().any(|(_, said)| said.ends_with("lead to the broker")), "{found}");
    let shown = newest.run(&["doctor"]).succeeded();
    assert!(shown.starts_with("good  broker: http://127.0.0.1:"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_bad_and_says_what_to_do() {
    let world = World::open().await;
    let proxy = dropping(&world.brokerd.url());
    let machine =
        Machine::before(&world).with("BROKER_URL", &proxy).with("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    let machine = machine.with("AWS_ENDPOINT_URL_SSO", "https://portal.sso.eu-central-1.amazonaws.com");
    let config = format!("[profile deploy]\nsso_session = corp\n[sso-session corp]\nsso_start_url = {proxy}/start\n");
    fs::create_dir_all(machine.0.home().join(".aws")).unwrap();
    fs::write(machine.0.home().join(".aws/config"), config).unwrap();
    let ended = machine.run(&["doctor", "--json"]);
    assert_eq!(ended.status.code(), Some(1));
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    let header = said(&found, "header");
    assert!(header[0].0 == "bad" && header[0].1.contains("drops the header x-amz-sso_bearer_token"), "{header:?}");
    assert!(ended.stdout.contains("underscores_in_headers on"));
    assert_eq!(said(&found, "session")[0].0, "note");
    let endpoints = said(&found, "endpoints");
    for expected in
        ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ENDPOINT_URL_SSO leads to", "`deploy` leads to AWS itself"]
    {
        assert!(
            endpoints.iter().any(|(state, said)| state == "bad" && said.contains(expected)),
            "{expected}: {endpoints:?}"
        );
    }
    let nobody = machine.with("BROKER_URL", "http://127.0.0.1:1").run(&["doctor", "--json"]);
    assert_eq!(nobody.status.code(), Some(1));
    let found: Value = serde_json::from_str(&nobody.stdout).unwrap();
    assert!(said(&found, "broker")[0].1.contains("cannot reach"), "{found}");
    assert!(!said(&found, "endpoints").is_empty(), "what can be looked at is");
}

/// A proxy that drops what has an underscore in its name, as nginx does; its address.
fn dropping(broker: &str) -> String {
    let (host, listener) =
        (broker.strip_prefix("http://").unwrap().to_owned(), TcpListener::bind(("127.0.0.1", 0)).unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = pass_on(client, &host);
        }
    });
    url
}

fn pass_on(mut client: TcpStream, host: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut passed = format!("{}\r\nhost: {host}\r\nconnection: close\r\n", lines.next().unwrap_or_default());
    for line in lines {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !name.contains('_') && !["host", "connection"].contains(&name.as_str()) {
            passed.extend([line, "\r\n"]);
        }
    }
    let mut broker = TcpStream::connect(host)?;
    broker.write_all(format!("{passed}\r\n").as_bytes())?;
    std::io::copy(&mut broker, &mut client)?;
    Ok(())
}
