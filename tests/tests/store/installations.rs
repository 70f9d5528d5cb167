//! Opening: one installation a store, one master key an installation, and plain words when something does not fit.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use broker_core::store::{Location, OpenError, Opened, Store, StoreError};
use broker_core::trail::Action;
use broker_core::vault::{MasterKeyError, Purpose};
use tests::stores::{Storehouse, StoryClock, entry, master_key};
use tests::{on_every_engine, where_others_reach_in};

use crate::Desk;

/// Two handles that say the same here are of one installation.
fn sign_of(opened: &Opened) -> [u8; 32] {
    opened.store.seals().mac(Purpose::Token, &[b"something"])
}

mod alone {
    use super::*;

    on_every_engine! {
        async fn a_new_store_is_an_installation_without_anything(house: Storehouse) {
            let desk = Desk::open(&house).await;
            desk.store.probe().await.unwrap();
            assert_eq!(desk.store.revision().await.unwrap(), 1);
            assert!(desk.connectors().await.is_empty() && desk.access_keys().await.is_empty());
        }
    }
}

mod together {
    use super::*;

    where_others_reach_in! {
        async fn eight_openers_of_an_empty_store_agree_on_one_installation(house: Storehouse) {
            let house = std::sync::Arc::new(house);
            let openers = (0..8).map(|_| {
                let house = house.clone();
                tokio::spawn(async move { house.open().await })
            });
            let mut signs = Vec::new();
            for opener in openers.collect::<Vec<_>>() {
                signs.push(sign_of(&opener.await.unwrap()));
            }
            assert!(signs.iter().all(|sign| sign == &signs[0]));
            assert_eq!(house.hands().await.number("SELECT count(*) FROM installation").await, 1);
            assert_eq!(sign_of(&house.open().await), signs[0], "and so it stays");
        }

        async fn a_master_key_that_does_not_fit_is_refused_and_changes_nothing(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            desk.connector("deploy").await;
            desk.close().await;
            let before = contents(&house).await;
            let refused = house.open_with(2).await.map(drop);
            assert!(matches!(refused, Err(OpenError::WrongMasterKey(_))), "{refused:?}");
            assert_eq!(contents(&house).await, before);
            assert_eq!(Desk::open(&house).await.connectors().await, ["deploy"], "the right one still fits");
        }

        async fn a_key_that_is_none_is_refused_before_anything_is_touched(house: Storehouse) {
            let refused = Store::open(&house.location(), vec![master_key(1)], "k2", &*house.clock).await.map(drop);
            assert!(matches!(refused, Err(OpenError::MasterKey(MasterKeyError::NoneSeals))), "{refused:?}");
            let twice = vec![master_key(1), master_key(1)];
            let refused = Store::open(&house.location(), twice, "k1", &*house.clock).await.map(drop);
            assert!(matches!(refused, Err(OpenError::MasterKey(MasterKeyError::Twice))), "{refused:?}");
            if house.is_sqlite() {
                assert_eq!(std::fs::read_dir(house.file().parent().unwrap()).unwrap().count(), 0);
            } else {
                let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
                assert_eq!(house.hands().await.number(tables).await, 0);
            }
        }

        async fn a_changed_installation_secret_is_refused(house: Storehouse) {
            let elsewhere = Storehouse::on_sqlite("elsewhere");
            elsewhere.open().await;
            let theirs = elsewhere.hands().await.text("SELECT sealed_secret FROM installation").await;
            house.open().await;
            house.hands().await.run(&format!("UPDATE installation SET sealed_secret = '{theirs}'")).await;
            let refused = house.open_with(1).await.map(drop);
            assert!(matches!(refused, Err(OpenError::WrongMasterKey(_))), "{refused:?}");
            house.hands().await.run("UPDATE installation SET id = 'no id'").await;
            let refused = house.open_with(1).await.map(drop);
            assert!(matches!(refused, Err(OpenError::Store(StoreError::Forged { table: "installation", .. }))), "{refused:?}");
        }

        async fn a_store_in_use_never_gets_a_new_secret_in_silence(house: Storehouse) {
            let desk = Desk::open(&house).await;
            desk.trail.record(entry(Action::Vend), ()).await.unwrap();
            house.hands().await.run("DELETE FROM installation").await;
            let refused = house.open_with(1).await.map(drop);
            assert!(matches!(refused, Err(OpenError::Store(StoreError::Forged { table: "installation", .. }))), "{refused:?}");
            assert_eq!(house.hands().await.number("SELECT count(*) FROM installation").await, 0);
        }

        async fn a_schema_that_a_newer_node_brought_up_to_date_suits_us_too(house: Storehouse) {
            let before = sign_of(&house.open().await);
            let mut hands = house.hands().await;
            hands.run("ALTER TABLE connectors ADD COLUMN of_the_next_release TEXT").await;
            hands
                .run("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      SELECT version + 1, 'the next release', success, checksum, execution_time FROM _sqlx_migrations
                      ORDER BY version DESC LIMIT 1")
                .await;
            let desk = Desk::with_a_key(&house).await;
            desk.connector("deploy").await;
            assert_eq!(desk.connectors().await, ["deploy"]);
            assert_eq!(sign_of(&desk.opened), before);
        }

        async fn a_running_node_goes_on_while_a_newer_one_changes_the_schema(house: Storehouse) {
            let desk = Desk::with_a_key(&house).await;
            desk.connector("before").await;
            assert_eq!(desk.connectors().await, ["before"]);
            house.hands().await.run("ALTER TABLE connectors ADD COLUMN of_the_next_release TEXT").await;
            desk.connector("after").await;
            assert_eq!(desk.connectors().await, ["after", "before"]);
        }
    }
}

/// Everything in the store: the very bytes of a file, the counts and the installation of a server's.
async fn contents(house: &Storehouse) -> Vec<u8> {
    if house.is_sqlite() {
        return std::fs::read(house.file()).unwrap();
    }
    let everything = "SELECT string_agg(row_text, ',' ORDER BY row_text) FROM (
        SELECT installation::text AS row_text FROM installation UNION ALL SELECT connectors::text FROM connectors
        UNION ALL SELECT access_keys::text FROM access_keys UNION ALL SELECT trail::text FROM trail
        UNION ALL SELECT tablename::text FROM pg_tables WHERE schemaname = 'public') everything";
    house.hands().await.text(everything).await.into_bytes()
}

#[test]
fn a_location_is_read_from_a_url_that_holds_no_password() {
    let parse = |url: &str| url.parse::<Location>();
    assert!(matches!(parse("sqlite::memory:"), Ok(Location::Memory)));
    for url in ["sqlite:/var/lib/brokerd/broker.db", "sqlite:///var/lib/brokerd/broker.db"] {
        assert!(
            matches!(parse(url), Ok(Location::Sqlite(path)) if path.to_str() == Some("/var/lib/brokerd/broker.db")),
            "{url}"
        );
    }
    assert!(matches!(parse("sqlite:broker.db"), Ok(Location::Sqlite(path)) if path.to_str() == Some("broker.db")));
    for url in
        ["postgres://brokerd@db.example/brokerd", "postgresql://brokerd@db.example:5433/brokerd?sslmode=verify-full"]
    {
        assert!(matches!(parse(url), Ok(Location::Postgres { password: None, .. })), "{url}");
    }
    for url in [
        "postgres://brokerd:secret@db.example/brokerd",
        "postgres://db.example/brokerd?user=brokerd&password=secret",
        "postgres://db.example/?p%61ssword=secret",
    ] {
        let error = parse(url).unwrap_err();
        assert!(matches!(error, OpenError::PasswordInUrl) && !format!("{error:?}{error}").contains("secret"), "{url}");
    }
    for url in
        ["postgres://brokerd@db.example/brokerd?sslmode=require", "postgres://brokerd@192.0.2.7/x?sslmode=prefer"]
    {
        assert!(matches!(parse(url), Err(OpenError::Unproved(_))), "{url}");
    }
    for url in ["mysql://db.example/brokerd", "/var/lib/brokerd/broker.db", "", "sqlite3:broker.db"] {
        assert!(matches!(parse(url), Err(OpenError::UnknownEngine)), "{url}");
    }
    for url in ["sqlite:", "sqlite://"] {
        assert!(matches!(parse(url), Err(OpenError::Url(_))), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_says_why() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let cause = unreachable(&format!("postgres://brokerd@127.0.0.1:{port}/brokerd")).await;
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_unreachable() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let cause = unreachable(&format!("postgres://brokerd@127.0.0.1:{port}/brokerd")).await;
    assert!(cause.contains("timed out"), "{cause}");
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_says_why_at_once() {
    let house = Storehouse::on_postgres("let_us_in");
    let mut url = house.url().clone();
    url.set_password(None).unwrap();
    let location = Location::Postgres { url: url.into(), password: Some("wrong".into()) };
    let refused = Store::open(&location, vec![master_key(1)], "k1", &StoryClock::default()).await.map(drop);
    let Err(OpenError::Unusable(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.to_string().contains("password authentication failed"), "{cause}");
}

/// Why there is no store at that URL; panics if it takes a minute to find out.
async fn unreachable(url: &str) -> String {
    let location = url.parse().unwrap();
    let clock = StoryClock::default();
    let opening = Store::open(&location, vec![master_key(1)], "k1", &clock);
    let refused = tokio::time::timeout(Duration::from_mins(1), opening).await.unwrap().map(drop);
    let Err(OpenError::Unusable(cause)) = refused else { panic!("{refused:?}") };
    cause.to_string()
}
