//! docs/configuration.md says what the types say.

use std::collections::{BTreeMap, BTreeSet};

use broker_core::catalog::KeyFields;
use broker_core::connector::ConnectorSpec;
use broker_core::directory::ldap::{AccountRule, Preset};
use broker_core::file::{Document, Source};
use serde::de::DeserializeOwned;

use super::examples::CERTIFICATE;
use super::introspection::keys_of;
use super::*;
use crate::config::fields::{ConfigFields, PeopleFields};

const PAGE: &str = include_str!("../../../../docs/configuration.md");

const DIRECTORIES: &str = include_str!("../../../../docs/directories.md");

/// The third column of each key's row.
fn documented() -> BTreeMap<String, String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let (key, rest) = row.split_once("` | ").unwrap();
        let default = rest.split(" | ").nth(1).unwrap();
        (key.to_owned(), default.to_owned())
    })
    .collect()
}

fn below(prefix: &str, keys: BTreeSet<String>) -> impl Iterator<Item = String> {
    keys.into_iter().map(move |key| format!("{prefix}.{key}"))
}

#[test]
fn every_key_is_documented_and_no_other() {
    let mut taken = keys_of::<ConfigFields>();
    taken.extend(below("access_key", keys_of::<KeyFields>()));
    taken.extend(below("connector", keys_of::<ConnectorSpec>()));
    // What is taken out of an entry before the type is read from the rest.
    for key in ["access_key.name", "connector.name"] {
        taken.insert(key.to_owned());
    }
    for kind in ["assume_role", "federated_user"] {
        taken.insert(format!("connector.principal.{kind}.policy_file"));
    }
    let documented: BTreeSet<String> = documented().into_keys().collect();
    let missing: Vec<_> = taken.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&taken).collect();
    assert!(missing.is_empty() && invented.is_empty(), "not documented: {missing:#?}\nnot taken: {invented:#?}");
}

#[test]
fn a_people_file_takes_what_people_take() {
    let listed = keys_of::<ConfigFields>();
    let listed: BTreeSet<&str> =
        listed.iter().filter_map(|key| key.strip_prefix("directory.backend.local.people.")).collect();
    let filed = keys_of::<PeopleFields>();
    assert_eq!(filed.iter().filter_map(|key| key.strip_prefix("person.")).collect::<BTreeSet<_>>(), listed);
}

#[test]
fn every_documented_default_is_the_real_one() {
    let mut compared = 0;
    for (key, default) in documented() {
        let Some(default) = default.strip_prefix('`').and_then(|text| text.strip_suffix('`')) else {
            assert!(["*required*", "*none*"].contains(&default.as_str()), "{key}: {default}");
            continue;
        };
        let value: toml::Table = toml::from_str(&format!("value = {default}")).unwrap();
        let same = BASES.iter().any(|base| {
            let base: toml::Table = toml::from_str(base).unwrap();
            let mut explicit = toml::Value::Table(base.clone());
            let path = key.replace(".KEY", ".team");
            if !insert(&mut explicit, &path.split('.').collect::<Vec<_>>(), &value["value"]) {
                return false;
            }
            let toml::Value::Table(explicit) = explicit else { panic!("a table stays one") };
            assert_eq!(read(&key, &explicit), read(&key, &base), "{key} = {default} is not what counts without it");
            true
        });
        assert!(same, "no file below has a place for {key}");
        compared += 1;
    }
    assert!(compared > 40, "only {compared} defaults were compared");
}

#[test]
fn what_is_documented_as_required_is_missed() {
    // Names and the URL are asked for before the type is read; a source is one of two.
    let asked_elsewhere = |key: &str| {
        matches!(key, "public_url" | "access_key.name" | "connector.name")
            || matches!(key.rsplit('.').next(), Some("file" | "env"))
    };
    let mut missed = 0;
    for (key, _) in documented().iter().filter(|(key, default)| *default == "*required*" && !asked_elsewhere(key)) {
        let path: Vec<&str> = key.split('.').collect();
        let removed = BASES.iter().find_map(|base| {
            let mut table = toml::Value::Table(toml::from_str(base).unwrap());
            remove(&mut table, &path).then_some(table)
        });
        let Some(toml::Value::Table(table)) = removed else { panic!("no file below has {key}") };
        let told = read(key, &table);
        assert!(told.contains(&format!("`{}` is missing", path.last().unwrap())), "{key}: {told}");
        missed += 1;
    }
    assert!(missed >= 13, "only {missed} were missed");
}

#[test]
fn the_worked_configurations_of_directories_are_good() {
    let desk = Desk::new();
    desk.write("ca.pem", CERTIFICATE, 0o644);
    let blocks: Vec<&str> =
        DIRECTORIES.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let block =
            ["ad-ca.pem", "ipa-ca.pem"].iter().fold(block.to_owned(), |text, name| text.replace(name, "ca.pem"));
        let block = ["ldap.pw", "ad.pw", "ipa.pw"].iter().fold(block, |text, name| text.replace(name, "password"));
        let text = GOOD.split("[[directory]]").next().unwrap().to_owned() + &block;
        let config = desk.load(&text).unwrap_or_else(|errors| panic!("{errors:#?}\n{block}"));
        assert_eq!(config.directories.len(), 1);
    }
}

#[test]
fn the_table_of_presets_says_what_they_stand_for() {
    let row = |name: &str| {
        let line = DIRECTORIES.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap();
        line.split('|').skip(2).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    for (column, preset) in [Preset::Openldap, Preset::ActiveDirectory, Preset::Freeipa].into_iter().enumerate() {
        let usual = preset.users().unwrap();
        let list = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let rules = usual.account_rules.iter().map(|rule| match rule {
            AccountRule::PasswordPolicy => "password_policy",
            AccountRule::Shadow => "shadow",
            AccountRule::ActiveDirectory => "active_directory",
            AccountRule::Freeipa => "freeipa",
        });
        let class = if usual.class_filter.is_empty() { String::new() } else { format!("`{}`", usual.class_filter) };
        for (name, expected) in [
            ("`sign_in_attributes`", list(usual.sign_in.iter().map(ToString::to_string).collect())),
            ("entries are also", class),
            ("`username_attribute`", format!("`{}`", usual.username)),
            ("`id_attribute`", format!("`{}`", usual.id)),
            ("`display_name_attribute`", format!("`{}`", usual.display_name)),
            ("`email_attribute`", format!("`{}`", usual.email)),
            ("`account_rules`", list(rules.map(str::to_owned).collect())),
            ("`primary_group`", format!("`{}`", usual.primary_group)),
        ] {
            assert_eq!(row(name)[column], expected, "{preset:?} {name}");
        }
    }
}

/// What comes of reading the part of the file that the key is in: its fields, or what is wrong with them.
fn read(key: &str, table: &toml::Table) -> String {
    match key.split('.').next().unwrap() {
        "access_key" => part::<KeyFields>(table, "access_key"),
        "connector" => part::<ConnectorSpec>(table, "connector"),
        _ => {
            let own: toml::Table = table
                .iter()
                .filter(|(key, _)| !["access_key", "connector"].contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            fields::<ConfigFields>(&toml::to_string(&own).unwrap())
        }
    }
}

fn part<T: DeserializeOwned + std::fmt::Debug>(table: &toml::Table, kind: &str) -> String {
    let mut entry = table[kind].as_array().unwrap()[0].as_table().unwrap().clone();
    entry.remove("name");
    fields::<T>(&toml::to_string(&entry).unwrap())
}

fn fields<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    let source = Source::new(Path::new("f"), text.to_owned());
    let reading = Document::parse(&source).unwrap().read::<T>();
    let told: Vec<String> = reading.errors.iter().map(|error| error.text().to_owned()).collect();
    if told.is_empty() { without_places(&format!("{:?}", reading.value.unwrap())) } else { told.join("\n") }
}

/// Where something stands in a file is not part of what it says.
fn without_places(debug: &str) -> String {
    debug
        .split("span: ")
        .map(|part| part.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.'))
        .collect()
}

fn insert(value: &mut toml::Value, path: &[&str], new: &toml::Value) -> bool {
    match (value, path) {
        (toml::Value::Array(entries), path) => entries.iter_mut().any(|entry| insert(entry, path, new)),
        (toml::Value::Table(table), [key]) => {
            let free = !table.contains_key(*key);
            table.entry(*key).or_insert_with(|| new.clone());
            free
        }
        (toml::Value::Table(table), [key, rest @ ..]) => {
            table.get_mut(*key).is_some_and(|value| insert(value, rest, new))
        }
        _ => false,
    }
}

fn remove(value: &mut toml::Value, path: &[&str]) -> bool {
    match (value, path) {
        (toml::Value::Array(entries), path) => entries.iter_mut().any(|entry| remove(entry, path)),
        (toml::Value::Table(table), [key]) => table.remove(*key).is_some(),
        (toml::Value::Table(table), [key, rest @ ..]) => table.get_mut(*key).is_some_and(|value| remove(value, rest)),
        _ => false,
    }
}

/// Files with every table and nothing in it that has a default.
const BASES: [&str; 3] = [
    r#"
public_url = "https://broker.corp.example"
listen = {}
limits = {}
store = {}
sessions = {}
log = {}
aws_clients = {}
aws = { proxy = { url = "http://proxy" } }

[[master_key]]
id = "k"
source = { file = "k" }

[[master_key]]
id = "w"
source.kms = { key_arn = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd", wrapped_file = "w" }

[[directory]]
name = "ldap"
[directory.backend.ldap]
urls = []
users = { base = "dc=corp", disabled = { attribute = "x" } }
groups = { member_of = {} }
client_certificate = { certificate = "c", key = "k" }
pool = {}
lockout = {}

[[directory]]
name = "crowd"
[directory.backend.crowd]
url = "https://crowd.corp.example/crowd"
application = "broker"
password = { file = "k" }
lockout = {}

[[directory]]
name = "local"
backend.local.people = [{ username = "ada", password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$jQkuyJ5kKSjNcQeIYQxsnOOA4fMJbBCTdpLGcMmQSp8" }]

[[workload_issuer]]
name = "cluster"
issuer.kubernetes = { url = "https://cluster.corp.example" }
mapping = [{ connectors = ["ci"] }]

[[workload_issuer]]
name = "own"
issuer.custom = { url = "https://ci.corp.example", tenant_claim = "project" }

[[access_key]]
name = "k"
region = "eu-central-1"
serves = {}
source.stored = { access_key_id = "AKIAIOSFODNN7EXAMPLE", secret_access_key = { file = "k" } }

[[connector]]
name = "role"
access_key = "k"
[connector.principal.assume_role]
role_arn = "arn:aws:iam::123456789012:role/deploy"
tags.team.value = "payments"
"#,
    r#"
listen = { tls = { certificate = "c", key = "k" } }

[[directory]]
name = "ldap"
[directory.backend.ldap]
urls = []
users = { base = "dc=corp" }
groups = { search = { base = "dc=corp" } }

[[directory]]
name = "chains"
[directory.backend.ldap]
urls = []
users = { base = "dc=corp" }
groups = { in_chain = { base = "dc=corp" } }

[[directory]]
name = "tokens"
[directory.backend.ldap]
urls = []
users = { base = "dc=corp" }
groups = { token_groups = { base = "dc=corp" } }

[[connector]]
name = "federated"
access_key = "k"
[connector.principal.federated_user]
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
tags.team.value = "payments"
"#,
    r#"
[[connector]]
name = "session"
access_key = "k"
principal.session_token = {}
"#,
];
