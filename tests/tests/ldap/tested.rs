//! `brokerd directory test` against OpenLDAP: each step as the daemon does it, and what to do where one fails.

use std::io::Write;
use std::time::{Duration, Instant};

use broker_core::caller::Person;
use ldap3_proto::proto::LdapOp;
use serde_json::Value;
use tests::brokerd::Installation;
use tests::certificates::Authority;
use tests::ended::Ended;
use tests::slapd::{GROUPS, Options, SERVICE, SERVICE_PASSWORD, Slapd, USERS};

use crate::groups::chain;
use crate::played::{Played, bound_saying, message};
use crate::servers::closed_port;
use crate::{Config, welcome};

const CONNECTORS: &str = "[[access_key]]\nname = \"main\"\nregion = \"us-east-1\"\n\
     source.stored = { access_key_id = \"AKIAIOSFODNN7EXAMPLE\", secret_access_key = { file = \"keys/main\" } }\n\
     [[connector]]\nname = \"deploy\"\naccess_key = \"main\"\ngroups = [\"corp/staff\"]\n\
     [connector.principal.assume_role]\nrole_arn = \"arn:aws:iam::111111111111:role/deploy\"\n\
     [[connector]]\nname = \"audit\"\naccess_key = \"main\"\ngroups = [\"corp/auditors\"]\n\
     [connector.principal.assume_role]\nrole_arn = \"arn:aws:iam::111111111111:role/audit\"\n";

/// What the file of an installation has of a directory `corp`.
pub(crate) fn installation(config: &Config) -> Installation {
    let Config { urls, ca_pem, client, password, users, groups, more } = config;
    let ca_file = if ca_pem.is_some() { "ca_file = \"ca.pem\"" } else { "" };
    let client_certificate = match client {
        Some(_) => "client_certificate = { certificate = \"client.pem\", key = \"client.key\" }",
        None => "",
    };
    let here = Installation::new(
        &format!(
            "admin_groups = [\"corp/staff\"]\n[[directory]]\nname = \"corp\"\nmay_grant_admin = true\n[directory.backend.ldap]\n\
             urls = {urls:?}\n{ca_file}\n{client_certificate}\nbind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\n{more}\n\
             users = {{ base = '{USERS}'{users} }}\ngroups = {{ {groups} }}\n"
        ),
        CONNECTORS,
    );
    here.write("ldap.pw", password);
    here.write("keys/main", "s3cret-of-the-key");
    if let Some(pem) = ca_pem {
        here.write("ca.pem", pem);
    }
    if let Some(client) = client {
        here.write("client.pem", &client.certificate);
        here.write("client.key", &client.key);
    }
    here
}

fn test(config: &Config, arguments: &[&str], input: &str) -> Ended {
    let here = installation(config);
    let ended = here.run(&[&["directory", "test", "corp"], arguments].concat(), input);
    for secret in [SERVICE_PASSWORD, "s3cret-of-the-key", config.password.as_str(), "ada secret"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
    }
    assert!(!here.path("brokerd.db").exists(), "it opens no store");
    ended
}

fn failed(config: &Config, arguments: &[&str], input: &str) -> String {
    let ended = test(config, arguments, input);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    ended.stdout
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn each_step_is_told_from_the_name_to_what_the_groups_give() {
    let server = Slapd::start();
    let search = format!("search = {{ base = '{GROUPS}', nested = true }}");
    let text = test(&Config::of(&server).groups(&search), &["--user", "ADA"], "").succeeded();
    has(
        &text,
        &[
            "looking up `127.0.0.1`: 127.0.0.1",
            "connected to 127.0.0.1:",
            "TLS 1.3, TLS13_",
            "certificate of `CN=",
            "days more",
            &format!("binding as `{SERVICE}`"),
            "asking it about itself: OpenLDAP; gives entries in pages: yes; tells what its password policy says: yes; is Active Directory (`token_groups`, `in_chain`): no",
            &format!("searching below `{USERS}` (sub) by (uid=ADA): entries: 1: uid=ada,{USERS}"),
            "groups by `search, nested`: 2, by 2 searches",
            "groups: 2: corp/Release, Team, corp/staff",
            "`ada`, Ada, Countess of Lovelace, ada@corp.example (names no session and no tag)",
            "role: administrator",
            "connectors of the connectors file: 2: deploy, audit",
            "all steps are good",
        ],
    );
    assert!(!text.contains("FAILED"), "{text}");
}

#[tokio::test]
async fn it_finds_whom_the_daemon_finds_and_says_so_as_json() {
    let server = Slapd::start();
    let config = Config::of(&server);
    let told = test(&config, &["--user", "ada", "--json"], "").json();
    let Person { subject, username, groups, .. } = welcome(&config.open(), "ada").await;
    let person = &told["person"];
    assert_eq!(
        (person["id"].as_str(), person["username"].as_str()),
        (Some(subject.id.as_str()), Some(username.as_str()))
    );
    let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
    assert_eq!(person["groups"], serde_json::json!(names));
    assert_eq!(
        (told["good"].as_bool(), told["directory"].as_str(), told["kind"].as_str()),
        (Some(true), Some("corp"), Some("ldap"))
    );
    let steps = told["steps"].as_array().unwrap();
    let words: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let way = ["resolve", "connect", "tls", "service_bind"];
    assert_eq!(
        words,
        [
            &way[..],
            &["root"],
            &way,
            &["search", "groups", "account", "identity", "group_names", "role", "connectors", "lockout"]
        ]
        .concat()
    );
    assert!(
        steps.iter().take(5).all(|step| step["server"] == server.ldaps_url() && step["microseconds"].is_u64()),
        "{told}"
    );
}

#[test]
fn starttls_is_a_step_and_so_is_the_name_that_the_certificate_is_for() {
    let server =
        Slapd::start_with(&Options { certificate_names: vec!["ldap.corp.example".to_owned()], ..Options::default() });
    let mut config = Config::of(&server).starttls();
    config.urls = vec![server.ldap_url()];
    let text = failed(&config, &[], "");
    has(&text, &["asking for TLS (StartTLS)", "FAILED", "not valid for name", "`server_name`"]);
    config.more.push_str("\nserver_name = \"ldap.corp.example\"");
    let text = test(&config, &[], "").succeeded();
    has(
        &text,
        &["asking for TLS (StartTLS)", "TLS with a server of the name `ldap.corp.example` (by `server_name`): TLS 1.3"],
    );
}

#[test]
fn another_authority_and_a_wrong_password_of_our_own_are_told_with_what_to_do() {
    let server = Slapd::start();
    let stranger = Config { ca_pem: Some(Authority::new().pem().to_owned()), ..Config::of(&server) };
    let text = failed(&stranger, &["--user", "ada"], "");
    has(&text, &["invalid peer certificate", "-> give as `ca_file` the certificate of the authority"]);
    assert!(!text.contains("binding as"), "nothing of ours was said: {text}");

    let wrong = Config { password: "not the service's".to_owned(), ..Config::of(&server) };
    let text = failed(&wrong, &[], "");
    has(&text, &["it refuses our own credential with code 49", "-> write `bind_dn` as the directory has it"]);
}

#[test]
fn every_server_is_tried_and_the_one_that_failed_is_asked_last() {
    let server = Slapd::start();
    let closed = closed_port();
    let config = Config { urls: vec![closed.clone(), server.ldaps_url()], ..Config::of(&server) };
    let text = failed(&config, &["--user", "ada"], "");
    has(
        &text,
        &[
            closed.trim_start_matches("ldaps://"),
            "Connection refused",
            "-> see whether the server runs",
            "it rests now: for 30 s",
            "1 step failed",
        ],
    );
    let (_, person) = text.split_once("The person").unwrap();
    assert!(!person.contains(&closed) && person.contains(&server.ldaps_url()), "{text}");
    has(person, &["`ada`"]);
}

#[test]
fn a_server_that_hangs_is_given_up_in_the_daemons_time_and_the_step_is_told() {
    let hung = Played::that_hangs();
    let started = Instant::now();
    let text = failed(&Config::plain(&[&hung.url()]).quick(), &[], "");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    has(&text, &["connected to 127.0.0.1", "FAILED", "binding as", "no answer in time", "`operation_timeout_seconds`"]);
}

#[test]
fn what_a_server_says_drives_no_terminal() {
    let rude = Played::by(|id, asked, stream| match asked {
        LdapOp::BindRequest(_) => stream.write_all(&message(id, bound_saying(49, "\u{1b}[2J\u{202e}no"))),
        _ => Ok(()),
    });
    let text = failed(&Config::plain(&[&rude.url()]).quick(), &[], "");
    has(&text, &["code 49, `[2Jno`"]);
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}

#[test]
fn who_is_not_there_or_there_twice_or_locked_is_told_as_such() {
    let server = Slapd::start();
    let config = Config::of(&server);
    has(
        &failed(&config, &["--user", "nobody"], ""),
        &["entries: 0", "nobody has this name", "`users.sign_in_attributes`"],
    );
    has(&failed(&config, &["--user", "twin"], ""), &["entries: 2", "more than one entry", "`users.filter` narrower"]);
    server.set("bob", "pwdAccountLockedTime", "000001010000Z");
    has(&failed(&config, &["--user", "bob"], ""), &["FAILED", "locked by its directory", "`bob`"]);
    let filtered = failed(&config, &["--user", "*)(uid=ada"], "");
    has(&filtered, &[r"(uid=\2a\29\28uid=ada)", "nobody has this name"]);
}

#[test]
fn a_password_is_tried_once_and_a_wrong_one_is_said_to_count() {
    let server = Slapd::start();
    let config = Config::of(&server).locks_after(3);
    let ended = test(&config, &["--user", "ada", "--sign-in"], "ada secret\n");
    has(&ended.stderr, &["A wrong password counts in the directory", "after 3 of them"]);
    has(
        &ended.succeeded(),
        &[
            "showing it the password, as `uid=ada,",
            "it says code 0, which means: right",
            "right: this lets the person in",
        ],
    );
    let asked = server.logged("BIND dn=\"uid=ada");
    let text = failed(&config, &["--user", "ada", "--sign-in"], "not hers\n");
    has(&text, &["it says code 49, which means: wrong password"]);
    assert!(!text.contains("not hers"));
    assert_eq!(server.logged_when(asked + 1, "BIND dn=\"uid=ada") - asked, 1, "once, and no more: {}", server.log());
    let untried = failed(&config, &["--user", "nobody", "--sign-in"], "never read");
    has(&untried, &["not tried: there is nobody"]);
}

#[test]
fn groups_that_the_caps_cut_off_are_a_failing_step() {
    let server = Slapd::start();
    server.tool("ldapadd", &[], &chain(11)).succeeded();
    let search = format!("search = {{ base = '{GROUPS}', nested = true }}");
    let text = failed(&Config::of(&server).groups(&search), &["--user", "bob"], "");
    has(&text, &["FAILED", "groups by `search, nested`", "nested too deep"]);
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let server = Slapd::start();
    let here = installation(&Config::of(&server));
    let before = server.logged("ACCEPT");
    has(&here.run(&["directory", "test", "other"], "").failed(), &["there is `corp`"]);
    has(&here.run(&["directory", "test", "corp", "--user", "a\u{7}"], "").failed(), &["cannot be a user name"]);
    let long = "x".repeat(257);
    has(&here.run(&["directory", "test", "corp", "--user", &long], "").failed(), &["cannot be a user name"]);
    assert_eq!(here.run(&["directory", "test", "corp", "--sign-in"], "").status.code(), Some(2));
    assert_eq!(server.logged("ACCEPT"), before);
    let text: Value = here.run(&["directory", "test", "corp", "--json"], "").json();
    assert_eq!(text["person"], Value::Null);
}

#[test]
fn what_keeps_the_daemon_from_being_ready_fails_with_nobody_named() {
    let server = Slapd::start();
    let by_token = format!("token_groups = {{ base = '{GROUPS}' }}");
    let text = failed(&Config::of(&server).groups(&by_token), &[], "");
    has(&text, &["FAILED", "it does not say that it is Active Directory"]);
    let here = installation(&Config::of(&server));
    here.edit("brokerd.toml", &format!("base = '{USERS}'"), "base = 'ou=peeple,dc=corp,dc=example'");
    let ended = here.run(&["directory", "test", "corp"], "");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    has(
        &ended.stdout,
        &["What the daemon asks before it calls itself ready", "FAILED", "write the base as the directory has it"],
    );
}
