use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::access_key::KeyHealth;
use crate::connector::{Audience, ManagedBy};
use crate::id::AccessKeyId;
use crate::vault::Sealed;

const WHOLE: &str = r#"
[[access_key]]
name = "main"
region = "eu-central-1"
endpoint_url = "http://127.0.0.1:4566"
serves = { principals = ["assume_role", "session_token"], connectors = ["deploy", "whole"] }
[access_key.source.stored]
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = { file = "keys/main" }

[[access_key]]
name = "second"
region = "eu-west-1"
source.stored = { access_key_id = "AKIAI44QH8DHBEXAMPLE", secret_access_key = { env = "BROKERD_SECRET_KEY" } }

[[connector]]
name = "deploy"
description = "Deploys to production"
access_key = "main"
scope = "user"
groups = ["corp/release-team", "everybody"]
reuse = { minimum_share = 0.5 }
console = { destination = "https://eu-central-1.console.aws.amazon.com/ecs" }
[connector.principal.assume_role]
role_arn = "arn:aws:iam::123456789012:role/deploy"
external_id = "corp-7f3a"
policy_file = "policies/read.json"
policy_arns = []
default_duration_seconds = 3600
max_duration_seconds = 14400
session_name = "{username}"
source_identity = "{username}"
tags.team = { value = "payments", transitive = true }
tags.mail = { from = "email" }

[[connector]]
name = "reports"
access_key = "second"
[connector.principal.federated_user]
policy = '''
{ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }
'''

[[connector]]
name = "whole"
access_key = "main"
principal = { session_token = {} }
"#;

fn stored_key(name: &str, managed_by: ManagedBy) -> AccessKey {
    let details = json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1" });
    AccessKey {
        id: AccessKeyId::random(),
        name: name.to_owned().try_into().unwrap(),
        generation: 1,
        managed_by,
        details: serde_json::from_value(details).unwrap(),
        sealed: Sealed::from_store(String::new()),
        health: KeyHealth::default(),
    }
}

#[test]
fn a_whole_file_is_read_with_what_it_refers_to() {
    let desk = Desk::new();
    let catalog = desk.read(WHOLE).unwrap();
    let secrets: Vec<&str> = catalog.access_keys.iter().map(|key| key.secret.expose_secret()).collect();
    assert_eq!(secrets, ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "from-the-environment"]);
    assert_eq!(catalog.access_keys[0].details.sts_endpoint(), "http://127.0.0.1:4566/");
    let [deploy, reports, whole] = &catalog.connectors[..] else { panic!("three connectors") };
    assert_eq!((deploy.line, reports.line, whole.line), (16, 36, 44));
    let Audience::People(groups) = deploy.spec.audience() else { panic!("for people") };
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["corp/everybody", "corp/release-team"], "a bare name is completed where one directory is");
    assert!(deploy.spec.principal().policy().unwrap().as_str().contains("s3:Get*"));
    assert_eq!(reports.spec.audience(), &Audience::People([].into()), "administrators only");
    assert!(!format!("{catalog:?}").contains("wJalr"), "Debug shows no secret");
}

#[test]
fn what_deserves_a_second_look_is_a_warning_with_its_place() {
    let desk = Desk::new();
    let warnings = desk.told(&desk.read(WHOLE).unwrap().warnings);
    let [everything, whole] = &warnings[..] else { panic!("{warnings:#?}") };
    assert!(
        everything
            .starts_with("connectors.toml:41:16: connector \"reports\": principal.federated_user.policy: statement 1"),
        "{everything}"
    );
    assert!(
        whole.starts_with("connectors.toml:47:15: connector \"whole\": principal.session_token: it hands out"),
        "{whole}"
    );
}

#[test]
fn an_empty_file_is_an_empty_catalog() {
    let catalog = Desk::new().read("# nothing yet\n").unwrap();
    assert!(catalog.access_keys.is_empty() && catalog.connectors.is_empty() && catalog.warnings.is_empty());
}

#[test]
fn a_connector_may_name_a_key_of_the_api_and_no_key_that_the_file_has_dropped() {
    let mut desk = Desk::new();
    desk.stored.good = vec![stored_key("by-api", ManagedBy::Api), stored_key("dropped", ManagedBy::File)];
    let connector =
        |key: &str| format!("[[connector]]\nname = \"a\"\naccess_key = \"{key}\"\nprincipal.session_token = {{}}\n");
    assert!(desk.read(connector("by-api")).is_ok());
    assert!(desk.read(connector("dropped")).unwrap_err()[0].contains("no access key is called `dropped`"));
    let errors = desk.read(connector("main")).unwrap_err();
    assert_eq!(
        errors,
        ["connectors.toml:3:1: connector \"a\": access_key: no access key is called `main`: \
          add an [[access_key]] of this name, or `brokerd key add` it"]
    );
}

#[test]
fn without_a_store_an_unknown_key_is_worth_a_warning() {
    let desk = Desk::new();
    desk.write(
        "connectors.toml",
        "[[connector]]\nname = \"a\"\naccess_key = \"k\"\nprincipal.session_token = {}",
        0o600,
    );
    let context = Context { directories: &[], secrets_folder: None, environment: &desk.environment, stored_keys: None };
    let warnings = read(&desk.path(), &context).unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.to_string().contains("was not looked up")), "{warnings:?}");
}

#[test]
fn a_policy_file_that_many_connectors_share_is_told_of_once() {
    let desk = Desk::new();
    desk.write("policies/all.json", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#, 0o644);
    let connectors = ["c0", "c1", "c2"].map(|name| {
        format!(
            "[[connector]]\nname = \"{name}\"\naccess_key = \"main\"\n\
             principal.federated_user.policy_file = \"policies/all.json\"\n"
        )
    });
    let connectors = connectors.concat();
    let catalog = desk.read(format!("{KEY}{connectors}")).unwrap();
    assert_eq!((catalog.connectors.len(), catalog.warnings.len()), (3, 1));
    assert!(desk.told(&catalog.warnings)[0].starts_with("policies/all.json:1:14: connector \"c0\""));
}
