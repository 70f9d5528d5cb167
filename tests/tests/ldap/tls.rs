//! The way to the server: encrypted, to the right server, or not at all.

use std::io::Write;

use broker_core::directory::Directory;
use ldap3_proto::proto::LdapOp;
use tests::certificates::Authority;
use tests::process::new_folder;
use tests::slapd::{Options, Slapd};

use crate::played::{Played, bound, done, message};
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
    let server =
        Slapd::start_with(&Options { certificate_names: vec!["ldap.corp.example".to_owned()], ..Options::default() });
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
    let server = Slapd::start_with(&Options { certificate_names: vec!["localhost".to_owned()], ..Options::default() });
    let url = server.ldaps_url().replace("127.0.0.1", "localhost");
    welcome(&Config { urls: vec![url], ..Config::of(&server) }.open(), "ada").await;
}

#[tokio::test]
async fn an_ipv6_address_in_the_certificate_is_matched() {
    let names = |names: &[&str]| Options {
        certificate_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ipv6: true,
        ..Options::default()
    };
    let server = Slapd::start_with(&names(&["127.0.0.1", "::1"]));
    for url in [server.ldaps_url_by_ipv6(), server.ldaps_url()] {
        welcome(&Config { urls: vec![url], ..Config::of(&server) }.open(), "ada").await;
    }

    let server = Slapd::start_with(&names(&["127.0.0.1"]));
    let directory = Config { urls: vec![server.ldaps_url_by_ipv6()], ..Config::of(&server) }.open();
    let outage = outage(&directory, "ada", "ada secret").await;
    assert!(outage.contains("certificate") && outage.contains(&server.ldaps_url_by_ipv6()), "{outage}");
    assert_eq!(server.logged(" BIND "), server.logged(" BIND dn=\"cn=root"), "{}", server.log());
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

/// By both codes that servers refuse plain text with, at the bind or later: 13, and 8 of Active Directory and of servers that want SASL.
#[tokio::test]
async fn whoever_reads_of_a_server_that_wants_more_than_plain_text_is_told_what_to_do() {
    let confidential = Slapd::start();
    let sasl = Played::that_answers_searches(|id, stream| stream.write_all(&message(id, done(8))));
    let bind = |code| {
        Played::by(move |id, asked, stream| match asked {
            LdapOp::BindRequest(_) => stream.write_all(&message(id, bound(code))),
            _ => Ok(()),
        })
    };
    let (eight, thirteen) = (bind(8), bind(13));
    for (url, code, also) in [
        (confidential.ldap_url(), "credential with code 13", "an encrypted connection"),
        (thirteen.url(), "credential with code 13", "an encrypted connection"),
        (sasl.url(), "does not search: code 8", "SASL"),
        (eight.url(), "credential with code 8", "SASL"),
    ] {
        let directory = Config::plain(&[&url]).open();
        let outage = outage(&directory, "ada", "ada secret").await;
        let probe = told(&directory.probe().await.unwrap_err());
        for told in [outage, probe] {
            assert!(told.contains(code) && told.contains(&url), "{told}");
            assert!(told.contains("use ldaps://, or `starttls = true` with ldap://") && told.contains(also), "{told}");
        }
    }
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_asks_is_shown_a_certificate() {
    let clients = Authority::new();
    let folder = new_folder();
    let file = folder.path().join("clients.pem");
    std::fs::write(&file, clients.pem()).unwrap();
    let global = format!("security simple_bind=128\nTLSCACertificateFile {}\nTLSVerifyClient demand", file.display());
    let server = Slapd::start_with(&Options { global, ..Options::default() });
    let known = Config { client: Some(clients.sign("brokerd")), ..Config::of(&server) };
    welcome(&known.open(), "ada").await;
    for stranger in [None, Some(Authority::new().sign("brokerd"))] {
        outage(&Config { client: stranger, ..Config::of(&server) }.open(), "ada", "ada secret").await;
    }
}

#[tokio::test]
async fn an_old_version_of_tls_is_not_spoken_where_it_is_too_old() {
    let global = "security simple_bind=128\nTLSCipherSuite NORMAL:-VERS-TLS1.3".to_owned();
    let server = Slapd::start_with(&Options { global, ..Options::default() });
    welcome(&Config::of(&server).open(), "ada").await;
    let mut newer = Config::of(&server);
    newer.more.push_str("\nmin_tls_version = '1.3'");
    let outage = outage(&newer.open(), "ada", "ada secret").await;
    assert!(outage.contains("no TLS"), "{outage}");
}

#[tokio::test]
async fn a_certificate_for_the_name_that_is_expected_will_do() {
    let server =
        Slapd::start_with(&Options { certificate_names: vec!["ldap.corp.example".to_owned()], ..Options::default() });
    let called = |name: &str| {
        let mut config = Config::of(&server);
        config.more = format!("server_name = '{name}'");
        config.open()
    };
    welcome(&called("LDAP.corp.example"), "ada").await;
    let outage = outage(&called("ldap2.corp.example"), "ada", "ada secret").await;
    assert!(outage.contains("certificate"), "{outage}");
}
