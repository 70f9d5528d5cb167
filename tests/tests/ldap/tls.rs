//! The way to the server: encrypted, to the right server, or not at all.

use broker_core::directory::Directory;
use tests::slapd::{Options, Slapd};

use crate::{Config, outage, told, welcome};

#[tokio::test]
async fn ldaps_with_a_private_authority() {
    let server = Slapd::start();
    let directory = Config::of(&server).open();
    welcome(&directory, "ada").await;
    directory.probe().await.unwrap();
    assert!(server.logged_when(2, "TLS established tls_ssf=") >= 2, "both connections\n{}", server.log());
}

#[tokio::test]
async fn starttls_with_a_private_authority() {
    let server = Slapd::start();
    let directory = Config { urls: vec![server.ldap_url()], ..Config::of(&server) }.starttls().open();
    welcome(&directory, "ada").await;
    let (started, binds) = (server.logged_when(2, "STARTTLS"), server.logged_when(2, " BIND dn="));
    assert!(started >= 2 && binds >= 2, "{}", server.log());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (server, other) = (Slapd::start(), Slapd::start());
    let stranger = Some(other.ca_pem().to_owned());
    for config in [
        Config { ca_pem: stranger.clone(), ..Config::of(&server) },
        Config { ca_pem: stranger.clone(), urls: vec![server.ldap_url()], ..Config::of(&server) }.starttls(),
        // The system's authorities did not sign it either.
        Config { ca_pem: None, ..Config::of(&server) },
    ] {
        let outage = outage(&config.open(), "ada", "ada secret").await;
        assert!(outage.contains("certificate"), "{outage}");
    }
    assert_eq!(
        server.logged(" BIND "),
        server.logged(" BIND dn=\"cn=root"),
        "nothing was said to it\n{}",
        server.log()
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Slapd::start_with(&Options { certificate_name: "ldap.corp.example".to_owned(), ..Options::default() });
    for config in [
        Config::of(&server),
        Config { urls: vec![server.ldap_url()], ..Config::of(&server) }.starttls(),
        Config { urls: vec![server.ldaps_url().replace("127.0.0.1", "localhost")], ..Config::of(&server) },
    ] {
        let outage = outage(&config.open(), "ada", "ada secret").await;
        assert!(outage.contains("certificate"), "{outage}");
    }
    assert_eq!(server.logged(" BIND "), server.logged(" BIND dn=\"cn=root"), "{}", server.log());
}

#[tokio::test]
async fn a_host_name_in_the_certificate_is_matched() {
    let server = Slapd::start_with(&Options { certificate_name: "localhost".to_owned(), ..Options::default() });
    let url = server.ldaps_url().replace("127.0.0.1", "localhost");
    welcome(&Config { urls: vec![url], ..Config::of(&server) }.open(), "ada").await;
}

#[tokio::test]
async fn starttls_refused_is_an_error_and_nothing_is_said_in_plain_text() {
    let options = Options { tls: false, global: String::new(), ..Options::default() };
    let server = Slapd::start_with(&options);
    let directory = Config { urls: vec![server.ldap_url()], ..Config::of(&server) }.starttls().open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("StartTLS"), "{outage}");
    assert_eq!(server.logged(" BIND "), server.logged(" BIND dn=\"cn=root"), "{}", server.log());
}

#[tokio::test]
async fn a_server_that_wants_confidentiality_is_not_argued_with() {
    let server = Slapd::start();
    let directory = Config::plain(&[&server.ldap_url()]).open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("code 13"), "{outage}");
    let probe = told(&directory.probe().await.unwrap_err());
    assert!(probe.contains("code 13"), "{probe}");
}
