//! What is shipped as an example works as it is.

use std::collections::BTreeSet;
use std::path::Path;

use broker_core::catalog;
use broker_core::connector::{Audience, Scope};
use broker_core::policy::SessionPolicy;
use broker_core::principal::PrincipalType;
use broker_core::store::Found;

use super::*;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

/// A folder with the example files under their real names, and the secrets that they speak of.
fn copied() -> Desk {
    let desk = Desk::new();
    fs::create_dir(desk.folder.path().join("keys")).unwrap();
    fs::create_dir(desk.folder.path().join("policies")).unwrap();
    desk.write("keys/main", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 0o600);
    desk.write("ldap.pw", "s3cret", 0o600);
    desk.write("ca.pem", CERTIFICATE, 0o644);
    for policy in policies("policies") {
        desk.write(&policy, shipped(&policy), 0o644);
    }
    desk.write("connectors.toml", shipped("connectors.example.toml"), 0o644);
    desk
}

fn policies(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let names = entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
    names.filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "json")).collect()
}

#[test]
fn the_example_configuration_is_good() {
    let config = copied().load(shipped("brokerd.example.toml")).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.directories.len(), 2);
}

#[test]
fn the_example_connectors_are_good_and_show_every_kind() {
    let desk = copied();
    let both = desk.load(shipped("brokerd.example.toml")).unwrap();
    let (directories, nothing) = (["corp".to_owned().try_into().unwrap()], Found::default());
    let alone = catalog::Context { directories: &directories, ..both.catalog_context(Some(&nothing)) };
    let read = |context: &catalog::Context<'_>| catalog::read(both.connectors_file.as_ref().unwrap(), context);
    read(&alone).unwrap();
    let catalog =
        read(&both.catalog_context(Some(&nothing))).unwrap_or_else(|errors| panic!("{:?}", desk.told(&errors)));
    let warnings = desk.told(&catalog.warnings);
    assert!(warnings.len() == 1 && warnings[0].contains("tell the people who use it apart"), "{warnings:?}");

    let developers = |audience: &Audience| matches!(audience, Audience::People(groups) if groups.iter().any(|group| group.name == "developers"));
    let of_developers = catalog.connectors.iter().filter(|connector| developers(connector.spec.audience()));
    let kinds: BTreeSet<PrincipalType> = of_developers.map(|connector| connector.spec.principal().kind()).collect();
    assert_eq!(kinds.len(), 3, "a developer has one of each");
    let system = catalog.connectors.iter().find(|connector| connector.spec.scope() == Scope::System).unwrap();
    assert_eq!(system.name.as_str(), "ci-deploy");
    assert!(
        catalog.connectors.iter().any(|c| *c.spec.audience() == Audience::People(BTreeSet::new())),
        "administrators only"
    );
}

#[test]
fn every_example_policy_is_one_that_aws_takes() {
    let policies = policies("policies");
    assert!(policies.len() >= 3);
    for name in policies {
        let policy = SessionPolicy::parse(&shipped(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(policy.warnings().is_empty(), "{name}: {:?}", policy.warnings());
    }
}

#[test]
fn the_brokers_own_user_has_the_same_rights_in_both_forms() {
    let policy: serde_json::Value = serde_json::from_str(&shipped("policies/iam/broker-user.json")).unwrap();
    let template = shipped("policies/cloudformation/broker-user.yaml");
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    let sts: Vec<&str> =
        actions.filter_map(|action| action.as_str()).filter(|action| action.starts_with("sts:")).collect();
    assert_eq!(sts.len(), 5);
    for action in &sts {
        assert!(template.contains(&format!("- {action}\n")), "{action}");
    }
    assert_eq!(template.matches("- sts:").count(), sts.len(), "and no others");
    // It is the same grammar as a session policy's.
    SessionPolicy::parse(&policy.to_string()).unwrap();
}

#[test]
fn who_ends_sessions_needs_no_more_than_the_two_calls_it_makes() {
    let policy: serde_json::Value = serde_json::from_str(&shipped("policies/iam/revoke-sessions.json")).unwrap();
    let [statement] = policy["Statement"].as_array().unwrap().as_slice() else { panic!("one statement") };
    assert_eq!(statement["Action"], serde_json::json!(["iam:GetRolePolicy", "iam:PutRolePolicy"]));
    SessionPolicy::parse(&policy.to_string()).unwrap();
}

/// Of nobody: its key was thrown away.
pub(super) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBfDCCASGgAwIBAgIUFdx5dAw5fGJkN78I9J75PsQ7ZzUwCgYIKoZIzj0EAwIw\n\
EjEQMA4GA1UEAwwHZXhhbXBsZTAgFw0yNjExMjIwMjQzNThaGA8yMTI2MTAyOTAy\n\
NDM1OFowEjEQMA4GA1UEAwwHZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n\
A0IABOSMZOnFKziorlzU16keQXpdtbGbUx2yEj33GfA51PACVemvydqdOroOVNRY\n\
LViCUqtUDZPeOuywYZH3/0e/oZKjUzBRMB0GA1UdDgQWBBSfZ8/YbT3UphDRUNh0\n\
TK4b8viiLjAfBgNVHSMEGDAWgBSfZ8/YbT3UphDRUNh0TK4b8viiLjAPBgNVHRMB\n\
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDygwLfzv6sDpd12xQK5LAR8HjD\n\
KlB9pIrQrwnIXOCFmAIhAIhQso0fSjNMoh/99MvD4pG65RPl85ENHphsjC/bDgxn\n\
-----END CERTIFICATE-----\n";
