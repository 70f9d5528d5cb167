//! A store of a story's own, on each engine; and the hands of somebody who has the database and nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use broker_core::access_key::{AccessKey, KeyHealth};
use broker_core::clock::Clock;
use broker_core::connector::{Connector, ManagedBy};
use broker_core::id::{AccessKeyId, ConnectorId, RequestId};
use broker_core::store::{Location, OpenError, Opened, Store};
use broker_core::trail::{Action, Actor, Entry, Origin, Outcome, Trail};
use broker_core::vault::MasterKey;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;
use url::Url;

use crate::{postgres, process};

/// Where a story's store is, and what time it is there.
#[derive(Debug)]
pub struct Storehouse {
    pub clock: Arc<StoryClock>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory,
    File(TempDir),
    /// With the password, which the broker's own URLs never have.
    Postgres(Url),
}

/// Stands still until a story moves it.
#[derive(Debug)]
pub struct StoryClock(Mutex<Timestamp>);

/// A connection past the broker: it knows the schema, but none of our keys.
#[derive(Debug)]
pub enum Hands {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Storehouse {
    pub fn in_memory(_story: &str) -> Self {
        Self { clock: Arc::default(), place: Place::Memory }
    }

    pub fn on_sqlite(_story: &str) -> Self {
        Self { clock: Arc::default(), place: Place::File(process::new_folder()) }
    }

    pub fn on_postgres(story: &str) -> Self {
        Self::at(&postgres::database(story))
    }

    /// At a PostgreSQL database, by a URL that may hold a password.
    pub fn at(url: &str) -> Self {
        Self { clock: Arc::default(), place: Place::Postgres(url.parse().unwrap()) }
    }

    pub fn location(&self) -> Location {
        match &self.place {
            Place::Memory => Location::Memory,
            Place::File(_) => Location::Sqlite(self.file()),
            Place::Postgres(url) => {
                let mut bare = url.clone();
                bare.set_password(None).unwrap();
                let password = url.password().map(SecretString::from);
                Location::Postgres { url: bare.into(), password }
            }
        }
    }

    /// The database file.
    pub fn file(&self) -> PathBuf {
        match &self.place {
            Place::File(folder) => folder.path().join("broker.db"),
            Place::Memory | Place::Postgres(_) => panic!("this store is no file"),
        }
    }

    /// The URL of a PostgreSQL database, password and all.
    pub fn url(&self) -> &Url {
        match &self.place {
            Place::Postgres(url) => url,
            Place::Memory | Place::File(_) => panic!("this store is not on PostgreSQL"),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Memory | Place::File(_))
    }

    /// One more handle on the store, as another node or a subcommand has it; in memory each is a store of its own.
    pub async fn open(&self) -> Opened {
        self.open_with(1).await.unwrap()
    }

    /// The same with another master key.
    pub async fn open_with(&self, key: u8) -> Result<Opened, OpenError> {
        Store::open(&self.location(), vec![master_key(key)], "k1", &*self.clock).await
    }

    /// The same with several master keys, each an id and a byte, of which one seals.
    pub async fn open_keyed(&self, keys: &[(&str, u8)], seals: &str) -> Result<Opened, OpenError> {
        let keys = keys.iter().map(|(id, byte)| master_key_of(id, *byte)).collect();
        Store::open(&self.location(), keys, seals, &*self.clock).await
    }

    pub async fn hands(&self) -> Hands {
        match &self.place {
            Place::Memory => panic!("nobody else reaches into the memory of a process"),
            Place::File(_) => Hands::of_sqlite(&self.file()).await,
            Place::Postgres(url) => Hands::of_postgres(url.as_str()).await,
        }
    }

    pub fn trail(&self, opened: &Opened) -> Trail {
        Trail::start(opened.store.clone(), self.clock.clone(), "node-1")
    }
}

impl Hands {
    /// Those of somebody who has the file.
    pub async fn of_sqlite(file: &Path) -> Self {
        Self::Sqlite(SqliteConnection::connect(file.to_str().unwrap()).await.unwrap())
    }

    /// Those of somebody who has a database's URL, password and all.
    pub async fn of_postgres(url: &str) -> Self {
        Self::Postgres(PgConnection::connect(url).await.unwrap())
    }

    /// Runs a statement; says how many rows it changed.
    pub async fn run(&mut self, sql: &str) -> u64 {
        self.try_run(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn try_run(&mut self, sql: &str) -> sqlx::Result<u64> {
        let query = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query(query).execute(connection).await?.rows_affected(),
            Self::Postgres(connection) => sqlx::query(query).execute(connection).await?.rows_affected(),
        })
    }

    pub async fn number(&mut self, sql: &str) -> i64 {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
        }
    }

    pub async fn text(&mut self, sql: &str) -> String {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await.unwrap(),
        }
    }
}

impl StoryClock {
    pub fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Default for StoryClock {
    fn default() -> Self {
        Self(Mutex::new("2026-01-02T03:04:05.678Z".parse().unwrap()))
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// The master key `k1`, thirty-two times the same byte.
pub fn master_key(byte: u8) -> MasterKey {
    master_key_of("k1", byte)
}

/// The same under another id.
pub fn master_key_of(id: &str, byte: u8) -> MasterKey {
    let text = std::iter::repeat_n(['A', 'Q', 'g', 'w'][usize::from(byte % 4)], 43).collect::<String>();
    MasterKey::parse(id, &SecretString::from(text)).unwrap()
}

/// A key of this name whose secret is `secret of` and the name.
pub fn access_key(opened: &Opened, name: &str) -> AccessKey {
    let id = AccessKeyId::random();
    let details = json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1" });
    let details: broker_core::access_key::KeyDetails = serde_json::from_value(details).unwrap();
    let secret = SecretString::from(format!("secret of {name}"));
    AccessKey {
        id,
        name: name.to_owned().try_into().unwrap(),
        generation: 1,
        managed_by: ManagedBy::Api,
        sealed: details.seal(&opened.vault, id, &secret).unwrap(),
        details,
        health: KeyHealth::default(),
    }
}

/// A connector to a role, for the group `corp/release`.
pub fn connector(name: &str, access_key: &str) -> Connector {
    Connector {
        id: ConnectorId::random(),
        name: name.to_owned().try_into().unwrap(),
        revision: 1,
        managed_by: ManagedBy::Api,
        spec: serde_json::from_value(json!({
            "access_key": access_key,
            "groups": ["corp/release"],
            "principal": { "assume_role": { "role_arn": format!("arn:aws:iam::123456789012:role/{name}") } },
        }))
        .unwrap(),
    }
}

/// What an operator did.
pub fn entry(action: Action) -> Entry {
    entry_from(Actor::Operator("root".to_owned()), action, None)
}

pub fn entry_from(actor: Actor, action: Action, client_address: Option<&str>) -> Entry {
    let origin = Origin { request_id: RequestId::random(), client_address: client_address.map(str::to_owned) };
    Entry::new(actor, action, Outcome::Success, origin)
}

/// Writes each story out three times: for SQLite in memory, for an SQLite file, for a PostgreSQL database of its own.
#[macro_export]
macro_rules! on_every_engine {
    ($($(#[$doc:meta])* async fn $story:ident($house:ident: Storehouse) $body:block)*) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() { super::$story($crate::stores::Storehouse::in_memory(stringify!($story))).await; })*
        }
        $crate::where_others_reach_in! { $($(#[$doc])* async fn $story($house: Storehouse) $body)* }
    };
}

/// The same without SQLite in memory, for stories with a second handle or somebody else's hands.
#[macro_export]
macro_rules! where_others_reach_in {
    ($($(#[$doc:meta])* async fn $story:ident($house:ident: Storehouse) $body:block)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() { super::$story($crate::stores::Storehouse::on_sqlite(stringify!($story))).await; })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() { super::$story($crate::stores::Storehouse::on_postgres(stringify!($story))).await; })*
        }
        $($(#[$doc])* async fn $story($house: Storehouse) $body)*
    };
}
