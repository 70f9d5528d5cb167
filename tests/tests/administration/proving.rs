//! Keys that came in unproved are proved in the background.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use broker_core::access_key::NotRightful;
use broker_core::administration::Proof;
use broker_core::inventory::Inventory;
use broker_core::trail::Action;
use tests::stores::Storehouse;

use super::{BROKER, MAIN, OTHER_ACCOUNT, OTHER_USER, Office, ROOT, SECOND, SECRET, WRONG, by, details, new_key};

tests::where_others_reach_in! {
    async fn the_files_keys_get_their_owner_without_becoming_other_keys(house: Storehouse) {
        let office = Office::open(&house).await;
        let main = office.file_key("main", details(MAIN), SECRET).await;
        let proving = Proving::begin(&office).await;
        office.administration.add_access_key(new_key("late", OTHER_USER, SECRET), Proof::Skipped, &by()).await.unwrap();

        let proved = office.once_owned("main").await;
        assert_eq!(proved, BROKER);
        let key = office.key("main").await.unwrap();
        assert_eq!((key.id, key.generation, key.managed_by), (main.id, 1, main.managed_by));
        assert_eq!(office.once_owned("late").await, "arn:aws:iam::111111111111:user/other");
        let records = office.records(Action::AccessKeyChanged).await;
        assert_eq!(records.len(), 2);
        assert_eq!((&records[0]["actor"], &records[0]["changes"]["owner.arn"]["to"]), (&"brokerd".into(), &BROKER.into()));

        // And then there is nothing to do.
        office.sim.forget_calls();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(office.sim.count("GetCallerIdentity"), 0);
        drop(proving);
    }

    async fn what_aws_says_of_a_bad_key_is_noted_and_a_roots_is_never_owned(house: Storehouse) {
        let office = Office::open(&house).await;
        office.file_key("bad", details(MAIN), WRONG).await;
        office.file_key("root", details(ROOT), SECRET).await;
        office.file_key("good", details(SECOND), SECRET).await;
        let begun = Instant::now();
        let proving = Proving::begin(&office).await;
        assert_eq!(office.once_owned("good").await, BROKER, "a bad key delays no other");
        // A later key is asked about once all of the first have been answered, in whatever order that was.
        office.administration.add_access_key(new_key("late", OTHER_USER, SECRET), Proof::Skipped, &by()).await.unwrap();
        office.once_owned("late").await;
        let bad = office.key("bad").await.unwrap();
        assert_eq!(bad.health.refused.map(|(_, code)| code).as_deref(), Some("SignatureDoesNotMatch"));
        assert_eq!(bad.details.owner, None);
        assert_eq!(office.key("root").await.unwrap().details.owner, None);
        // Four keys once each, and the two that were refused again when they had waited their five seconds.
        let due = 4 + 2 * usize::try_from(begun.elapsed().as_secs() / 5).unwrap();
        assert!(office.sim.count("GetCallerIdentity") <= due, "they are not asked about again at once");
        drop(proving);
    }

    async fn what_takes_a_keys_place_unproved_is_proved_to_be_the_same_owners_or_stays_out_of_use(house: Storehouse) {
        let office = Office::open(&house).await;
        for name in ["good", "bad", "strange"] {
            office.administration.add_access_key(new_key(name, MAIN, SECRET), office.required(), &by()).await.unwrap();
        }
        let replace = async |name: &str, id: &str| {
            let new = new_key(name, id, SECRET);
            office.administration.replace_access_key(new, None, Proof::Skipped, &by()).await.unwrap()
        };
        replace("good", SECOND).await;
        let bad = replace("bad", OTHER_USER).await;
        replace("strange", OTHER_ACCOUNT).await;
        let proving = Proving::begin(&office).await;
        assert_eq!(office.once_owned("good").await, BROKER);
        let good = office.key("good").await.unwrap();
        assert_eq!((good.is_rightful(), good.details.expected_owner), (Ok(()), None));
        for (name, arn) in [("bad", "arn:aws:iam::111111111111:user/other"), ("strange", "arn:aws:iam::222222222222:user/broker")] {
            assert_eq!(office.once_owned(name).await, arn);
            let key = office.key(name).await.unwrap();
            let other = NotRightful::OtherOwner { name: key.name.clone(), expected: BROKER.to_owned(), proved: arn.to_owned() };
            assert_eq!(key.is_rightful(), Err(other));
        }
        let refused: Vec<_> = office
            .records(Action::AccessKeyChanged)
            .await
            .into_iter()
            .filter(|record| record["outcome"] == "refused")
            .map(|record| record["changes"]["access_key"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(refused.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&"bad".to_owned(), &"strange".to_owned()]));

        // Once more the same wrong one, unproved: it is known whose it is. Then the right one.
        let again = replace("bad", OTHER_USER).await;
        assert_eq!(again.generation, bad.generation + 1);
        assert!(matches!(again.is_rightful(), Err(NotRightful::OtherOwner { .. })), "{again:?}");
        replace("bad", SECOND).await;
        assert_eq!(office.once_owned("bad").await, BROKER);
        assert_eq!(office.key("bad").await.unwrap().is_rightful(), Ok(()));
        drop(proving);
    }

    async fn an_aws_that_was_away_is_asked_again(house: Storehouse) {
        let office = Office::open(&house).await;
        office.sim.faults().times(2, aws_sim::Calls::any(), aws_sim::Fault::ServiceUnavailable);
        office.file_key("main", details(MAIN), SECRET).await;
        let proving = Proving::begin(&office).await;
        assert_eq!(office.once_owned("main").await, BROKER);
        assert_eq!(office.sim.count("GetCallerIdentity"), 3);
        drop(proving);
    }
}

impl Office {
    /// Waits until it is known whose a key is.
    async fn once_owned(&self, name: &str) -> String {
        for _ in 0..200 {
            if let Some(owner) = self.key(name).await.unwrap().details.owner {
                return owner.arn;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody proved {name}");
    }
}

/// The background task, which ends with this.
struct Proving(tokio::task::JoinHandle<()>);

impl Proving {
    async fn begin(office: &Office) -> Self {
        let inventory = Inventory::open(office.store.clone()).await.unwrap();
        Self(tokio::spawn(office.administration.clone().prove_unproved(inventory, office.sts.clone())))
    }
}

impl Drop for Proving {
    fn drop(&mut self) {
        self.0.abort();
    }
}
