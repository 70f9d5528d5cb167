//! Certificates as files that the configuration and the system name: ours, shown to servers, and those by which servers are trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tempfile::TempDir;
use tests::brokerd::Installation;
use tests::certificates::Authority;
use tests::ended;
use tests::process::new_folder;
use tests::slapd::{Options, Slapd};
use tests::world::Asker;

use crate::Config;
use crate::tested::installation;

/// A server that wants to know who asks, by certificates of this authority.
fn server_that_asks_for(clients: &Authority) -> (Slapd, TempDir) {
    let folder = new_folder();
    let file = folder.path().join("clients.pem");
    fs::write(&file, clients.pem()).unwrap();
    let global = format!("security simple_bind=128\nTLSCACertificateFile {}\nTLSVerifyClient demand", file.display());
    (Slapd::start_with(&Options { global, ..Options::default() }), folder)
}

async fn signs_in(broker: &Asker) -> u16 {
    broker.sign_in(&json!({ "username": "ada", "password": "ada secret" })).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configurations_certificate_is_shown_to_a_server_that_wants_one() {
    let clients = Authority::new();
    let (server, _folder) = server_that_asks_for(&clients);
    let known = Config { client: Some(clients.sign("brokerd")), ..Config::of(&server) };
    let here = installation(&known);
    let told = here.run(&["directory", "test", "corp", "--user", "ada"], "").succeeded();
    assert!(told.contains("all steps are good"), "{told}");
    let brokerd = here.serve();
    assert_eq!(signs_in(&Asker::at(&brokerd.url())).await, 201);
    let nobody = installation(&Config::of(&server));
    assert_eq!(nobody.run(&["directory", "test", "corp"], "").status.code(), Some(1));
}

/// What is told of a key that is no good, by the check and by whatever else reads the configuration.
fn told(here: &Installation) -> String {
    let checked = here.run(&["check"], "");
    let line = checked.stdout.lines().find_map(|line| line.strip_prefix("error: ")).unwrap().to_owned();
    let tested = here.run(&["directory", "test", "corp"], "").failed();
    assert!(tested.contains(&line) && line.contains("/brokerd.toml:"), "{line}\n{tested}");
    assert!(!checked.stdout.contains("PRIVATE KEY") && !tested.contains("PRIVATE KEY"), "{checked:?}\n{tested}");
    line
}

#[test]
fn a_key_that_is_no_good_is_told_with_its_place() {
    let (clients, config) =
        (Authority::new(), Config { urls: vec!["ldaps://127.0.0.1:1".to_owned()], ..Config::default() });
    let with_key = || installation(&Config { client: Some(clients.sign("brokerd")), ..config.clone() });
    let place = "directory \"corp\": backend.ldap.client_certificate.key: ";

    let here = with_key();
    fs::set_permissions(here.path("client.key"), fs::Permissions::from_mode(0o644)).unwrap();
    has(&told(&here), &[place, "client.key", "others may read this secret", "chmod 600"]);

    let here = with_key();
    fs::remove_file(here.path("client.key")).unwrap();
    has(&told(&here), &[place, "client.key", "No such file"]);
    fs::create_dir(here.path("client.key")).unwrap();
    has(&told(&here), &[place, "client.key", "regular file"]);

    let here = with_key();
    for no_key in ["rubbish", &clients.sign("brokerd").certificate, &clients.sign("brokerd").key] {
        here.write("client.key", no_key);
        has(&told(&here), &[place, "not a private key in PEM form that fits the certificate"]);
    }
    let here = with_key();
    here.write("client.pem", "rubbish");
    has(
        &told(&here),
        &["directory \"corp\": backend.ldap.client_certificate.certificate: ", "not one usable certificate"],
    );
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_certificate_among_the_systems_does_not_cost_the_good_ones() {
    let server = Slapd::start();
    let system = new_folder();
    let write = |name: &str, text: &[u8]| fs::write(system.path().join(name), text).unwrap();
    let folder = system.path().to_str().unwrap();
    write("broken.pem", b"-----BEGIN CERTIFICATE-----\n?!?!\n-----END CERTIFICATE-----\n");
    write("empty.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write("noise.pem", &[0xff; 64]);
    let config = Config { ca_pem: None, ..Config::of(&server) };
    let test = |here: &Installation| {
        let mut command = here.command(&["directory", "test", "corp", "--user", "ada"]);
        command.env("SSL_CERT_DIR", folder);
        ended::run("brokerd directory test", command, "")
    };
    let here = installation(&config);
    let none = test(&here).failed();
    assert!(none.contains("the system has no certificates to trust"), "{none}");

    write("good.pem", server.ca_pem().as_bytes());
    assert!(test(&here).succeeded().contains("all steps are good"));
    let brokerd = here.serve_with(&[("SSL_CERT_DIR", folder)]);
    assert_eq!(signs_in(&Asker::at(&brokerd.url())).await, 201);
    assert!(brokerd.log().contains("a certificate of the system cannot be read"), "{}", brokerd.log());
}
