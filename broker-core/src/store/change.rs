//! Changes as values: what is to be written, so that it can be committed together with its audit record or not at all.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::{Store, StoreError, on};

/// One statement, and how many rows it must change or the whole commit fails. Made by the store's own methods, committed by the trail.
#[derive(Clone, Debug)]
pub struct Change {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value>,
    pub(super) rows: Rows,
    /// Whether nodes that hold copies must read again.
    pub(super) announces: bool,
}

/// How many rows a statement must change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    One,
    /// What there is, if anything.
    Any,
}

/// A bound value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Store {
    /// Runs all changes in one transaction, or none.
    pub(crate) async fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        const ANNOUNCE: &str = "UPDATE installation SET revision = revision + 1 WHERE singleton = 1";
        on!(&self.pool, pool => {
            let mut transaction = pool.begin_write().await?;
            // First, so that whoever else means to change something waits here and never for each other.
            if changes.iter().any(|change| change.announces) {
                sqlx::query(ANNOUNCE).execute(&mut *transaction).await?;
            }
            for change in changes {
                let mut query = sqlx::query(change.sql);
                for value in &change.values {
                    query = match value {
                        Value::Text(text) => query.bind(text),
                        Value::Int(number) => query.bind(number),
                        Value::Bytes(bytes) => query.bind(bytes),
                    };
                }
                let touched = query.execute(&mut *transaction).await?.rows_affected();
                if change.rows == Rows::One && touched != 1 {
                    return Err(StoreError::Stale);
                }
            }
            transaction.commit().await?;
        });
        Ok(())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A transaction that means to write says so at once: SQLite refuses one that only turns out to. What it commits is on the disk
/// before it is answered, whatever a server or a role was told to do by default.
pub(super) trait BeginWrite {
    type Engine: sqlx::Database;
    async fn begin_write(&self) -> sqlx::Result<Transaction<'static, Self::Engine>>;
}

impl BeginWrite for SqlitePool {
    type Engine = Sqlite;
    async fn begin_write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.begin_with("BEGIN IMMEDIATE").await
    }
}

impl BeginWrite for PgPool {
    type Engine = Postgres;
    async fn begin_write(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        self.begin_with("BEGIN; SET LOCAL synchronous_commit = on").await
    }
}
