//! Somebody who has the database and nothing else can put rows out of service, and cannot put any in.

use broker_core::access_key::AccessKey;
use broker_core::store::{Damage, DamagedRow, Store, StoreError};
use broker_core::vault::Purpose;
use secrecy::ExposeSecret;
use serde_json::json;
use tests::stores::{Hands, Storehouse, access_key, connector};
use tests::where_others_reach_in;

use crate::{Desk, service_tokens, sessions};

/// Forges one row after another, each by a statement in which `{}` is the row's name; SQLite takes any type in any column.
async fn forge(house: &Storehouse, hands: &mut Hands, statements: &[&str], only_sqlite: &[&str]) {
    let only_sqlite = if house.is_sqlite() { only_sqlite } else { &[] };
    for (number, statement) in statements.iter().chain(only_sqlite).enumerate() {
        let changed = hands.run(&statement.replace("{}", &format!("forged-{number}"))).await;
        assert_eq!(changed, 1, "{statement}");
    }
}

where_others_reach_in! {
    async fn a_forged_connector_is_out_of_service_and_the_others_are_not(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let other_key = access_key(&desk.opened, "other");
        desk.commit(vec![desk.store.add_access_key(&other_key).unwrap()]).await.unwrap();
        desk.connector("kept").await;
        for number in 0..11 {
            desk.connector(&format!("forged-{number}")).await;
        }
        let statements = [
            "UPDATE connectors SET spec = replace(spec, 'corp/release', 'corp/everybody') WHERE name = '{}'",
            "UPDATE connectors SET spec = replace(spec, 'role/forged', 'role/admin') WHERE name = '{}'",
            "UPDATE connectors SET spec = replace(spec, 'main', 'other'), access_key = 'other' WHERE name = '{}'",
            "UPDATE connectors SET spec = 'no JSON at all' WHERE name = '{}'",
            "UPDATE connectors SET name = 'renamed' WHERE name = '{}'",
            "UPDATE connectors SET revision = revision + 1 WHERE name = '{}'",
            "UPDATE connectors SET managed_by = '\"file\"' WHERE name = '{}'",
            "UPDATE connectors SET id = '0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d' WHERE name = '{}'",
            "UPDATE connectors SET mac = (SELECT mac FROM connectors WHERE name = 'kept') WHERE name = '{}'",
            "INSERT INTO connectors (id, name, revision, managed_by, access_key, spec, mac)
             SELECT '0190a5c8-7f4e-7b3a-9d2c-000000000000', 'copy', revision, managed_by, access_key, spec, mac
             FROM connectors WHERE name = 'kept' AND '{}' <> ''",
        ];
        let only_sqlite = ["UPDATE connectors SET revision = 'no number' WHERE name = '{}'"];
        forge(&house, &mut house.hands().await, &statements, &only_sqlite).await;

        let expected = if house.is_sqlite() { vec!["forged-9", "kept"] } else { vec!["forged-10", "forged-9", "kept"] };
        assert_eq!(desk.connectors().await, expected, "forged-9 served the copy only");
    }

    async fn a_forged_key_is_out_of_service_and_the_others_are_not(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        for number in 0..10 {
            let key = access_key(&desk.opened, &format!("forged-{number}"));
            desk.commit(vec![desk.store.add_access_key(&key).unwrap()]).await.unwrap();
        }
        let statements = [
            r#"UPDATE access_keys SET details = replace(details, '"serves"', '"endpoint_url":"https://evil.example","serves"')
               WHERE name = '{}' AND details LIKE '%serves%'"#,
            "UPDATE access_keys SET details = replace(details, 'AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLF') WHERE name = '{}'",
            "UPDATE access_keys SET details = replace(details, 'eu-central-1', 'us-east-1') WHERE name = '{}'",
            "UPDATE access_keys SET sealed = (SELECT sealed FROM access_keys WHERE name = 'main') WHERE name = '{}'",
            "UPDATE access_keys SET generation = generation + 1 WHERE name = '{}'",
            "UPDATE access_keys SET managed_by = '\"file\"' WHERE name = '{}'",
            "UPDATE access_keys SET name = 'renamed' WHERE name = '{}'",
            "UPDATE access_keys SET mac = (SELECT mac FROM access_keys WHERE name = 'main') WHERE name = '{}'",
        ];
        let only_sqlite = [
            "UPDATE access_keys SET mac = 5 WHERE name = '{}'",
            "UPDATE access_keys SET generation = 'no number' WHERE name = '{}'",
        ];
        forge(&house, &mut house.hands().await, &statements, &only_sqlite).await;
        let expected = if house.is_sqlite() { vec!["main"] } else { vec!["forged-8", "forged-9", "main"] };
        assert_eq!(desk.access_keys().await, expected);
    }

    async fn a_secret_that_was_sealed_to_one_key_does_not_open_for_another(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let other = access_key(&desk.opened, "other");
        desk.commit(vec![desk.store.add_access_key(&other).unwrap()]).await.unwrap();
        let keys = desk.store.access_keys().await.unwrap();
        let (main, other) = (&keys[0], &keys[1]);
        assert_eq!(other.open(&desk.opened.vault).unwrap().expose_secret(), "secret of other");
        let mut swapped = other.clone();
        swapped.sealed = main.sealed.clone();
        swapped.open(&desk.opened.vault).unwrap_err();
    }

    /// Whoever could make the row's keyed hash as well still could not have the secret signed for an STS of theirs.
    async fn a_secret_does_not_open_for_another_key_id_partition_or_endpoint(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let stored = desk.store.access_keys().await.unwrap().remove(0);
        let changes: [&dyn Fn(&mut AccessKey); 4] = [
            &|key| key.details.endpoint_url = Some("https://sts.evil.example/".parse().unwrap()),
            &|key| key.details.region = "cn-north-1".to_owned().try_into().unwrap(),
            // Another region's STS is another endpoint, though the partition is the same.
            &|key| key.details.region = "us-east-1".to_owned().try_into().unwrap(),
            &|key| key.details.source = serde_json::from_value(json!("AKIAIOSFODNN7EXAMPLF")).unwrap(),
        ];
        for (number, change) in (1..).zip(changes) {
            let mut moved = stored.clone();
            change(&mut moved);
            moved.generation = stored.generation + number;
            desk.commit(vec![desk.store.replace_access_key(&moved, moved.generation - 1).unwrap()]).await.unwrap();
            let found = desk.store.access_keys().await.unwrap().remove(0);
            assert_eq!(found.details, moved.details, "the row proves to be ours");
            assert!(found.open(&desk.opened.vault).is_err(), "change {number}");
        }
    }

    async fn a_forged_session_ends_nobody_elses(house: Storehouse) {
        let desk = Desk::open(&house).await;
        let statements = [
            "UPDATE sessions SET person = replace(person, 'corp/staff', 'corp/admins') WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET person = replace(person, 'id-of', 'id-Of') WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET expires_at = expires_at + 1 WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET created_at = created_at + 1 WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET checked_at = checked_at + 1 WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET mac = (SELECT mac FROM sessions WHERE person LIKE '%\"kept\"%') WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET token = mac WHERE person LIKE '%\"{}\"%'",
            "UPDATE sessions SET last_seen_at = last_seen_at + 1 WHERE person LIKE '%\"{}\"%'",
        ];
        let mut tokens = Vec::new();
        for name in (0..statements.len()).map(|number| format!("forged-{number}")).chain(["kept".to_owned()]) {
            let (session, token) = sessions::session(&desk.store, &name);
            desk.commit(vec![desk.store.add_session(&session, &token).unwrap()]).await.unwrap();
            tokens.push((name, session.id, token));
        }
        forge(&house, &mut house.hands().await, &statements, &[]).await;
        let mut alive = Vec::new();
        for (name, id, token) in &tokens {
            let found = desk.store.session_by_token(token).await.unwrap();
            assert_eq!(found, desk.store.session(*id).await.unwrap());
            alive.extend(found.map(|_| name.as_str()));
        }
        assert_eq!(alive, ["forged-7", "kept"], "when a session was last used decides nothing but the idle end");
    }

    async fn a_forged_service_token_is_none_and_the_others_are(house: Storehouse) {
        let desk = Desk::open(&house).await;
        for number in 0..8 {
            let (token, hash) = service_tokens::token(&desk.store, &format!("forged-{number}"));
            desk.commit(vec![desk.store.add_service_token(&token, &hash).unwrap()]).await.unwrap();
        }
        let (kept, kept_hash) = service_tokens::token(&desk.store, "kept");
        desk.commit(vec![desk.store.add_service_token(&kept, &kept_hash).unwrap()]).await.unwrap();
        let statements = [
            "UPDATE service_tokens SET terms = replace(terms, '10.0.0.0/8', '0.0.0.0/0') WHERE name = '{}'",
            "UPDATE service_tokens SET terms = (SELECT terms FROM service_tokens WHERE name = 'kept') WHERE name = '{}'",
            "UPDATE service_tokens SET expires_at = expires_at + 1 WHERE name = '{}'",
            "UPDATE service_tokens SET created_at = created_at + 1 WHERE name = '{}'",
            "UPDATE service_tokens SET name = 'renamed' WHERE name = '{}'",
            "UPDATE service_tokens SET mac = (SELECT mac FROM service_tokens WHERE name = 'kept') WHERE name = '{}'",
            "UPDATE service_tokens SET token = mac WHERE name = '{}'",
        ];
        let only_sqlite = ["UPDATE service_tokens SET expires_at = 'never' WHERE name = '{}'"];
        forge(&house, &mut house.hands().await, &statements, &only_sqlite).await;
        let named = |name: &str| desk.store.seals().mac(Purpose::Token, &[b"service token", name.as_bytes()]);
        for (number, statement) in statements.iter().enumerate() {
            let found = desk.store.service_token(&named(&format!("forged-{number}"))).await.unwrap();
            assert_eq!(found, None, "{statement}");
        }
        assert_eq!(desk.store.service_token(&kept_hash).await.unwrap(), Some(kept));
        let listed: Vec<_> = desk.store.service_tokens().await.unwrap();
        let listed: Vec<_> = listed.iter().map(|token| token.name.to_string()).collect();
        let expected = if house.is_sqlite() { vec!["kept"] } else { vec!["forged-7", "kept"] };
        assert_eq!(listed, expected);
    }

    async fn a_row_of_another_installation_proves_nothing_here(house: Storehouse) {
        let elsewhere = Storehouse::on_sqlite("elsewhere");
        let (desk, other) = (Desk::with_a_key(&house).await, Desk::with_a_key(&elsewhere).await);
        other.connector("deploy").await;
        let (mut here, mut there) = (house.hands().await, elsewhere.hands().await);
        let mut row = async |column: &str| there.text(&format!("SELECT {column} FROM connectors")).await;
        let (id, managed_by, spec) = (row("id").await, row("managed_by").await, row("spec").await);
        let mac = row("hex(mac)").await;
        let mac = if house.is_sqlite() { format!("x'{mac}'") } else { format!(r"'\x{mac}'") };
        here.run(&format!(
            "INSERT INTO connectors (id, name, revision, managed_by, access_key, spec, mac)
             VALUES ('{id}', 'deploy', 1, '{managed_by}', 'main', '{spec}', {mac})"
        ))
        .await;
        assert_eq!(other.connectors().await, ["deploy"]);
        assert!(desk.connectors().await.is_empty());
    }

    async fn damaged_rows_are_found_by_what_stands_in_them_and_can_be_taken_away(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        desk.connector("forged-0").await;
        desk.connector("kept").await;
        for name in ["forged-1", "kept"] {
            let (token, hash) = service_tokens::token(&desk.store, name);
            desk.commit(vec![desk.store.add_service_token(&token, &hash).unwrap()]).await.unwrap();
        }
        let mut hands = house.hands().await;
        let statements = [
            "UPDATE connectors SET revision = 7, name = 'a\u{1b}[2J\u{202e}b' WHERE name = '{}'",
            "UPDATE service_tokens SET id = 'no id at all', terms = 'no JSON' WHERE name = '{}'",
        ];
        let only_sqlite = ["UPDATE access_keys SET generation = 'no number', id = x'0102', name = 'forged-2' WHERE name <> '{}'"];
        if house.is_sqlite() {
            // SQLite lets whoever asks for it break its own rules.
            hands.run("PRAGMA foreign_keys = OFF").await;
        }
        forge(&house, &mut hands, &statements, &only_sqlite).await;
        // A connector names the key by an id that no row has any more.
        let is_gone = |row: &DamagedRow| row.damage == Damage::Gone;
        let (gone, found): (Vec<_>, Vec<_>) = desk.store.damaged_rows().await.unwrap().into_iter().partition(is_gone);
        assert_eq!(gone.iter().map(DamagedRow::shown_name).collect::<Vec<_>>(), if house.is_sqlite() { vec!["main"] } else { vec![] });
        let shown: Vec<_> = found.iter().map(|row| (row.table.as_str(), row.shown_name())).collect();
        let mut expected = vec![("connectors", "a\u{fffd}[2J\u{fffd}b".to_owned()), ("service_tokens", "forged-1".to_owned())];
        if house.is_sqlite() {
            expected.insert(0, ("access_keys", "forged-2".to_owned()));
        }
        assert_eq!(shown, expected);
        assert!(found.iter().all(|row| row.damage == Damage::NotOurs));
        assert!(found.iter().any(|row| row.is_meant_by("no id at all") || row.shown_id() == "no\u{fffd}id\u{fffd}at\u{fffd}all"));

        for row in &found {
            desk.commit(vec![Store::remove_damaged(row)]).await.unwrap();
            assert_eq!(desk.commit(vec![Store::remove_damaged(row)]).await.unwrap_err().to_string(), StoreError::Stale.to_string());
        }
        assert!(desk.store.damaged_rows().await.unwrap().iter().all(is_gone));
        assert_eq!(desk.connectors().await, ["kept"]);
        assert_eq!(desk.store.service_tokens().await.unwrap().len(), 1);
    }

    async fn ours_takes_the_place_of_a_damaged_row_under_an_id_of_its_own(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let before = desk.connector("deploy").await;
        let mut hands = house.hands().await;
        // The key is named by a connector all the while.
        for statement in ["UPDATE access_keys SET generation = 9", "UPDATE connectors SET revision = 9"] {
            hands.run(statement).await;
        }
        let found = desk.store.damaged_rows().await.unwrap();
        let (key, connector) = (access_key(&desk.opened, "main"), connector("deploy", "main"));
        let refused = desk.commit(vec![Store::remove_damaged(&found[0])]).await;
        assert!(matches!(refused, Err(StoreError::InUse)), "{refused:?}");
        let changes = vec![
            desk.store.repair_access_key(&key, &found[0]).unwrap(),
            desk.store.repair_connector(&connector, &found[1]).unwrap(),
        ];
        desk.commit(changes).await.unwrap();
        assert!(desk.store.damaged_rows().await.unwrap().is_empty());
        let (keys, connectors) = (desk.store.access_keys().await.unwrap(), desk.store.connectors().await.unwrap());
        assert_eq!((keys[0].id, keys[0].generation), (key.id, 1));
        assert_eq!((connectors[0].id, connectors[0].revision), (connector.id, 1));
        assert_ne!(connectors[0].id, before.id);
    }

    async fn a_row_that_is_ours_but_of_a_newer_release_is_not_taken_for_forged(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        let newer = desk.connector("newer").await;
        let spec = r#"{"of":"a newer release"}"#;
        let mac = desk.store.seals().mac(
            Purpose::Row,
            &[b"connectors", newer.id.to_string().as_bytes(), b"newer", &1_i64.to_be_bytes(), br#""api""#, spec.as_bytes()],
        );
        let mac = hex::encode(mac);
        let mac = if house.is_sqlite() { format!("x'{mac}'") } else { format!(r"'\x{mac}'") };
        house.hands().await.run(&format!("UPDATE connectors SET spec = '{spec}', mac = {mac}, managed_by = '\"api\"'")).await;
        let found = desk.store.damaged_rows().await.unwrap();
        assert_eq!(found.iter().map(|row| row.damage).collect::<Vec<_>>(), [Damage::Unreadable]);
    }

    async fn an_alarm_is_raised_for_a_forged_row(house: Storehouse) {
        let desk = Desk::with_a_key(&house).await;
        desk.connector("forged").await;
        house.hands().await.run("UPDATE connectors SET revision = 2").await;
        let (log, connectors) = crate::logged(async |store: Store| store.connectors().await.unwrap(), &desk.store).await;
        assert!(connectors.is_empty());
        assert!(log.contains("ERROR") && log.contains(r#"alarm="forged_row""#) && log.contains(r#"table="connectors""#), "{log}");
    }
}
