//! The connectors file becomes what is in service.

use broker_core::administration::{AccessKeyError, ApplyError, DamagedRowError, Proof};
use broker_core::catalog::{self, Catalog, Context};
use broker_core::file::Environment;
use broker_core::name::DirectoryName;
use broker_core::permission::Administrator;
use broker_core::store::Found;
use broker_core::trail::Action;
use serde_json::json;
use tests::stores::Storehouse;

use super::{MAIN, Office, SECRET, by, new_key};

tests::where_others_reach_in! {
    async fn a_plan_is_done_whole_with_a_record_for_each_change(house: Storehouse) {
        let office = Office::open(&house).await;
        let before = Desk::new().read(&["a", "b"], 3600);
        office.administration.apply_unattended(&before, &by()).await.unwrap();
        assert_eq!(office.names().await, ["a", "b"]);
        let recorded = |records: Vec<serde_json::Value>| -> Vec<String> {
            records.iter().map(|record| record["connector"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(recorded(office.records(Action::ConnectorAdded).await), ["a", "b"]);
        assert_eq!(office.records(Action::AccessKeyAdded).await.len(), 1);

        let after = Desk::new().read(&["b", "c"], 7200);
        let plan = office.administration.plan(&after).await.unwrap();
        office.administration.apply(&after, plan, &by()).await.unwrap();
        assert_eq!(office.names().await, ["b", "c"]);
        let changed = office.records(Action::ConnectorChanged).await;
        assert_eq!(changed[0]["changes"], json!({ "principal.assume_role.max_duration_seconds": { "from": 3600, "to": 7200 } }));
        assert_eq!(recorded(office.records(Action::ConnectorRemoved).await), ["a"]);

        let again = office.administration.apply_unattended(&after, &by()).await.unwrap();
        assert!(again.is_empty());
    }

    async fn nobody_there_means_that_a_file_without_connectors_does_not_count(house: Storehouse) {
        let office = Office::open(&house).await;
        let desk = Desk::new();
        office.administration.apply_unattended(&desk.read(&["a", "b"], 3600), &by()).await.unwrap();
        let empty = desk.read(&[], 3600);
        let error = office.administration.apply_unattended(&empty, &by()).await.unwrap_err();
        assert!(matches!(error, ApplyError::RemovesMost), "{error:?}");
        assert_eq!(office.names().await, ["a", "b"]);
        let plan = office.administration.plan(&empty).await.unwrap();
        office.administration.apply(&empty, plan, &by()).await.unwrap();
        assert!(office.names().await.is_empty(), "somebody agreed to it");
    }

    async fn what_was_agreed_to_is_done_though_others_were_faster(house: Storehouse) {
        let office = Office::open(&house).await;
        let desk = Desk::new();
        let file = desk.read(&["a", "b"], 3600);
        let plan = office.administration.plan(&file).await.unwrap();
        // Another node does the very same.
        office.administration.apply_unattended(&file, &by()).await.unwrap();
        office.administration.apply(&file, plan, &by()).await.unwrap();
        assert_eq!(office.records(Action::ConnectorAdded).await.len(), 2, "once and not twice");

        // Somebody changes a connector between the plan and the yes.
        let next = desk.read(&["a", "b"], 7200);
        let plan = office.administration.plan(&next).await.unwrap();
        office.administration.apply_unattended(&desk.read(&["a", "b"], 10_800), &by()).await.unwrap();
        let error = office.administration.apply(&next, plan, &by()).await.unwrap_err();
        assert!(matches!(error, ApplyError::AnotherPlan), "{error:?}");
        // Somebody changes it, and changes it back: the revision is another one, the plan is not.
        let plan = office.administration.plan(&next).await.unwrap();
        for seconds in [3600, 10_800] {
            office.administration.apply_unattended(&desk.read(&["a", "b"], seconds), &by()).await.unwrap();
        }
        office.administration.apply(&next, plan, &by()).await.unwrap();
        assert!(office.administration.plan(&next).await.unwrap().is_empty());
    }

    async fn nodes_that_start_at_once_agree(house: Storehouse) {
        let office = Office::open(&house).await;
        let file = Desk::new().read(&["a", "b"], 3600);
        let by = by::<Administrator>();
        let apply = || office.administration.apply_unattended(&file, &by);
        let (one, two, three) = tokio::join!(apply(), apply(), apply());
        assert!(one.is_ok() && two.is_ok() && three.is_ok(), "{one:?} {two:?} {three:?}");
        assert_eq!(office.records(Action::ConnectorAdded).await.len(), 2);
    }

    async fn the_file_takes_the_place_of_rows_that_are_not_ours(house: Storehouse) {
        let office = Office::open(&house).await;
        let file = Desk::new().read(&["a", "b"], 3600);
        office.administration.apply_unattended(&file, &by()).await.unwrap();
        let before = office.store.connectors().await.unwrap();
        let mut hands = house.hands().await;
        for statement in [
            "UPDATE access_keys SET generation = generation + 1",
            "UPDATE connectors SET revision = revision + 1 WHERE name = 'a'",
            "UPDATE connectors SET name = 'evil' WHERE name = 'b'",
        ] {
            hands.run(statement).await;
        }
        assert!(office.names().await.is_empty());
        let plan = office.administration.plan(&file).await.unwrap();
        let text = plan.to_string();
        for line in [
            "! access_key main: repaired",
            "! connector a: repaired",
            "+ connector b:",
            "1 to add, 0 to change, 0 to remove, 0 unchanged, 2 to repair",
            "warning: connectors `evil` is out of service",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
        office.administration.apply(&file, plan, &by()).await.unwrap();
        assert_eq!(office.names().await, ["a", "b"]);
        let after = office.store.connectors().await.unwrap();
        assert!(after.iter().all(|new| before.iter().all(|old| old.id != new.id)), "what was bound to a row is bound to nothing");
        let repaired = |records: Vec<serde_json::Value>| {
            records.into_iter().filter(|record| record["reason"].to_string().contains("did not prove to be ours")).count()
        };
        assert_eq!(repaired(office.records(Action::ConnectorAdded).await), 1);
        assert_eq!(repaired(office.records(Action::AccessKeyAdded).await), 1);
        let left = office.administration.plan(&file).await.unwrap();
        assert!(left.is_empty() && left.left_damaged().len() == 1, "{left}");

        // With nobody there, and by nodes that start at once.
        hands.run("UPDATE connectors SET revision = revision + 1 WHERE name = 'a'").await;
        let by = by();
        let apply = || office.administration.apply_unattended(&file, &by);
        let (one, two) = tokio::join!(apply(), apply());
        assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
        assert_eq!(office.names().await, ["a", "b"]);
        assert_eq!(repaired(office.records(Action::ConnectorAdded).await), 2);
    }

    async fn an_operators_damaged_key_is_put_right_by_adding_it_again(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        office.connector("deploy", "main", "user").await;
        house.hands().await.run("UPDATE access_keys SET generation = 9").await;
        let replaced =
            office.administration.replace_access_key(new_key("main", MAIN, SECRET), None, Proof::Skipped, &by()).await;
        assert!(matches!(replaced, Err(AccessKeyError::Damaged(_))), "{replaced:?}");
        let row = office.administration.damaged_rows().await.unwrap().remove(0);
        let removed = office.administration.remove_damaged(&row, &by()).await;
        assert!(matches!(removed, Err(DamagedRowError::InUse)), "{removed:?}");
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        assert_eq!(office.key("main").await.unwrap().generation, 1);
        assert!(office.administration.damaged_rows().await.unwrap().is_empty());
        let records = office.records(Action::AccessKeyAdded).await;
        assert!(records[1]["reason"].as_str().unwrap().contains("did not prove to be ours"), "{records:?}");
    }

    async fn what_the_api_owns_is_not_taken_over(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        let error = office.administration.apply_unattended(&Desk::new().read(&["a"], 3600), &by()).await.unwrap_err();
        assert!(matches!(&error, ApplyError::Plan(errors) if errors.len() == 1), "{error:?}");
        assert!(error.to_string().contains("line 1: access key `main` exists already"), "{error}");
        assert!(office.names().await.is_empty());
    }
}

impl Office {
    async fn names(&self) -> Vec<String> {
        self.store.connectors().await.unwrap().iter().map(|connector| connector.name.to_string()).collect()
    }
}

/// A folder with a connectors file.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file with the key `main` and these connectors.
    fn read(&self, connectors: &[&str], max_seconds: u32) -> Catalog {
        let key = format!(
            "[[access_key]]\nname = 'main'\nregion = 'eu-central-1'\n[access_key.source.stored]\naccess_key_id = '{MAIN}'\n\
             secret_access_key = {{ env = 'BROKERD_SECRET_MAIN' }}\n"
        );
        let connector = |name: &&str| {
            format!(
                "[[connector]]\nname = '{name}'\naccess_key = 'main'\ngroups = ['corp/staff']\n[connector.principal.assume_role]\n\
                 role_arn = 'arn:aws:iam::111111111111:role/{name}'\nmax_duration_seconds = {max_seconds}\n"
            )
        };
        let text = key + &connectors.iter().map(connector).collect::<Vec<_>>().concat();
        let path = self.0.path().join("connectors.toml");
        std::fs::write(&path, text).unwrap();
        let directories: [DirectoryName; 1] = ["corp".to_owned().try_into().unwrap()];
        let secret = ("BROKERD_SECRET_MAIN".to_owned(), secrecy::SecretString::from(SECRET));
        let environment: Environment = std::iter::once(secret).collect();
        let context = Context {
            directories: &directories,
            secrets_folder: None,
            environment: &environment,
            stored_keys: Some(&Found::default()),
        };
        catalog::read(&path, &context).unwrap()
    }
}
