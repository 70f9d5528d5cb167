use std::sync::Arc;

use base64::Engine;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::id::InstallationId;
use crate::permission::Administrator;
use crate::store::{Location, Store};
use crate::trail::Trail;
use crate::vault::MasterKey;

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

fn master_key() -> MasterKey {
    let text = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    MasterKey::parse("k", &SecretString::from(text)).unwrap()
}

fn vault() -> Vault {
    Vault::new(InstallationId::random(), vec![master_key()], "k").unwrap()
}

fn key(name: &str, secret: &str) -> FileKey {
    let details = json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1" });
    FileKey {
        name: name.to_owned().try_into().unwrap(),
        details: serde_json::from_value(details).unwrap(),
        secret: SecretString::from(secret),
        line: 1,
    }
}

fn connector(name: &str, key: &str) -> FileConnector {
    let spec = json!({ "access_key": key, "groups": ["corp/a"], "principal": { "session_token": {} } });
    FileConnector { name: name.to_owned().try_into().unwrap(), spec: serde_json::from_value(spec).unwrap(), line: 7 }
}

fn catalog(access_keys: Vec<FileKey>, connectors: Vec<FileConnector>) -> Catalog {
    Catalog { access_keys, connectors, warnings: Vec::new() }
}

/// The keys and connectors as they are once the plan is carried out on an empty store.
fn carried_out(catalog: &Catalog, vault: &Vault) -> (Vec<AccessKey>, Vec<Connector>) {
    let plan = Plan::of(catalog, &[], &[], vault).unwrap();
    (plan.keys.added, plan.connectors.added)
}

#[test]
fn what_is_so_already_changes_nothing() {
    let vault = vault();
    let file = catalog(vec![key("main", "s")], vec![connector("deploy", "main")]);
    let (keys, connectors) = carried_out(&file, &vault);
    let plan = Plan::of(&file, &keys, &connectors, &vault).unwrap();
    assert!(plan.is_empty() && plan.changes().is_empty());
    assert_eq!(plan.to_string(), "0 to add, 0 to change, 0 to remove, 2 unchanged");
}

#[test]
fn a_plan_reads_well_and_shows_no_secret() {
    let vault = vault();
    let before =
        catalog(vec![key("main", "s3cret"), key("old", "x")], vec![connector("a", "main"), connector("b", "old")]);
    let (keys, connectors) = carried_out(&before, &vault);
    let changed = FileConnector { spec: connector("a", "new").spec, ..connector("a", "main") };
    let after = catalog(vec![key("main", "0ther"), key("new", "n3w")], vec![changed, connector("c", "main")]);
    let plan = Plan::of(&after, &keys, &connectors, &vault).unwrap();
    assert_eq!(
        plan.to_string(),
        "+ access_key new: AKIAIOSFODNN7EXAMPLE in eu-central-1\n\
         ~ access_key main\n    secret_access_key: changed\n\
         - access_key old\n\
         + connector c: session_token by main, for corp/a\n\
         ~ connector a\n    access_key: \"main\" -> \"new\"\n\
         - connector b\n\
         2 to add, 2 to change, 2 to remove, 0 unchanged"
    );
    let told = serde_json::to_string(&plan.changes().iter().map(|change| &change.changes).collect::<Vec<_>>()).unwrap();
    assert!(told.contains(r#"{"secret_access_key":"changed"}"#), "{told}");
    assert!(told.contains(r#"{"access_key":{"from":"main","to":"new"}}"#), "{told}");
    for secret in ["s3cret", "0ther", "n3w"] {
        assert!(!told.contains(secret) && !format!("{plan:?}").contains(secret), "{secret}");
    }
}

#[test]
fn a_keys_generation_rises_only_when_the_key_has_changed() {
    let vault = vault();
    let (mut keys, _) = carried_out(&catalog(vec![key("main", "s")], vec![]), &vault);
    let owner = json!({ "account": "123456789012", "arn": "arn:aws:iam::123456789012:user/broker" });
    keys[0].details.owner = Some(serde_json::from_value(owner).unwrap());
    let changed = |key: FileKey| Plan::of(&catalog(vec![key], vec![]), &keys, &[], &vault).unwrap().keys.changed.pop();
    assert!(changed(key("main", "s")).is_none(), "who AWS said it is does not come from the file");

    let rotated = changed(key("main", "t")).unwrap();
    assert_eq!((rotated.new.generation, rotated.seen, rotated.new.id), (2, 1, keys[0].id));
    assert_eq!(rotated.new.open(&vault).unwrap().expose_secret(), "t");

    let mut restricted = key("main", "s");
    restricted.details.serves = serde_json::from_value(json!({ "connectors": ["deploy"] })).unwrap();
    let restricted = changed(restricted).unwrap().new;
    assert_eq!(restricted.details.owner, keys[0].details.owner, "it is the same key still");

    let mut other = key("main", "s");
    other.details.source = "AKIAI44QH8DHBEXAMPLE".to_owned().try_into().unwrap();
    let other = changed(other).unwrap();
    assert_eq!(other.new.details.owner, None, "AWS has yet to say whose that is");
    assert!(!other.difference.secret && other.new.open(&vault).is_ok(), "the secret is the same, sealed anew");
}

#[test]
fn a_secret_that_no_longer_opens_is_replaced() {
    let file = catalog(vec![key("main", "s")], vec![]);
    let (keys, _) = carried_out(&file, &vault());
    let other_vault = vault();
    let plan = Plan::of(&file, &keys, &[], &other_vault).unwrap();
    assert!(plan.keys.changed[0].new.open(&other_vault).is_ok());
}

#[test]
fn what_the_api_manages_is_neither_removed_nor_taken_over() {
    let vault = vault();
    let file = catalog(vec![key("main", "s")], vec![connector("deploy", "main")]);
    let (mut keys, mut connectors) = carried_out(&file, &vault);
    keys[0].managed_by = ManagedBy::Api;
    connectors[0].managed_by = ManagedBy::Api;
    assert!(Plan::of(&catalog(vec![], vec![]), &keys, &connectors, &vault).unwrap().is_empty());
    let errors = Plan::of(&file, &keys, &connectors, &vault).unwrap_err();
    assert_eq!(
        errors,
        [
            PlanError::KeyOfTheApi { name: "main".to_owned(), line: 1 },
            PlanError::ConnectorOfTheApi { name: "deploy".to_owned(), line: 7 },
        ]
    );
}

#[test]
fn a_file_that_takes_away_all_or_most_is_noticed() {
    let vault = vault();
    let names = ["a", "b", "c", "d", "e", "f"];
    let some =
        |names: &[&str]| catalog(vec![key("main", "s")], names.iter().map(|name| connector(name, "main")).collect());
    let removes = |before: &[&str], after: &[&str]| {
        let (keys, connectors) = carried_out(&some(before), &vault);
        Plan::of(&some(after), &keys, &connectors, &vault).unwrap().removes_all_or_most()
    };
    assert!(removes(&names[..1], &[]) && removes(&names, &[]), "all");
    assert!(removes(&names[..2], &names[3..]), "all, though others come");
    assert!(removes(&names, &names[..2]), "four of six");
    assert!(!removes(&names, &names[..3]), "three of six is half");
    assert!(!removes(&names[..3], &names[..1]), "two are few");
    assert!(!removes(&[], &[]) && !removes(&[], &names) && !removes(&names, &names), "nothing");
}

#[tokio::test]
async fn a_plan_is_carried_out_in_an_order_that_the_store_takes() {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
    let opened = Store::open(&Location::Memory, vec![master_key()], "k", &*clock).await.unwrap();
    let (store, vault) = (opened.store, opened.vault);
    let trail = Trail::start(store.clone(), Arc::clone(&clock), "test");
    let files = [
        catalog(vec![key("old", "s")], vec![connector("a", "old"), connector("b", "old")]),
        // The key of one goes, the key of the other is renamed, and a third comes with the new one.
        catalog(vec![key("new", "s")], vec![connector("a", "new"), connector("c", "new")]),
        catalog(vec![], vec![]),
    ];
    for file in files {
        let (keys, connectors) = (store.access_keys().await.unwrap(), store.connectors().await.unwrap());
        let plan = Plan::of(&file, &keys, &connectors, &vault).unwrap();
        plan.apply(&store, &trail, &Administrator::of_the_daemon()).await.unwrap();

        let (keys, connectors) = (store.access_keys().await.unwrap(), store.connectors().await.unwrap());
        let names: Vec<_> = connectors.iter().map(|connector| connector.name.clone()).collect();
        let written: Vec<_> = file.connectors.iter().map(|connector| connector.name.clone()).collect();
        assert_eq!(names, written);
        assert_eq!(keys.len(), file.access_keys.len());
        assert!(Plan::of(&file, &keys, &connectors, &vault).unwrap().is_empty(), "done is done");
    }
}
