//! What cannot be written down, and what can.

use serde_json::{Value, json};

use super::*;
use crate::partition::Partition;

fn refusal(principal: Value) -> String {
    serde_json::from_value::<Principal>(principal).unwrap_err().to_string()
}

fn accepted(principal: Value) -> Principal {
    serde_json::from_value(principal).unwrap()
}

fn role(field: &str, value: Value) -> Value {
    let mut fields = json!({ "role_arn": "arn:aws:iam::123456789012:role/deploy" });
    fields[field] = value;
    json!({ "assume_role": fields })
}

#[test]
fn a_session_token_with_a_policy_a_name_or_tags_cannot_be_written_down() {
    for field in ["policy", "policy_arns", "session_name", "tags", "external_id"] {
        let refusal = refusal(json!({ "session_token": { field: "x" } }));
        assert!(refusal.contains(&format!("unknown field `{field}`")), "{refusal}");
    }
}

#[test]
fn a_federated_user_has_rights_from_one_place() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    assert!(refusal(json!({ "federated_user": {} })).contains("can do nothing"));
    assert!(
        refusal(json!({ "federated_user": { "policy": policy, "resource_policies_grant_access": true } }))
            .contains("stands alone")
    );
    accepted(json!({ "federated_user": { "policy": policy } }));
    accepted(json!({ "federated_user": { "resource_policies_grant_access": true } }));
    accepted(json!({ "federated_user": { "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }));
}

#[test]
fn a_federated_users_tags_are_never_transitive() {
    let tagged = json!({ "federated_user": {
        "resource_policies_grant_access": true, "tags": { "team": { "value": "a", "transitive": true } } } });
    assert!(refusal(tagged).contains("unknown field `transitive`"));
}

#[test]
fn durations_follow_each_other_and_keep_to_awss_limits() {
    assert_eq!(accepted(json!({ "session_token": {} })).durations(), (3_600, 3_600), "one hour, not AWS's twelve");
    assert_eq!(accepted(role("max_duration_seconds", json!(43_200))).durations(), (3_600, 43_200));
    assert_eq!(accepted(role("max_duration_seconds", json!(900))).durations(), (900, 900));
    assert_eq!(accepted(role("default_duration_seconds", json!(7_200))).durations(), (7_200, 7_200));
    assert!(refusal(role("max_duration_seconds", json!(43_201))).contains("too long"));
    assert!(refusal(role("default_duration_seconds", json!(899))).contains("too short"));
    let crossed = json!({ "session_token": { "default_duration_seconds": 2_000, "max_duration_seconds": 1_000 } });
    assert!(refusal(crossed).contains("more than max_duration_seconds"));
}

#[test]
fn policies_are_of_the_roles_own_account_and_partition_and_few() {
    for arn in ["arn:aws:iam::999999999999:policy/p", "arn:aws-cn:iam::aws:policy/p"] {
        assert!(refusal(role("policy_arns", json!([arn]))).contains("of the role's account"), "{arn}");
    }
    let arns = |count: u32| {
        (0..count).map(|n| json!(format!("arn:aws:iam::123456789012:policy/p{n}"))).collect::<Vec<Value>>()
    };
    accepted(role("policy_arns", json!(arns(10))));
    assert!(refusal(role("policy_arns", json!(arns(11)))).contains("at most 10"));
    assert!(refusal(role("policy_arns", json!([arns(1)[0], arns(1)[0]]))).contains("twice"));
}

#[test]
fn external_ids_keep_to_awss_characters() {
    for (id, fits) in [("ab", true), ("a", false), ("a b", false), ("corp-7f3a:/x", true), ("ä2", false)] {
        assert_eq!(ExternalId::try_from(id.to_owned()).is_ok(), fits, "{id}");
    }
    assert!(ExternalId::try_from("x".repeat(1_225)).is_err());
}

#[test]
fn tag_keys_are_one_whatever_their_case() {
    let twice = json!({ "Team": { "value": "a" }, "team": { "value": "b" } });
    assert!(refusal(role("tags", twice)).contains("does not regard case"));
    assert!(refusal(role("tags", json!({ "t": {} }))).contains("one of value and from"));
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("t{n}"), json!({ "value": "" }))).collect();
    assert!(refusal(role("tags", Value::Object(many))).contains("at most 50"));
}

#[test]
fn a_session_that_names_nobody_is_refused_unless_the_source_identity_does() {
    assert!(refusal(role("session_name", json!("deploy"))).contains("tell people apart"));
    let mut named = role("session_name", json!("deploy"));
    named["assume_role"]["source_identity"] = json!("{username}");
    accepted(named.clone());
    named["assume_role"]["source_identity"] = json!("deploy");
    assert!(refusal(named).contains("source_identity must have"));
}

#[test]
fn what_is_written_is_read_again() {
    let mut fields = role("tags", json!({ "team": { "value": "a", "transitive": true }, "who": { "from": "groups" } }));
    fields["assume_role"]["source_identity"] = json!("{username}");
    let principal = accepted(fields);
    assert_eq!(accepted(serde_json::to_value(&principal).unwrap()), principal);
}

#[test]
fn an_mfa_device_is_of_the_roles_partition_and_never_of_a_federated_user() {
    let device = "arn:aws:iam::999999999999:mfa/broker";
    let principal = accepted(role("mfa_serial", json!(device)));
    assert_eq!(principal.mfa_serial().unwrap().as_str(), device, "of the key's owner, who may be of another account");
    assert_eq!(accepted(role("mfa_serial", json!("GAHT12345678"))).mfa_serial().unwrap().as_str(), "GAHT12345678");
    assert_eq!(accepted(json!({ "session_token": {} })).mfa_serial(), None);
    let token = accepted(json!({ "session_token": { "mfa_serial": "arn:aws-cn:iam::999999999999:mfa/broker" } }));
    assert_eq!(token.partition(), Some(Partition::AwsCn), "so that the key must be of it");
    let foreign = refusal(role("mfa_serial", json!("arn:aws-cn:iam::999999999999:mfa/broker")));
    assert!(foreign.contains("another partition than the role"), "{foreign}");
    for rubbish in [json!(""), json!("short"), json!(123_456_789), json!("arn:aws:iam::999999999999:user/x")] {
        assert!(serde_json::from_value::<Principal>(role("mfa_serial", rubbish.clone())).is_err(), "{rubbish}");
    }
    for given in [json!(device), json!(7), json!(null), json!("")] {
        let user = json!({ "federated_user": { "resource_policies_grant_access": true, "mfa_serial": given } });
        let said = serde_json::from_value::<Principal>(user).map(|_| ()).map_err(|error| error.to_string());
        if given.is_null() {
            assert_eq!(said, Ok(()));
        } else {
            assert!(said.unwrap_err().contains("GetFederationToken takes no code of an MFA device"));
        }
    }
    // What is not said is not stored, so that the release before reads it.
    for principal in [role("session_name", json!("{username}")), json!({ "session_token": {} })] {
        let written = serde_json::to_string(&accepted(principal)).unwrap();
        assert!(!written.contains("mfa_serial"), "{written}");
    }
    let written = serde_json::to_value(&principal).unwrap();
    assert_eq!(accepted(written), principal);
}
