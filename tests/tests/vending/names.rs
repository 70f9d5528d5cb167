//! What AWS and CloudTrail get to see of a person: session names, tags, source identity, external ID.

use std::collections::BTreeMap;

use serde_json::json;
use tests::world::{HOSTILE, World};

#[tokio::test(flavor = "multi_thread")]
async fn tags_source_identity_and_external_id_arrive_at_sts_and_in_the_trail() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let vended = ada.vended("guarded", &json!({})).await;
    let sent: BTreeMap<String, String> = world.calls("AssumeRole").pop().unwrap().parameters;
    let sent = |name: &str| sent.get(name).map(String::as_str);
    assert_eq!(sent("ExternalId"), Some("corp-7f3a"));
    assert_eq!(sent("SourceIdentity"), Some("ada"));
    assert_eq!(sent("RoleSessionName"), Some("guarded-ada"));
    let tag = |n: usize| (sent(&format!("Tags.member.{n}.Key")), sent(&format!("Tags.member.{n}.Value")));
    let tags: BTreeMap<_, _> = (1..=3).map(tag).collect();
    let expected = [("groups", "corp/release"), ("team", "payments"), ("who", "ada")];
    assert_eq!(tags, expected.map(|(key, value)| (Some(key), Some(value))).into());
    assert_eq!((tag(4), sent("TransitiveTagKeys.member.1")), ((None, None), Some("team")));
    assert_eq!(sent("TransitiveTagKeys.member.2"), None);

    let record = world.record(&vended["vend_id"]);
    assert_eq!((&record["session_name"], &record["source_identity"]), (&json!("guarded-ada"), &json!("ada")));
    assert!(vended["arn"].as_str().unwrap().ends_with(":assumed-role/guarded/guarded-ada"), "{vended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_mapped_to_one_that_sts_takes_and_nobody_else_has() {
    let world = World::open().await;
    let zoe = world.person(HOSTILE).await;
    let identity = zoe.get("/v1/session").await.good()["identity"].clone();
    assert_eq!(identity["name"], HOSTILE, "people see their own name");
    for (connector, action, parameter, longest) in
        [("deploy", "AssumeRole", "RoleSessionName", 64), ("reports", "GetFederationToken", "Name", 32)]
    {
        let vended = zoe.vended(connector, &json!({})).await;
        let name = world.sent(action, parameter).unwrap();
        assert!(name.len() <= longest && name.starts_with("Zo--"), "{name}");
        assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char)), "{name}");
        let fingerprint = name.rsplit_once('-').unwrap().1;
        assert_eq!(fingerprint.len(), 13, "what was mapped ends with a fingerprint of the person: {name}");
        let record = world.record(&vended["vend_id"]);
        assert_eq!(record["session_name"], name);
        assert_eq!(record["actor"], format!("person:corp/{HOSTILE}"));
        assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    }
    let exports = zoe.post("/v1/connectors/deploy/credentials?format=env", &json!({})).await;
    assert!(!exports.text.contains("id)"), "no name stands in what a shell runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_aws_would_not_take_is_a_refusal_and_not_a_cut() {
    let world = World::open().await;
    let zoe = world.person(HOSTILE).await;
    zoe.vend("guarded", &json!({})).await.problem("403 forbidden");
    assert_eq!(world.calls("AssumeRole").len(), 0);
    assert_eq!(world.trail_of("guarded"), [format!("person:corp/{HOSTILE} vend refused")]);
}
