//! Rows that are found by a key: whoever asks at the same time shares one statement.
//!
//! Each answer is of a read that began after its question was asked, as if everybody had read alone: what has ended before
//! somebody asks is not there for them.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Row, SqlSafeStr};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::StoreError;
use super::at_hand::{AtHand, IDLE, on_hand};
use super::readers::Readers;

/// Finds rows of one kind.
#[derive(Debug)]
pub(super) struct Gathered<R> {
    questions: mpsc::Sender<Question<R>>,
}

/// What a row is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Text(String),
    Bytes(Vec<u8>),
}

struct Question<R> {
    key: Key,
    answer: oneshot::Sender<Answer<R>>,
}

type Answer<R> = Result<Option<Arc<R>>, StoreError>;

/// What a statement has found. A row that cannot be read is the trouble of whoever asked for it, and of nobody else.
type FoundRows<R> = HashMap<Key, Result<Arc<R>, StoreError>>;

/// How rows are read, and the name of the column that holds their key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    /// Ends where the list of keys begins.
    pub(super) sql: &'static str,
    pub(super) column: &'static str,
}

/// A row of either engine.
pub(super) trait Readable:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Sync + 'static
{
}
impl<R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Sync + 'static> Readable for R {}

/// One of those who read; all of a gatherer take from the same questions.
struct Reader<R> {
    questions: Arc<Mutex<mpsc::Receiver<Question<R>>>>,
    readers: Readers,
    statements: Arc<[(usize, Arc<str>)]>,
    column: &'static str,
}

impl<R: Readable> Gathered<R> {
    pub(super) fn start(readers: &Readers, query: Query) -> Self {
        let (questions, waiting) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let statements: Arc<[_]> = SIZES.iter().map(|size| (*size, query.of_size(*size))).collect();
        for _ in 0..readers.count() {
            let (questions, statements) = (Arc::clone(&waiting), Arc::clone(&statements));
            tokio::spawn(Reader { questions, readers: readers.clone(), statements, column: query.column }.run());
        }
        Self { questions }
    }

    /// The row with this key, if there is one.
    pub(super) async fn find(&self, key: Key) -> Answer<R> {
        let closed = || StoreError::from(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.questions.send(Question { key, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

impl Query {
    fn of_size(self, size: usize) -> Arc<str> {
        let mut sql = format!("{} (", self.sql);
        for number in 1..=size {
            let _ = write!(sql, "{}${number}", if number == 1 { "" } else { ", " });
        }
        sql.push(')');
        sql.into()
    }
}

impl<R: Readable> Reader<R> {
    async fn run(self) {
        let mut batch = Vec::with_capacity(MOST);
        loop {
            let mut questions = self.questions.lock().await;
            let first = loop {
                match tokio::time::timeout(IDLE, questions.recv()).await {
                    Ok(first) => break first,
                    // The others wait behind us, and cannot see to theirs.
                    Err(_) if self.readers.rest() => break questions.recv().await,
                    Err(_) => {}
                }
            };
            let Some(first) = first else { return };
            // Who asks until a connection is free comes along.
            let (seat, mut kept) = self.readers.take().await;
            batch.push(first);
            while batch.len() < MOST
                && let Ok(next) = questions.try_recv()
            {
                batch.push(next);
            }
            drop(questions);
            self.answer(&mut kept, &mut batch).await;
            self.readers.give(seat, kept);
        }
    }

    async fn answer(&self, kept: &mut AtHand, batch: &mut Vec<Question<R>>) {
        // Whoever has gone away meanwhile needs no answer.
        batch.retain(|question| !question.answer.is_closed());
        let mut keys: Vec<&Key> = batch.iter().map(|question| &question.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let found = tokio::time::timeout(WITHIN, self.read(kept, &keys)).await;
        let found = found.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())));
        let found = found.map_err(StoreError::from);
        for Question { key, answer } in batch.drain(..) {
            let _ = answer.send(match &found {
                Ok(rows) => rows.get(&key).cloned().transpose(),
                Err(error) => Err(error.clone()),
            });
        }
    }

    async fn read(&self, kept: &mut AtHand, keys: &[&Key]) -> sqlx::Result<FoundRows<R>> {
        let was_kept = kept.is_kept();
        match tokio::time::timeout(FIRST_WITHIN, self.read_once(kept, keys)).await {
            // Nobody had asked whether it was still there; the pool does ask.
            Ok(Err(_)) if was_kept => self.read_once(kept, keys).await,
            Ok(read) => read,
            // It hangs: another may not.
            Err(_) => self.read_once(kept, keys).await,
        }
    }

    async fn read_once(&self, kept: &mut AtHand, keys: &[&Key]) -> sqlx::Result<FoundRows<R>> {
        let Some(last) = keys.last() else { return Ok(HashMap::new()) };
        let (size, sql) =
            self.statements.iter().find(|(size, _)| *size >= keys.len()).ok_or(sqlx::Error::WorkerCrashed)?;
        let filled = keys.iter().chain(std::iter::repeat_n(last, size - keys.len()));
        on_hand!(kept, kept => {
            let mut taken = kept.take().await?;
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(sql)).into_sql_str());
            for key in filled {
                query = match key {
                    Key::Text(text) => query.bind(text),
                    Key::Bytes(bytes) => query.bind(bytes),
                };
            }
            let rows = query.fetch_all(&mut *taken.connection).await?;
            kept.keep(taken);
            rows.iter().map(|row| {
                let key = match last {
                    Key::Text(_) => Key::Text(row.try_get(self.column)?),
                    Key::Bytes(_) => Key::Bytes(row.try_get(self.column)?),
                };
                Ok((key, R::from_row(row).map(Arc::new).map_err(StoreError::from)))
            }).collect()
        })
    }
}

const QUEUE: usize = 4_096;
/// How many keys a statement may have. Few sizes, so that each stays prepared; what is left over repeats the last key.
const SIZES: [usize; 4] = [1, 4, 16, 64];
const MOST: usize = 64;
const WITHIN: Duration = Duration::from_secs(10);
/// For the first connection that is asked.
const FIRST_WITHIN: Duration = Duration::from_secs(3);
