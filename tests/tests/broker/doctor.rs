//! `doctor`: what keeps a machine from working with its broker is found, and told with what to do about it.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tests::brokerd::program;
use tests::certificates::Authority;
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

/// What AWS's own clients, or the libraries beneath them, make of the broker's certificate: whether they asked it at all.
struct Client<'a> {
    machine: &'a Machine,
    url: &'a str,
}

impl Client<'_> {
    fn python(&self, variables: &[(&str, &str)]) -> bool {
        let program = format!(
            "import boto3, botocore\nclient = boto3.client('sso', endpoint_url='{}', region_name='brokerd')\n\
             try:\n    client.list_accounts(accessToken='bka_nobodys')\n\
             except botocore.exceptions.ClientError:\n    print('asked')\n\
             except (botocore.exceptions.HTTPClientError, OSError):\n    print('refused')",
            self.url
        );
        self.said(&installed::python(), &["-c", &program], variables) == "asked"
    }

    fn javascript(&self, variables: &[(&str, &str)]) -> bool {
        let program =
            format!("fetch('{}/healthz').then(() => console.log('asked'), () => console.log('refused'))", self.url);
        self.said(&installed::node(), &["-e", &program], variables) == "asked"
    }

    fn go(&self, variables: &[(&str, &str)]) -> bool {
        let list = ["lsf", "--retries", "1", "--low-level-retries", "1", "--http-url", self.url, ":http:"];
        let mut command = self.machine.0.command(&installed::rclone());
        command.args(list).envs(variables.iter().copied());
        let ended = tests::ended::run("rclone", command, "");
        !ended.stderr.contains("x509")
    }

    fn said(&self, program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut command = self.machine.0.command(program);
        command.args(arguments).envs(variables.iter().copied());
        tests::ended::run("a client", command, "").succeeded().trim().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_client_knows_the_brokers_authority_is_told_as_that_client_finds_it() {
    let (authority, other) = (Authority::new(), Authority::new());
    let signed = authority.sign("127.0.0.1");
    let prepared = World::prepare().await.configured("public_url = \"http:", "public_url = \"https:");
    let prepared = prepared
        .configured("listen = { ", "listen = { tls = { certificate = \"tls/chain.pem\", key = \"tls/key.pem\" }, ");
    prepared.installation.write("tls/chain.pem", &signed.certificate);
    prepared.installation.write("tls/key.pem", &signed.key);
    let world = prepared.serve();
    let url = world.brokerd.url().replace("http:", "https:");
    let machine = Machine::before(&world).with("BROKER_URL", &url);
    let home = machine.0.home().to_owned();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    fs::create_dir(home.join(".aws")).unwrap();
    for (name, content) in [
        ("ca.pem", authority.pem()),
        ("other.pem", other.pem()),
        ("both.pem", &format!("# ours\n{}{}", other.pem(), authority.pem())),
        ("text.pem", "no certificate\n"),
        ("empty.pem", ""),
    ] {
        fs::write(home.join(name), content).unwrap();
        fs::set_permissions(home.join(name), Permissions::from_mode(0o600)).unwrap();
    }
    let machine = machine.with("BROKER_CA_FILE", &path("ca.pem"));
    machine.sign_in("ada").succeeded();
    let trust = |variables: &[(&str, &str)]| {
        let mut command = machine.0.command(&program("broker"));
        // An AWS CLI would be asked for its version each time.
        command.args(["doctor", "--json"]).env("PATH", "").envs(variables.iter().copied());
        let ended = tests::ended::run("broker doctor", command, "");
        let found: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (said(&found, "trust"), ended.status.code())
    };
    let client = Client { machine: &machine, url: &url };
    let (unset, code) = trust(&[]);
    assert!(matches!(&unset[..], [(state, said)] if state == "note" && said.contains("may not know it")), "{unset:?}");
    assert_eq!(code, Some(0));
    assert!(!client.python(&[]) && !client.javascript(&[]) && !client.go(&[]));

    for (name, knows) in [("ca.pem", true), ("both.pem", true), ("other.pem", false)] {
        let file = path(name);
        let of_python = |variable: &'static str| vec![(variable, file.as_str())];
        for variables in [of_python("AWS_CA_BUNDLE"), of_python("REQUESTS_CA_BUNDLE")] {
            assert_eq!(client.python(&variables), knows, "{variables:?}");
            let (found, code) = trust(&variables);
            let expected = if knows { "good" } else { "note" };
            assert!(matches!(&found[..], [(state, _)] if state == expected), "{variables:?}: {found:?}");
            assert_eq!(code, Some(0));
        }
        if name == "both.pem" {
            continue;
        }
        for (variable, asks) in [
            ("SSL_CERT_FILE", client.go(&[("SSL_CERT_FILE", &file)])),
            ("NODE_EXTRA_CA_CERTS", client.javascript(&[("NODE_EXTRA_CA_CERTS", &file)])),
        ] {
            assert_eq!(asks, knows, "{variable} {name}");
            let (found, _) = trust(&[(variable, &file)]);
            let (state, said) = found.iter().find(|(_, said)| said.contains(variable)).unwrap();
            assert_eq!((state == "good", said.contains("not verify")), (knows, !knows), "{variable} {name}: {said}");
        }
        fs::write(home.join(".aws/config"), format!("[default]\nca_bundle = {file}\n")).unwrap();
        assert_eq!(client.python(&[]), knows, "{name}");
        let (found, _) = trust(&[]);
        assert!(found[0].1.contains("ca_bundle in [default]") && (found[0].0 == "good") == knows, "{found:?}");
        // The variable counts before the file.
        assert!(client.python(&[("AWS_CA_BUNDLE", &path("ca.pem"))]));
        assert_eq!(trust(&[("AWS_CA_BUNDLE", &path("ca.pem"))]).0.len(), 1);
        fs::remove_file(home.join(".aws/config")).unwrap();
    }

    for (name, why) in [("text.pem", "no certificates"), ("empty.pem", "is empty"), ("nowhere.pem", "cannot be read")] {
        for variable in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            let (found, code) = trust(&[(variable, &path(name))]);
            let bad = found.iter().find(|(state, _)| state == "bad").unwrap_or_else(|| panic!("{name}: {found:?}"));
            assert!(bad.1.contains(why) && bad.1.contains(variable), "{bad:?}");
            assert_eq!(code, Some(1));
        }
        assert!(!client.python(&[("AWS_CA_BUNDLE", &path(name))]), "{name}");
    }

    // Where a profile has the clients ask the broker themselves, they need it.
    machine.run(&["setup", "--yes", "--style", "sso"]).succeeded();
    let (found, code) = trust(&[("AWS_CA_BUNDLE", &path("other.pem"))]);
    assert_eq!((found[0].0.as_str(), code), ("bad", Some(1)), "{found:?}");
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
