//! A connection that is kept while statements follow each other closely: to take one from the pool and to give it back costs three
//! questions whether it is there, or one of SQLite.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Postgres, Sqlite};
use tokio::time::Instant;

use super::Pool;

/// Whoever asks again and again has one. It is the pool's all the while, and keeps its rules.
#[derive(Debug)]
pub(super) enum AtHand {
    Sqlite(AtHandOf<Sqlite>),
    Postgres(AtHandOf<Postgres>),
}

#[derive(Debug)]
pub(super) struct AtHandOf<DB: Database> {
    pool: sqlx::Pool<DB>,
    kept: Option<Taken<DB>>,
    used_at: Instant,
}

/// A connection that is in use. It goes back to the pool unless it is kept.
#[derive(Debug)]
pub(super) struct Taken<DB: Database> {
    pub(super) connection: PoolConnection<DB>,
    since: Instant,
}

/// Runs the same body on whichever engine is there.
macro_rules! on_hand {
    ($kept:expr, $engine:ident => $body:expr) => {
        match $kept {
            $crate::store::at_hand::AtHand::Sqlite($engine) => $body,
            $crate::store::at_hand::AtHand::Postgres($engine) => $body,
        }
    };
}
pub(super) use on_hand;

impl AtHand {
    pub(super) fn of(pool: &Pool) -> Self {
        match pool {
            Pool::Sqlite(pool) => Self::Sqlite(AtHandOf::of(pool)),
            Pool::Postgres(pool) => Self::Postgres(AtHandOf::of(pool)),
        }
    }

    /// Whether there is one at hand, which nobody has asked whether it is still good.
    pub(super) fn is_kept(&self) -> bool {
        on_hand!(self, kept => kept.kept.is_some())
    }

    /// Gives it back where nobody has used it for a while.
    pub(super) fn give_back_idle(&mut self) {
        on_hand!(self, kept => if kept.used_at.elapsed() >= IDLE { kept.kept = None });
    }
}

impl<DB: Database> AtHandOf<DB> {
    fn of(pool: &sqlx::Pool<DB>) -> Self {
        Self { pool: pool.clone(), kept: None, used_at: Instant::now() }
    }

    /// The one that is kept, or one from the pool.
    pub(super) async fn take(&mut self) -> sqlx::Result<Taken<DB>> {
        match self.kept.take() {
            Some(taken) => Ok(taken),
            None => Ok(Taken { connection: self.pool.acquire().await?, since: Instant::now() }),
        }
    }

    /// Keeps what has just worked. What failed, or was left in the middle of something, is for the pool to look at.
    pub(super) fn keep(&mut self, taken: Taken<DB>) {
        self.used_at = Instant::now();
        // Where there is but one, others want it too.
        let is_only = self.pool.options().get_max_connections() == 1;
        if !is_only && !self.pool.is_closed() && taken.since.elapsed() < LONGEST {
            self.kept = Some(taken);
        }
    }
}

/// For how long one is kept that nobody uses: a server may hang up, and whoever closes the store waits for it.
pub(super) const IDLE: Duration = Duration::from_millis(100);
/// Old connections are replaced by the pool, which can do so only where it has them.
const LONGEST: Duration = Duration::from_mins(1);
