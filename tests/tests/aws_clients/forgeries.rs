//! Hands that have the database and nothing else, on each engine.

use broker_core::sign_in::{Credentials, SessionKind};
use broker_core::store::Store;
use secrecy::SecretString;
use tests::stores::Storehouse;

use crate::desk::{ADDRESS, Desk, origin};
use crate::login_times::Login;

tests::where_others_reach_in! {
    async fn whoever_has_the_database_makes_no_tokens_live(house: Storehouse) {
        let desk = Desk::open(house).await;
        let mut hands = desk.house.hands().await;
        for statement in [
            "UPDATE authorizations SET generation = generation - 1",
            "UPDATE authorizations SET rotated_at = rotated_at + 60000",
            "UPDATE authorizations SET terms = replace(terms, '127.0.0.1', '127.0.0.9')",
            "UPDATE authorizations SET created_at = created_at + 60000",
            "UPDATE authorizations SET session = (SELECT max(id) FROM sessions)",
        ] {
            // A generation that was: setting it back would make an old refresh token the newest.
            let tokens = desk.refresh(&desk.tokens().await).await.unwrap();
            assert!(desk.opens(&tokens).await);
            let credentials = SecretString::from("secret");
            let origin = origin();
            let again = Credentials { username: "ada", password: credentials, directory: None, address: ADDRESS, origin: &origin };
            desk.sign_in.sign_in(again, SessionKind::Browser).await.unwrap();
            assert!(hands.run(statement).await >= 1, "{statement}");
            assert!(!desk.opens(&tokens).await, "{statement}");
            assert!(desk.refresh(&tokens).await.is_err(), "{statement}");
            hands.run("DELETE FROM authorizations").await;
        }
    }

    async fn what_a_session_allowed_goes_with_its_row(house: Storehouse) {
        let desk = Desk::open(house).await;
        desk.tokens().await;
        desk.code().await.unwrap();
        let mut hands = desk.house.hands().await;
        assert_eq!(hands.number("SELECT count(*) FROM authorizations").await, 2);
        let entry = tests::stores::entry(broker_core::trail::Action::SignOut);
        let end = vec![Store::end_session(desk.ada.session)];
        desk.trail.take_away(end, broker_core::trail::Vec1::new(entry)).await.unwrap();
        assert_eq!(hands.number("SELECT count(*) FROM authorizations").await, 0);
    }

    async fn a_device_that_is_to_slow_down_costs_the_store_no_write(house: Storehouse) {
        let desk = Desk::open(house).await;
        let device = desk.device().await;
        let mut hands = desk.house.hands().await;
        for expected in [1, 2, 2, 2, 2] {
            assert!(desk.ask_device(&device).await.is_err());
            assert_eq!(hands.number("SELECT polls FROM device_codes").await, expected);
        }
        // By the clock of what was noted, and not of what was not: whoever never stops hears the same every five seconds.
        desk.house.clock.advance(5);
        let (one, other, third) = tokio::join!(desk.ask_device(&device), desk.ask_device(&device), desk.ask_device(&device));
        assert!(one.is_err() && other.is_err() && third.is_err());
        assert_eq!(hands.number("SELECT polls FROM device_codes").await, 3);
    }

    async fn whoever_has_the_database_gives_nobody_another_key(house: Storehouse) {
        let login = Login::at(house).await;
        let mut hands = login.desk.house.hands().await;
        for statement in [
            "UPDATE authorizations SET terms = replace(terms, '\"key\":\"', '\"key\":\"x')",
            "UPDATE authorizations SET terms = replace(terms, '\"name\":\"deploy\"', '\"name\":\"limited\"')",
            "UPDATE authorizations SET generation = 0",
        ] {
            let token = login.token().await;
            assert_eq!(hands.run(statement).await, 1, "{statement}");
            assert!(login.renewed(&token).await.is_err(), "{statement}");
            hands.run("DELETE FROM authorizations").await;
        }
    }

    async fn proofs_are_forgotten_once_they_are_too_old_to_count(house: Storehouse) {
        let login = Login::at(house).await;
        let token = login.token().await;
        login.renewed(&token).await.unwrap();
        let mut hands = login.desk.house.hands().await;
        login.desk.clients.sweep().await.unwrap();
        assert_eq!(hands.number("SELECT count(*) FROM dpop_proofs").await, 2);
        login.desk.house.clock.advance(3_601);
        login.desk.clients.sweep().await.unwrap();
        assert_eq!(hands.number("SELECT count(*) FROM dpop_proofs").await, 0);
    }
}
