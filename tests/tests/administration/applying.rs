//! The connectors file becomes what is in service.

use broker_core::administration::{ApplyError, Proof};
use broker_core::catalog::{self, Catalog, Context};
use broker_core::file::Environment;
use broker_core::name::DirectoryName;
use broker_core::permission::Administrator;
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
            stored_keys: Some(&[]),
        };
        catalog::read(&path, &context).unwrap()
    }
}
