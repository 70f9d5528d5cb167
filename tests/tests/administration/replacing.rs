//! A key takes another one's place.

use broker_core::access_key::{CannotServe, NotRightful};
use broker_core::administration::{AccessKeyError, NotProved, Proof, SeenAccessKey};
use broker_core::id::AccessKeyId;
use broker_core::trail::Action;
use secrecy::ExposeSecret;
use serde_json::json;
use tests::stores::Storehouse;

use super::{BROKER, MAIN, OTHER_ACCOUNT, OTHER_USER, Office, SECOND, SECRET, WRONG, by, new_key};

tests::where_others_reach_in! {
    async fn a_second_key_of_the_same_user_takes_over_for_all_connectors(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await.unwrap();
        office.connector("deploy", "main", "user").await;
        let before = office.key("main").await.unwrap();
        let new = new_key("main", SECOND, SECRET);
        office.administration.replace_access_key(new, Some(SeenAccessKey::of(&before)), office.required(), &by()).await.unwrap();

        let after = office.key("main").await.unwrap();
        assert_eq!((after.id, after.generation), (before.id, 2));
        assert_eq!(after.details.source.as_str(), SECOND);
        assert_eq!(after.details.owner, before.details.owner);
        assert_eq!(after.open(&office.opened.vault).unwrap().expose_secret(), SECRET);
        let records = office.records(Action::AccessKeyChanged).await;
        let key_id = json!({ "from": MAIN, "to": SECOND });
        assert_eq!(records[0]["changes"], json!({ "access_key": "main", "aws_key_id": key_id, "secret_access_key": "changed" }));
    }

    async fn another_accounts_or_users_key_is_a_conflict(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await.unwrap();
        for (id, arn) in [
            (OTHER_USER, "arn:aws:iam::111111111111:user/other"),
            (OTHER_ACCOUNT, "arn:aws:iam::222222222222:user/broker"),
        ] {
            let new = new_key("main", id, SECRET);
            let error = office.administration.replace_access_key(new, None, office.required(), &by()).await.unwrap_err();
            let AccessKeyError::OtherOwner { stored, proved, .. } = &error else { panic!("{error:?}") };
            assert_eq!((stored.arn.as_str(), proved.arn.as_str()), (BROKER, arn));
        }
        assert_eq!(office.key("main").await.unwrap().generation, 1);
        assert!(office.records(Action::AccessKeyChanged).await.is_empty());
    }

    async fn a_secret_is_proved_itself_and_not_one_that_was_tried_before(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await.unwrap();
        let replace = async |id: &str, secret: &str, seen| {
            office.administration.replace_access_key(new_key("main", id, secret), seen, office.required(), &by()).await
        };
        let error = replace(SECOND, WRONG, None).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::NotProved(NotProved::Refused(_))), "{error:?}");
        // Right, but too late: it has been proved and is not stored.
        let error = replace(SECOND, SECRET, Some(SeenAccessKey { id: AccessKeyId::random(), generation: 1 })).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::Stale(_)), "{error:?}");
        let error = replace(OTHER_USER, SECRET, None).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::OtherOwner { .. }), "{error:?}");
        let error = replace(SECOND, WRONG, None).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::NotProved(NotProved::Refused(_))), "{error:?}");
        replace(SECOND, SECRET, None).await.unwrap();
        let error = replace(SECOND, WRONG, None).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::NotProved(NotProved::Refused(_))), "{error:?}");
    }

    async fn unproved_the_same_key_keeps_its_owner_and_another_has_to_be_of_the_same(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await.unwrap();
        let replace = async |id: &str| {
            let new = new_key("main", id, SECRET);
            office.administration.replace_access_key(new, None, Proof::Skipped, &by()).await.unwrap();
            let key = office.key("main").await.unwrap();
            (key.is_rightful(), key.details.owner.map(|owner| owner.arn), key.details.expected_owner.map(|owner| owner.arn))
        };
        let id = office.key("main").await.unwrap().id;
        let unproved = Err(NotRightful::Unproved { id, name: "main".to_owned().try_into().unwrap(), expected: BROKER.to_owned() });
        assert_eq!(replace(MAIN).await, (Ok(()), Some(BROKER.to_owned()), None));
        assert_eq!(replace(SECOND).await, (unproved.clone(), None, Some(BROKER.to_owned())));
        // Neither by one more step, nor by another region's STS, is the owner forgotten.
        assert_eq!(replace(OTHER_USER).await, (unproved, None, Some(BROKER.to_owned())));
        let error = office.administration.replace_access_key(new_key("main", OTHER_USER, SECRET), None, office.required(), &by()).await;
        assert!(matches!(error, Err(AccessKeyError::OtherOwner { .. })), "{error:?}");
        let right = new_key("main", SECOND, SECRET);
        let key = office.administration.replace_access_key(right, None, office.required(), &by()).await.unwrap();
        assert_eq!((key.generation, key.is_rightful(), key.details.expected_owner), (5, Ok(()), None));
    }

    async fn a_key_that_could_not_serve_its_connectors_is_refused(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), office.required(), &by()).await.unwrap();
        office.connector("deploy", "main", "user").await;
        let replace = async |change: serde_json::Value| {
            let mut new = new_key("main", MAIN, SECRET);
            let mut details = serde_json::to_value(&new.details).unwrap();
            details.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            new.details = serde_json::from_value(details).unwrap();
            office.administration.replace_access_key(new, None, Proof::Skipped, &by()).await
        };
        let error = replace(json!({ "serves": { "connectors": ["other"] } })).await.unwrap_err();
        let AccessKeyError::CannotServe { connector, reason: CannotServe::Connector(_) } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(connector.as_str(), "deploy");
        let error = replace(json!({ "region": "cn-north-1" })).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::CannotServe { reason: CannotServe::Partition { .. }, .. }), "{error:?}");
        replace(json!({ "serves": { "connectors": ["deploy"] }, "region": "eu-west-1" })).await.unwrap();
    }

    async fn the_second_of_two_editors_is_told(house: Storehouse) {
        let office = Office::open(&house).await;
        office.administration.add_access_key(new_key("main", MAIN, SECRET), Proof::Skipped, &by()).await.unwrap();
        let replace = async |seen| {
            let new = new_key("main", MAIN, SECRET);
            office.administration.replace_access_key(new, seen, Proof::Skipped, &by()).await
        };
        let first = Some(SeenAccessKey::of(&office.key("main").await.unwrap()));
        let second = replace(first).await.unwrap();
        assert_eq!(second.generation, 2);
        assert!(matches!(replace(first).await, Err(AccessKeyError::Stale(_))));
        let remove = async |seen| office.administration.remove_access_key(&second.name, seen, &by()).await;
        assert!(matches!(remove(first).await, Err(AccessKeyError::Stale(_))));
        let seen = Some(SeenAccessKey::of(&second));
        let (one, other) = tokio::join!(replace(seen), replace(seen));
        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
        let (replaced, removed) = {
            let seen = Some(SeenAccessKey::of(&office.key("main").await.unwrap()));
            tokio::join!(replace(seen), remove(seen))
        };
        assert!(replaced.is_ok() ^ removed.is_ok(), "{replaced:?} {removed:?}");
        let unknown = new_key("nobody", MAIN, SECRET);
        let error = office.administration.replace_access_key(unknown, None, Proof::Skipped, &by()).await.unwrap_err();
        assert!(matches!(error, AccessKeyError::Unknown(_)), "{error:?}");
    }
}
