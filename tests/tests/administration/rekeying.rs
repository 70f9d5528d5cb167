//! Everything sealed goes to another master key: each secret with its record, whatever else happens meanwhile.

use broker_core::access_key::{AccessKey, KeyHealth};
use broker_core::administration::{Left, Rekeyed, WhyLeft};
use broker_core::id::LocalUserId;
use broker_core::local_user::LocalUser;
use broker_core::name::DirectoryName;
use broker_core::store::OpenError;
use broker_core::trail::{Action, verify};
use broker_core::vault::Place;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tests::stores::{Hands, Storehouse, access_key};
use tests::where_others_reach_in;

use crate::{Office, by};

const BOTH: [(&str, u8); 2] = [("k1", 1), ("k2", 2)];

/// With the access keys `a`, `b` and `c`, sealed with `k1`.
async fn furnished(house: &Storehouse) -> Office {
    let office = Office::over(house, house.open_keyed(&BOTH, "k1").await.unwrap()).await;
    for name in ["a", "b", "c"] {
        office.commit(office.store.add_access_key(&access_key(&office.opened, name)).unwrap()).await;
    }
    office
}

fn counts(survey: &broker_core::administration::Survey) -> Vec<(&'static str, &str, usize)> {
    survey.under.iter().map(|((place, key), count)| (place.table(), key.as_str(), *count)).collect()
}

async fn columns(hands: &mut Hands) -> Vec<String> {
    let sql = match hands {
        Hands::Sqlite(_) => {
            "SELECT coalesce(group_concat(m.name || '.' || c.name, ' '), '') FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND c.name LIKE 'sealed%'"
        }
        Hands::Postgres(_) => {
            "SELECT coalesce(string_agg(table_name || '.' || column_name, ' '), '') FROM information_schema.columns
             WHERE table_schema = current_schema() AND column_name LIKE 'sealed%'"
        }
    };
    let mut found: Vec<String> = hands.text(sql).await.split_whitespace().map(str::to_owned).collect();
    found.sort();
    found
}

where_others_reach_in! {
    async fn nothing_moves_where_one_key_seals_all(house: Storehouse) {
        let office = Office::open(&house).await;
        let rekeyed = office.administration.rekey(&by(), |_| ()).await.unwrap();
        assert_eq!(rekeyed, Rekeyed { moved: 0, left: Vec::new(), idle_keys: Vec::new(), unused_keys: Vec::new() });
        assert_eq!(office.records(Action::SecretResealed).await, Vec::<serde_json::Value>::new());
    }

    /// The order is: add the new key, let it seal, then rekey.
    async fn a_key_that_is_not_to_seal_yet_is_not_said_to_have_had_its_day(house: Storehouse) {
        let office = furnished(&house).await;
        let rekeyed = office.administration.rekey(&by(), |_| ()).await.unwrap();
        let unused_keys = vec!["k2".to_owned()];
        assert_eq!(rekeyed, Rekeyed { moved: 0, left: Vec::new(), idle_keys: Vec::new(), unused_keys });
    }

    /// A column for sealed secrets that the list does not have would be forgotten by `rekey`.
    async fn every_sealed_column_of_the_schema_is_in_the_list(house: Storehouse) {
        let office = Office::open(&house).await;
        let mut listed = Place::ALL.map(|place| format!("{}.{}", place.table(), place.column()));
        listed.sort();
        assert_eq!(columns(&mut house.hands().await).await, listed);
        for place in Place::ALL {
            office.store.sealed_rows(place).await.unwrap();
        }
    }

    async fn everything_moves_and_stays_the_same_secret(house: Storehouse) {
        let office = furnished(&house).await;
        let refused = KeyHealth { refused: Some((broker_core::clock::Clock::now(&*house.clock), "InvalidClientTokenId".to_owned())) };
        let b = office.key("b").await.unwrap();
        office.store.note_key_health(b.id, b.generation, &refused).await.unwrap();
        let before = office.store.revision().await.unwrap();

        let office = Office::over(&house, house.open_keyed(&BOTH, "k2").await.unwrap()).await;
        let survey = office.administration.survey_seals().await.unwrap();
        assert_eq!(counts(&survey), [("access_keys", "k1", 3), ("installation", "k1", 1)]);
        let mut told = Vec::new();
        let rekeyed = office.administration.rekey(&by(), |progress| told.push((progress.done, progress.total))).await.unwrap();
        let idle_keys = vec!["k1".to_owned()];
        assert_eq!(rekeyed, Rekeyed { moved: 4, left: Vec::new(), idle_keys, unused_keys: Vec::new() });
        assert_eq!(told, [(1, 4), (2, 4), (3, 4), (4, 4)]);
        let survey = office.administration.survey_seals().await.unwrap();
        assert_eq!(counts(&survey), [("access_keys", "k2", 3), ("installation", "k2", 1)]);
        assert!(office.store.revision().await.unwrap() > before, "those who hold copies read again");
        assert!(office.key("b").await.unwrap().health == refused, "what AWS said of the key is still true");

        let records = office.records(Action::SecretResealed).await;
        assert_eq!(records.len(), 4);
        let of_a = json!({ "place": "access_keys.sealed", "row": "a", "master_key": { "from": "k1", "to": "k2" } });
        assert!(records.iter().any(|record| record["changes"] == of_a), "{records:?}");
        assert_eq!(records[3]["changes"]["place"], "installation.sealed_secret", "last");

        // Now the old key may go, and nothing is missed.
        let only = house.open_keyed(&[("k2", 2)], "k2").await.unwrap();
        for key in only.store.access_keys().await.unwrap() {
            assert_eq!(key.open(&only.vault).unwrap().expose_secret(), format!("secret of {}", key.name));
        }
        assert!(verify(&only.store).await.unwrap().breaks.is_empty());
        let refused = house.open_keyed(&[("k1", 1)], "k1").await.unwrap_err();
        assert!(matches!(&refused, OpenError::UnknownMasterKey(id) if id == "k2"), "{refused}");
        let refused = house.open_keyed(&[("k1", 1), ("k2", 3)], "k1").await.unwrap_err();
        assert!(matches!(refused, OpenError::WrongMasterKey(_)), "{refused}");
        let again = office.administration.rekey(&by(), |_| ()).await.unwrap();
        assert_eq!((again.moved, again.left.len()), (0, 0));
        assert_eq!((again.idle_keys, again.unused_keys), (Vec::new(), vec!["k1".to_owned()]), "it cannot tell it from a new one");
    }

    async fn a_local_users_password_moves_and_lets_them_in_by_the_new_key_alone(house: Storehouse) {
        let office = furnished(&house).await;
        let (id, directory) = (LocalUserId::random(), DirectoryName::try_from("local".to_owned()).unwrap());
        let now = broker_core::clock::Clock::now(&*house.clock);
        let hash = SecretString::from("a hash, as far as this goes");
        let user = LocalUser {
            id,
            sealed_password: LocalUser::seal(&office.opened.vault, id, &directory, &hash).unwrap(),
            directory,
            name: "ada".to_owned().try_into().unwrap(),
            revision: 1,
            details: serde_json::from_value(json!({ "groups": [], "disabled": false, "break_glass": true, "created_at": now })).unwrap(),
            password_changed_at: now,
        };
        office.commit(office.store.add_local_user(&user).unwrap()).await;
        let office = Office::over(&house, house.open_keyed(&BOTH, "k2").await.unwrap()).await;
        let rekeyed = office.administration.rekey(&by(), |_| ()).await.unwrap();
        assert_eq!((rekeyed.moved, rekeyed.left.len()), (5, 0));
        let survey = office.administration.survey_seals().await.unwrap();
        assert_eq!(counts(&survey), [("access_keys", "k2", 3), ("local_users", "k2", 1), ("installation", "k2", 1)]);
        let only = house.open_keyed(&[("k2", 2)], "k2").await.unwrap();
        let moved = only.store.local_user(id).await.unwrap().unwrap();
        assert_eq!(moved.open(&only.vault).unwrap().expose_secret(), hash.expose_secret());
        assert_eq!(moved.password_changed_at, user.password_changed_at, "it is the same password");
    }

    async fn what_cannot_be_opened_is_told_and_left(house: Storehouse) {
        let office = furnished(&house).await;
        let broken = AccessKey { generation: 2, sealed: office.key("b").await.unwrap().sealed, ..office.key("a").await.unwrap() };
        office.commit(office.store.replace_access_key(&broken, 1).unwrap()).await;
        house.hands().await.run("UPDATE access_keys SET managed_by = '\"file\"' WHERE name = 'c'").await;
        let forged = house.hands().await.text("SELECT id FROM access_keys WHERE name = 'c'").await;
        let strange = Office::over(&house, house.open_keyed(&[("k1", 1), ("k3", 3)], "k3").await.unwrap()).await;
        strange.commit(strange.store.add_access_key(&access_key(&strange.opened, "d")).unwrap()).await;

        let office = Office::over(&house, house.open_keyed(&BOTH, "k2").await.unwrap()).await;
        let rekeyed = office.administration.rekey(&by(), |_| ()).await.unwrap();
        let left = |row: &str, why| Left { place: Place::AccessKey, row: row.to_owned(), why };
        let expected = [
            left(&forged, WhyLeft::Unproved),
            left("a", WhyLeft::Broken),
            left("d", WhyLeft::UnknownKey("k3".to_owned())),
        ];
        assert_eq!((rekeyed.moved, rekeyed.left.as_slice()), (2, expected.as_slice()));
        assert_eq!((rekeyed.idle_keys, rekeyed.unused_keys), (Vec::new(), Vec::new()), "what is left is sealed with k1");
        assert_eq!(office.key("a").await.unwrap().sealed, broken.sealed, "as it was");
        assert_eq!(office.records(Action::SecretResealed).await.len(), 2);
    }

    /// A node that seals with the old key still, or that replaces a key in that moment, neither loses nor undoes anything.
    async fn a_change_meanwhile_is_not_overwritten(house: Storehouse) {
        let office = furnished(&house).await;
        let rows = office.store.sealed_rows(Place::AccessKey).await.unwrap().proved;
        let rekeying = Office::over(&house, house.open_keyed(&BOTH, "k2").await.unwrap()).await;
        let late = rekeying.store.reseal(&rows[0], &rekeying.opened.vault).unwrap();
        let stored = office.key("a").await.unwrap();

        rekeying.administration.rekey(&by(), |_| ()).await.unwrap();
        let replaced = AccessKey { generation: stored.generation + 1, ..stored.clone() };
        let committed = |change| office.trail.commit(vec![change], broker_core::trail::Vec1::new(tests::stores::entry(Action::AccessKeyChanged)));
        for change in [late, office.store.replace_access_key(&replaced, stored.generation).unwrap()] {
            let error = committed(change).await.unwrap_err();
            assert!(error.to_string().contains("meanwhile"), "{error}");
        }
        let survey = rekeying.administration.survey_seals().await.unwrap();
        assert_eq!(counts(&survey), [("access_keys", "k2", 3), ("installation", "k2", 1)]);
    }
}
