//! Connectors of the API: of two editors the second is told, and the trail says what changed from what to what.

use broker_core::administration::{ConnectorChangeError, Proof, SeenConnector};
use broker_core::connector::{Connector, ConnectorSpec};
use broker_core::name::ConnectorName;
use broker_core::trail::Action;
use serde_json::{Value, json};
use tests::stores::Storehouse;

use super::{MAIN, Office, SECRET, by, new_key};

fn name(name: &str) -> ConnectorName {
    name.to_owned().try_into().unwrap()
}

fn spec(description: &str) -> ConnectorSpec {
    let principal = json!({ "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } });
    let spec = json!({
        "description": description, "access_key": "main", "groups": ["corp/release"], "principal": principal,
    });
    serde_json::from_value(spec).unwrap()
}

fn seen(connector: &Connector) -> SeenConnector {
    SeenConnector { id: connector.id, revision: connector.revision }
}

impl Office {
    async fn with_a_key(house: &Storehouse) -> Self {
        let office = Self::open(house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        office
    }
}

tests::where_others_reach_in! {
    async fn the_second_of_two_editors_is_told(house: Storehouse) {
        let office = Office::with_a_key(&house).await;
        let fresh = name("fresh");
        let replace = async |text: &str, seen| office.administration.replace_connector(&fresh, spec(text), seen, &by()).await;
        let remove = async |seen| office.administration.remove_connector(&fresh, seen, &by()).await;
        let first = office.administration.add_connector(fresh.clone(), spec("one"), &by()).await.unwrap();
        let second = replace("two", Some(seen(&first))).await.unwrap();
        assert_eq!((second.id, second.revision), (first.id, 2));
        assert!(matches!(replace("three", Some(seen(&first))).await, Err(ConnectorChangeError::Stale(_))));
        assert!(matches!(remove(Some(seen(&first))).await, Err(ConnectorChangeError::Stale(_))));

        let (one, other) = tokio::join!(replace("one's", Some(seen(&second))), replace("the other's", Some(seen(&second))));
        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
        let third = one.or(other).unwrap();
        let (replaced, removed) = tokio::join!(replace("four", Some(seen(&third))), remove(Some(seen(&third))));
        assert!(replaced.is_ok() ^ removed.is_ok(), "{replaced:?} {removed:?}");

        if replaced.is_ok() {
            remove(None).await.unwrap();
        }
        office.administration.add_connector(fresh.clone(), spec("one"), &by()).await.unwrap();
        assert!(matches!(remove(Some(seen(&first))).await, Err(ConnectorChangeError::Stale(_))), "the name alone is not the same");
        let unknown = office.administration.remove_connector(&name("nowhere"), None, &by()).await;
        assert!(matches!(unknown, Err(ConnectorChangeError::Unknown(_))), "{unknown:?}");
    }

    async fn the_trail_says_what_changed_from_what_to_what(house: Storehouse) {
        let office = Office::with_a_key(&house).await;
        let fresh = name("fresh");
        office.administration.add_connector(fresh.clone(), spec("one"), &by()).await.unwrap();
        office.administration.replace_connector(&fresh, spec("two"), None, &by()).await.unwrap();
        office.administration.remove_connector(&fresh, None, &by()).await.unwrap();
        let changes = async |action| {
            let [record] = &office.records(action).await[..] else { panic!("one record of {action:?}") };
            assert_eq!(record["connector"], "fresh");
            record["changes"].clone()
        };
        let side = |side: &str, description: &str| -> Value {
            json!({
                "access_key": { side: "main" },
                "description": { side: description },
                "groups": { side: ["corp/release"] },
                "principal.assume_role.role_arn": { side: "arn:aws:iam::111111111111:role/deploy" },
            })
        };
        let holds = |all: &Value, some: &Value| some.as_object().unwrap().iter().all(|(field, value)| all[field] == *value);
        let added = changes(Action::ConnectorAdded).await;
        assert!(holds(&added, &side("to", "one")), "{added}");
        assert_eq!(changes(Action::ConnectorChanged).await, json!({ "description": { "from": "one", "to": "two" } }));
        let removed = changes(Action::ConnectorRemoved).await;
        assert!(holds(&removed, &side("from", "two")), "{removed}");
    }

    async fn a_name_is_given_once_and_a_key_has_to_be_there(house: Storehouse) {
        let office = Office::with_a_key(&house).await;
        let add = async |called: &str, spec| office.administration.add_connector(name(called), spec, &by()).await;
        let (one, other) = tokio::join!(add("fresh", spec("one")), add("fresh", spec("two")));
        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
        assert!(matches!(one.and(other), Err(ConnectorChangeError::Taken(_))));
        let mut lost = serde_json::to_value(spec("lost")).unwrap();
        lost["access_key"] = json!("nowhere");
        let lost: ConnectorSpec = serde_json::from_value(lost).unwrap();
        assert!(matches!(add("lost", lost.clone()).await, Err(ConnectorChangeError::UnknownAccessKey(_))));
        let replaced = office.administration.replace_connector(&name("fresh"), lost, None, &by()).await;
        assert!(matches!(replaced, Err(ConnectorChangeError::UnknownAccessKey(_))), "{replaced:?}");
        assert_eq!(office.records(Action::ConnectorAdded).await.len(), 1);
    }
}
