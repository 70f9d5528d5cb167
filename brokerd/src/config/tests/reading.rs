use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

const WHOLE: &str = r#"
public_url = "https://broker.corp.example:8443"
connectors_file = "connectors.toml"
admin_groups = ["corp/broker-admins"]
administrators_use_every_connector = false
secrets_folder = "."
listen = { address = "0.0.0.0:9000", trusted_proxies = ["10.0.0.5", "192.168.7.1/16"] }
store = { url = "postgres://brokerd@db.corp.example/brokerd", password = { env = "BROKERD_SECRET_PASSWORD" } }
sessions = { idle_seconds = 600, absolute_seconds = 6000, recheck_seconds = 30 }
log = { format = "json", level = "debug" }

[aws]
retries = 3
deadline_seconds = 30
interactive_deadline_seconds = 10
connect_timeout_seconds = 2
attempt_timeout_seconds = 5
proxy = { url = "http://proxy.corp.example:3128", username = "brokerd", password = { file = "password" } }
no_proxy = ["localhost", ".corp.example"]
endpoint_url = "http://127.0.0.1:4566"
federation_url = "http://127.0.0.1:4566/federation"
ecr_endpoint_url = "http://127.0.0.1:4567"
codeartifact_endpoint_url = "http://127.0.0.1:4568"

[[master_key]]
id = "2025"
source = { env = "BROKERD_SECRET_MASTER" }

[[master_key]]
id = "2026"
seals = true
source = { file = "master.key" }

[[directory]]
name = "corp"
may_grant_admin = true
[directory.backend.ldap]
urls = ["ldap://127.0.0.1"]
plain_text_on_loopback = true
bind_dn = "cn=brokerd,dc=corp"
bind_password = { file = "password" }
users = { base = "ou=people,dc=corp", filter = "(uid={username})" }
groups = { member_of = { base = "ou=groups,dc=corp" } }

[[directory]]
name = "here"
backend.local.people_file = "people.toml"
"#;

#[test]
fn the_least_file_has_everything_else_by_default() {
    let config = Desk::new().load(GOOD).unwrap();
    assert_eq!(config.public_url.as_str(), "https://broker.corp.example/");
    assert_eq!(config.connectors_file, None);
    assert!(config.rules.administrators_use_every_connector);
    assert_eq!(config.listen.address.to_string(), "127.0.0.1:8080");
    assert!(matches!(&config.store, Location::Sqlite(path) if path.ends_with("brokerd.db") && path.is_absolute()));
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    assert_eq!((config.sessions.idle, config.sessions.absolute), (hours(8), hours(24)));
    assert_eq!(config.sessions.max_per_person.get(), 100);
    assert_eq!(config.sessions.recheck, Duration::from_mins(5));
    assert_eq!((config.aws.sts.retries, config.aws.deadline.as_secs()), (7, 60));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, Level::Info));
    assert_eq!((config.master_keys.len(), config.seals_with.as_str()), (1, "2026-01"));
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].contains("nobody administrates"), "{told:?}");
}

#[test]
fn a_whole_file_is_read_with_its_secrets() {
    let desk = Desk::new();
    desk.write("people.toml", "", 0o600);
    let config = desk.load(WHOLE).unwrap();
    assert_eq!(config.public_url.as_str(), "https://broker.corp.example:8443/");
    assert_eq!(config.connectors_file, Some(desk.folder.path().join("connectors.toml")));
    let admins: Vec<String> = config.admin_groups.administrators.iter().map(ToString::to_string).collect();
    assert_eq!(admins, ["corp/broker-admins"]);
    assert!(!config.rules.administrators_use_every_connector);
    let proxies: Vec<String> = config.listen.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.5/32", "192.168.0.0/16"]);
    let Location::Postgres { password: Some(password), .. } = &config.store else { panic!("PostgreSQL") };
    assert_eq!(password.expose_secret(), "from the environment");
    let proxy = config.aws.outbound.proxy.as_ref().unwrap();
    assert_eq!(
        (proxy.url.as_str(), proxy.past.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("http://proxy.corp.example:3128/", vec!["localhost".to_owned(), ".corp.example".to_owned()])
    );
    assert_eq!(proxy.login.as_ref().unwrap().password.expose_secret(), "s3cret");
    assert_eq!(config.aws.federation_url.as_ref().unwrap().path(), "/federation");
    let registries = &config.aws.registries;
    let ports = [&registries.ecr_endpoint_url, &registries.codeartifact_endpoint_url].map(|url| url.as_ref()?.port());
    assert_eq!(ports, [Some(4_567), Some(4_568)]);
    assert_eq!((config.master_keys.len(), config.seals_with.as_str()), (2, "2026"));
    let names: Vec<&str> = config.directory_names.iter().map(DirectoryName::as_str).collect();
    assert_eq!(names, ["corp", "here"], "in the order of look-up");
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("from the env") && !shown.contains(KEY),
        "Debug shows no secret"
    );
}

#[test]
fn a_bare_group_is_completed_where_one_directory_is() {
    let config = Desk::new().load(format!("admin_groups = [\"admins\"]\n{GOOD}")).unwrap();
    assert_eq!(config.admin_groups.administrators.iter().next().unwrap().to_string(), "corp/admins");
}

#[test]
fn the_key_that_is_yet_to_be_made_is_found_without_it() {
    let desk = Desk::new();
    fs::remove_file(desk.folder.path().join("master.key")).unwrap();
    assert!(desk.load(GOOD).unwrap_err()[0].contains("`brokerd init` makes one for a new installation"));
    let expected = desk.folder.path().canonicalize().unwrap().join("master.key");
    assert_eq!(sealing_key(&desk.path()).unwrap(), SealingKey::File(expected));
    desk.write("brokerd.toml", GOOD.replace("{ file = \"master.key\" }", "{ env = \"BROKERD_SECRET_MASTER\" }"), 0o644);
    assert_eq!(sealing_key(&desk.path()).unwrap(), SealingKey::Environment);
    desk.write("brokerd.toml", GOOD.replace("\"master.key\"", "\"../master.key\""), 0o644);
    assert!(sealing_key(&desk.path()).unwrap_err()[0].to_string().contains("leads out of"));
}
