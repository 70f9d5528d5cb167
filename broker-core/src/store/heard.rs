//! Reads from a server that may neither answer nor go away: one that says nothing for long is taken for gone. However long it goes on, a
//! read whose rows come is let go on.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, TryStreamExt, try_unfold};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Either, Execute, Executor, PgPool, Postgres, SqlStr};

/// The connections to a server, for statements that are given up when nothing has come for so long: neither a row nor the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'p> {
    pool: &'p PgPool,
    silence: Duration,
}

/// Runs the same body on whichever engine is there, and hears whether a server is still there. SQLite is in this very process.
///
/// `whole` is for statements that look through all of the trail before they say a word.
macro_rules! heard {
    (whole, $pool:expr, $engine:ident => $body:expr) => {
        $crate::store::heard::heard!(@ $crate::store::heard::WHOLE, $pool, $engine => $body)
    };
    (@ $silence:expr, $pool:expr, $engine:ident => $body:expr) => {
        match $pool {
            $crate::store::Pool::Sqlite($engine) => $body,
            $crate::store::Pool::Postgres(server) => {
                let $engine = $crate::store::heard::Heard::of(server, $silence);
                $body
            }
        }
    };
    ($pool:expr, $engine:ident => $body:expr) => {
        $crate::store::heard::heard!(@ $crate::store::heard::SILENCE, $pool, $engine => $body)
    };
}
pub(super) use heard;

/// What somebody is told who waited.
#[derive(Debug, thiserror::Error)]
#[error("it has said nothing for {} seconds in the middle of a read", .0.as_secs())]
struct Silent(Duration);

impl<'p> Heard<'p> {
    pub(super) fn of(pool: &'p PgPool, silence: Duration) -> Self {
        Self { pool, silence }
    }
}

/// Waits for the next word of a server.
async fn next<T>(silence: Duration, word: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, Silent(silence)));
    tokio::time::timeout(silence, word).await.map_err(late)?
}

impl<'p> Executor<'p> for Heard<'p> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let said = self.pool.fetch_many(query);
        Box::pin(try_unfold(said, move |mut said| async move {
            let word = next(self.silence, said.try_next()).await?;
            Ok(word.map(|word| (word, said)))
        }))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(next(self.silence, self.pool.fetch_optional(query)))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        Box::pin(next(self.silence, self.pool.prepare_with(sql, parameters)))
    }
}

/// Longer than a page of the trail takes on a busy server.
pub(super) const SILENCE: Duration = Duration::from_secs(20);
/// Longer than it takes to look through the largest trail.
pub(super) const WHOLE: Duration = Duration::from_mins(10);
