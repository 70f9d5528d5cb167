//! Keys come in, proved or not; and go.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use broker_core::access_key::CannotServe;
use broker_core::administration::{AccessKeyError, ConnectorChangeError, NotProved, Proof};
use broker_core::connector::ManagedBy;
use broker_core::store::Store;
use broker_core::sts::Outage;
use broker_core::trail::Action;
use secrecy::ExposeSecret;
use serde_json::json;
use tests::stores::Storehouse;
use tokio::time::Instant;

use super::{BROKER, MAIN, OTHER_USER, Office, ROOT, SECRET, WRONG, by, details, new_key};

tests::where_others_reach_in! {
    async fn a_right_key_is_sealed_and_says_whose_it_is(house: Storehouse) {
        let office = Office::open(&house).await;
        let key = office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await;
        let added = key.unwrap();
        let owner = added.details.owner.clone().unwrap();
        assert_eq!((owner.account.as_str(), owner.arn.as_str()), ("111111111111", BROKER));

        let stored = office.key("main").await.unwrap();
        assert_eq!((stored.generation, stored.managed_by, &stored.details), (1, ManagedBy::Api, &added.details));
        assert_eq!(stored.open(&office.opened.vault).unwrap().expose_secret(), SECRET);

        let records = office.records(Action::AccessKeyAdded).await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["actor"], "operator:ada");
        let fields = json!({
            "aws_key_id": { "to": MAIN },
            "region": { "to": "eu-central-1" },
            "serves": { "to": {} },
            "owner.account": { "to": "111111111111" },
            "owner.arn": { "to": BROKER },
            "secret_access_key": "changed",
            "access_key": "main",
        });
        assert_eq!(records[0]["changes"], fields);
    }

    async fn what_aws_refuses_leaves_nothing_behind(house: Storehouse) {
        let office = Office::open(&house).await;
        let refused = async |id: &str, secret: &str| {
            let proof = Proof::Required(office.sts.as_ref(), Instant::now() + Duration::from_secs(5));
            match office.administration.add_access_key(new_key("main", id, secret), proof, &by()).await.unwrap_err() {
                AccessKeyError::NotProved(error) => error,
                other => panic!("{other:?}"),
            }
        };
        let code = |error: NotProved| match error {
            NotProved::Refused(refusal) => refusal.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(refused(MAIN, WRONG).await), "SignatureDoesNotMatch");
        assert_eq!(office.sim.count("GetCallerIdentity"), 1, "a wrong secret gets no better by waiting");
        assert_eq!(code(refused("AKIANOBODYKNOWSTHIS1", SECRET).await), "InvalidClientTokenId");
        office.sim.world().deactivate_key(OTHER_USER).unwrap();
        assert_eq!(code(refused(OTHER_USER, SECRET).await), "InvalidClientTokenId");
        assert!(matches!(refused(ROOT, SECRET).await, NotProved::Root { account } if account == "111111111111"));
        assert!(office.key("main").await.is_none());
        assert!(office.records(Action::AccessKeyAdded).await.is_empty());
    }

    async fn a_key_that_only_parts_of_aws_know_yet_is_waited_for(house: Storehouse) {
        let office = Office::open(&house).await;
        let unknown = Fault::Refusal { status: 403, code: "InvalidClientTokenId", message: "not valid".to_owned() };
        let known = Fault::Stall(Duration::ZERO);
        for fault in [unknown.clone(), known.clone(), known.clone(), unknown, known] {
            office.sim.faults().once(Calls::any(), fault);
        }
        let key = office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await;
        assert_eq!(key.unwrap().details.owner.unwrap().arn, BROKER);
        assert_eq!(office.sim.count("GetCallerIdentity"), 7, "taken three times running");

        // What is wrong otherwise is said as ever, also after that.
        let unknown = Fault::Refusal { status: 403, code: "InvalidClientTokenId", message: "not valid".to_owned() };
        office.sim.faults().once(Calls::any(), unknown);
        let error = office.administration.add_access_key(new_key("other", MAIN, WRONG), office.required(), &by()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("AWS refused the access key: SignatureDoesNotMatch"), "{error}");
        assert_eq!(office.sim.count("GetCallerIdentity"), 9);
    }

    async fn a_silent_or_strange_aws_is_told_apart_and_can_be_done_without(house: Storehouse) {
        let office = Office::open(&house).await;
        let refused = async |name: &str, endpoint: &str| {
            let mut new = new_key(name, MAIN, SECRET);
            new.details.endpoint_url = Some(endpoint.parse().unwrap());
            office.administration.add_access_key(new, office.required(), &by()).await.unwrap_err()
        };
        // The discard port, where nobody listens.
        let error = refused("main", "http://127.0.0.1:9").await;
        assert!(matches!(error, AccessKeyError::NotProved(NotProved::Unreachable(Outage::Silent))), "{error:?}");
        assert!(error.to_string().contains("check the network"), "{error}");
        office.sim.faults().once(Calls::any(), Fault::NotXml);
        let error = refused("main", &office.sim.endpoint()).await;
        assert!(matches!(error, AccessKeyError::NotProved(NotProved::NotSts(_))), "{error:?}");

        office.sim.forget_calls();
        let key = office.administration.add_access_key(new_key("main", MAIN, WRONG), Proof::Skipped, &by()).await;
        assert_eq!(key.unwrap().details.owner, None);
        assert_eq!(office.sim.count("GetCallerIdentity"), 0);
    }

    async fn a_name_belongs_to_one_key_and_a_secret_is_whole(house: Storehouse) {
        let office = Office::open(&house).await;
        let add = async |name: &str, secret: &str| {
            office.administration.add_access_key(new_key(name, MAIN, secret), Proof::Skipped, &by()).await
        };
        add("main", SECRET).await.unwrap();
        assert!(matches!(add("main", SECRET).await, Err(AccessKeyError::Taken(name)) if name.as_str() == "main"));
        for bad in ["", " ", "two words", "line\nbreak", &"x".repeat(257)] {
            assert!(matches!(add("second", bad).await, Err(AccessKeyError::Secret)), "{bad:?}");
        }
    }

    async fn a_key_in_use_stays_and_says_who_uses_it(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        let name = "main".to_owned().try_into().unwrap();
        let deploy = office.connector("deploy", "main", "user").await;
        office.connector("nightly", "main", "system").await;
        let error = office.administration.remove_access_key(&name, None, &by()).await.unwrap_err();
        assert_eq!(error.to_string(), "access key `main` is used by `deploy`, `nightly`: give them another key first");
        assert!(office.key("main").await.is_some());

        office.commit(Store::remove_connector(deploy.id, 1)).await;
        // A connector that is out of service holds its key as well.
        house.hands().await.run("UPDATE connectors SET spec = '{}' WHERE name = 'nightly'").await;
        let error = office.administration.remove_access_key(&name, None, &by()).await.unwrap_err();
        assert!(error.to_string().contains("a connector that is out of service"), "{error}");

        house.hands().await.run("DELETE FROM connectors").await;
        office.administration.remove_access_key(&name, None, &by()).await.unwrap();
        assert!(office.key("main").await.is_none());
        let records = office.records(Action::AccessKeyRemoved).await;
        assert_eq!(records[0]["changes"]["aws_key_id"], json!({ "from": MAIN }));
        let error = office.administration.remove_access_key(&name, None, &by()).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::Unknown(_)), "{error:?}");
    }

    async fn the_hosts_own_identity_is_the_files_to_declare_and_to_use(house: Storehouse) {
        let office = Office::open(&house).await;
        let ambient = |name: &str| new_key(name, "ambient", SECRET);
        let error = office.administration.add_access_key(ambient("host"), Proof::Skipped, &by()).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::Ambient(_)), "{error:?}");
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        let replaced = office.administration.replace_access_key(ambient("main"), None, Proof::Skipped, &by()).await;
        assert!(matches!(replaced, Err(AccessKeyError::Ambient(_))), "{replaced:?}");
        assert_eq!(office.key("main").await.unwrap().details.source.as_str(), MAIN);

        office.file_key("host", details("ambient"), "").await;
        let spec = tests::stores::connector("mine", "host").spec;
        let add = office.administration.add_connector("mine".to_owned().try_into().unwrap(), spec, &by()).await;
        let Err(ConnectorChangeError::CannotServe(CannotServe::Owner(_))) = add else { panic!("{add:?}") };
        let spec = tests::stores::connector("mine", "main").spec;
        office.administration.add_connector("mine".to_owned().try_into().unwrap(), spec, &by()).await.unwrap();
    }

    async fn the_files_keys_are_changed_in_the_file(house: Storehouse) {
        let office = Office::open(&house).await;
        let key = office.file_key("main", details(MAIN), SECRET).await;
        let error = office.administration.remove_access_key(&key.name, None, &by()).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::ReadOnly(_)), "{error:?}");
        let new = new_key("main", MAIN, SECRET);
        let error = office.administration.replace_access_key(new, None, Proof::Skipped, &by()).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::ReadOnly(_)), "{error:?}");
    }

    async fn without_a_record_nothing_changes(house: Storehouse) {
        let office = Office::open(&house).await;
        house.hands().await.run("ALTER TABLE trail RENAME TO trail_elsewhere").await;
        let added = office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await;
        assert!(matches!(added, Err(AccessKeyError::Trail(_))), "{added:?}");
        assert!(office.key("main").await.is_none());
    }
}
