//! Changes as values: what is to be written, so that it can be committed together with its audit record or not at all.

use std::sync::Arc;

use sqlx::{Connection, Database, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use super::at_hand::{AtHand, on_hand};
use super::{Store, StoreError, gave_way};

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
    /// So many, by a statement that touches none where it cannot touch all of them, unless another transaction comes between.
    AllOrNone(u64),
    /// Those that it inserts, which no other statement can have touched.
    Inserted(u64),
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

/// Runs one change on a connection of either engine.
macro_rules! run {
    ($change:expr, $connection:expr) => {{
        let Change { sql, values, rows, .. } = $change;
        let mut query = sqlx::query(sql);
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Int(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        let touched = match query.execute($connection).await {
            Ok(done) => done.rows_affected(),
            // What is inserted has names of our own making: where one is taken, it is the store that is not right, and not what was asked.
            Err(error) if matches!(rows, Rows::Inserted(_)) => return Err(StoreError::Database(Arc::new(error))),
            Err(error) => return Err(error.into()),
        };
        let as_meant = match rows {
            Rows::One => touched == 1,
            Rows::AllOrNone(rows) | Rows::Inserted(rows) => touched == rows,
            Rows::Any => true,
        };
        if !as_meant {
            return Err(StoreError::Stale);
        }
    }};
}

/// Commits again and again, by a connection that it keeps in between.
#[derive(Debug)]
pub(crate) struct Committer {
    store: Store,
    kept: AtHand,
    keeps: Keeps,
}

/// What a machine that stops at once may lose of what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Nothing: it is on the disk before it is answered, whatever a server or a role was told to do by default.
    All,
    /// The last moments, until a commit that keeps all; at a server of databases also by a crash of that. All see it at once nonetheless,
    /// and a daemon that ends loses nothing.
    AllButTheLastMoments,
}

impl Store {
    /// Runs all changes in one transaction, or none.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.committer().commit(changes).await
    }

    /// The same for what attempts are counted in, which nobody waits for a disk for: what failed has a record, and that one takes to the disk
    /// with it what was written before. Once more where it gave way to a sweep.
    pub(super) async fn commit_counts(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let kept = AtHand::of(&self.counts);
        let mut committer = Committer { store: self.clone(), kept, keeps: Keeps::AllButTheLastMoments };
        match committer.commit(changes.clone()).await {
            Err(StoreError::Database(error)) if gave_way(&error) => committer.commit(changes).await,
            done => done,
        }
    }

    /// For whoever commits often.
    pub(crate) fn committer(&self) -> Committer {
        Committer { store: self.clone(), kept: AtHand::of(&self.pool), keeps: Keeps::All }
    }
}

impl Committer {
    /// Runs all changes in one transaction, or none. What is committed is where the store is: not in a file that was taken away meanwhile.
    pub(crate) async fn commit(&mut self, changes: Vec<Change>) -> Result<(), StoreError> {
        const ANNOUNCE: &str = "UPDATE installation SET revision = revision + 1 WHERE singleton = 1";
        self.store.is_in_place()?;
        let was_kept = self.kept.is_kept();
        on_hand!(&mut self.kept, kept => {
            let mut taken = kept.take().await?;
            match &changes[..] {
                [change] if taken.connection.commits_a_statement() && self.keeps.may_be_alone(change) => {
                    for change in changes {
                        run!(change, &mut *taken.connection);
                    }
                }
                _ => {
                    let mut begun = taken.connection.begin_write(self.keeps).await;
                    // Nobody had asked whether it was still there; the pool does ask. Nothing has been done yet.
                    if begun.is_err() && was_kept {
                        drop(begun);
                        taken = kept.take().await?;
                        begun = taken.connection.begin_write(self.keeps).await;
                    }
                    let mut transaction = begun?;
                    // First, so that whoever else means to change something waits here and never for each other.
                    if changes.iter().any(|change| change.announces) {
                        sqlx::query(ANNOUNCE).execute(&mut *transaction).await?;
                    }
                    for change in changes {
                        run!(change, &mut *transaction);
                    }
                    transaction.commit().await?;
                }
            }
            kept.keep(taken);
        });
        self.store.is_in_place()
    }

    /// Lets the connection go where nothing has been committed for a while.
    pub(crate) fn rest(&mut self) {
        self.kept.give_back_idle();
    }
}

impl Keeps {
    /// Whether a statement that does not do what was meant has done nothing, so that there is nothing to take back. Those that count are about
    /// one row by its key, and nothing comes between where a statement may be alone.
    fn may_be_alone(self, change: &Change) -> bool {
        let whole = match change.rows {
            Rows::Inserted(_) | Rows::Any => true,
            Rows::One | Rows::AllOrNone(_) => self == Self::AllButTheLastMoments,
        };
        whole && !change.announces
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

/// A transaction that means to write says so at once: SQLite refuses one that only turns out to.
pub(super) trait BeginWrite {
    type Engine: Database;
    async fn begin_write(&mut self, keeps: Keeps) -> sqlx::Result<Transaction<'_, Self::Engine>>;

    /// Whether a statement outside a transaction is one by itself, and as durable: it saves two journeys to SQLite's thread.
    fn commits_a_statement(&self) -> bool;
}

impl BeginWrite for SqliteConnection {
    type Engine = Sqlite;
    /// What it keeps is the connection's own.
    async fn begin_write(&mut self, _: Keeps) -> sqlx::Result<Transaction<'_, Sqlite>> {
        self.begin_with("BEGIN IMMEDIATE").await
    }

    fn commits_a_statement(&self) -> bool {
        true
    }
}

impl BeginWrite for PgConnection {
    type Engine = Postgres;
    async fn begin_write(&mut self, keeps: Keeps) -> sqlx::Result<Transaction<'_, Postgres>> {
        let begin = match keeps {
            Keeps::All => "BEGIN; SET LOCAL synchronous_commit = on",
            Keeps::AllButTheLastMoments => "BEGIN; SET LOCAL synchronous_commit = off",
        };
        self.begin_with(begin).await
    }

    /// It would be as durable as the server or the role has it by default.
    fn commits_a_statement(&self) -> bool {
        false
    }
}
