//! Our own connections to the directory, kept open: how many, for how long, and whether one that lay idle still works.
//!
//! The keeping is `deadpool`'s. What is ours: which server a new connection goes to, when an old one is not good enough any more, and that such a one is
//! closed while nobody asks for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Manager, Metrics, Object, PoolError, RecycleError, RecycleResult, WeakPool};
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::servers::{ServerTrouble, Servers};
use super::trouble::Trouble;

/// How connections are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keeping {
    pub(super) size: usize,
    /// How long a question waits for a connection while all are in use.
    pub(super) wait: Duration,
    /// Whose last question is longer ago is closed.
    pub(super) idle: Duration,
    /// Older ones are closed: so that a preferred server gets its work back, and a changed credential is noticed.
    pub(super) age: Duration,
    /// Whose last question is longer ago is asked whether it still works before somebody relies on it.
    pub(super) probe_after: Duration,
}

/// A connection on which our own credential is bound, and where it leads.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) connection: Connection,
    pub(super) server: usize,
    pub(super) opened: Instant,
}

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    connections: managed::Pool<Opener>,
    /// Begins with the first question, since a pool is made where no task can be started.
    sweeper: OnceLock<Sweeper>,
}

/// Closes what lies idle. It ends with the pool.
#[derive(Debug)]
struct Sweeper(JoinHandle<()>);

/// A connection while it is asked; goes back when dropped.
pub(super) type Lent = Object<Opener>;

/// Opens connections, and looks at those that come out of the pool.
#[derive(Debug)]
pub(super) struct Opener {
    servers: Arc<Servers>,
    keeping: Keeping,
}

impl Pool {
    pub(super) fn new(servers: Arc<Servers>, keeping: Keeping) -> Self {
        let opener = Opener { servers, keeping };
        let pool = managed::Pool::builder(opener).max_size(keeping.size).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(keeping.wait)).build();
        #[expect(
            clippy::expect_used,
            reason = "it fails only where there are time limits and no runtime, which stands above"
        )]
        Self { connections: pool.expect("a runtime for the time limits"), sweeper: OnceLock::new() }
    }

    pub(super) async fn take(&self) -> Result<Lent, ServerTrouble> {
        let keeping = self.connections.manager().keeping;
        self.sweeper.get_or_init(|| Sweeper(tokio::spawn(sweep(self.connections.weak(), keeping))));
        self.connections.get().await.map_err(|error| match error {
            PoolError::Backend(trouble) => trouble,
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => ServerTrouble::of_none(Trouble::NoRoom(keeping.size)),
        })
    }

    /// Throws a connection away, which is of no use any more; says whether it was a new one.
    pub(super) fn give_up(lent: Lent) -> bool {
        let was_new = Object::metrics(&lent).recycle_count == 0;
        drop(Object::take(lent));
        was_new
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeping {
    /// How long a connection is still good for, if nobody asks it anything; nothing once it is over.
    fn left(&self, metrics: &Metrics) -> Option<Duration> {
        let left = self.age.checked_sub(metrics.age())?.min(self.idle.checked_sub(metrics.last_used())?);
        (!left.is_zero()).then_some(left)
    }

    /// How often the sweeper looks at least: what is in use while it looks may be due sooner than what is not.
    fn rounds(&self) -> Duration {
        self.idle.min(self.age) / 4
    }
}

/// Closes connections when they are due, whether or not somebody asks for one.
async fn sweep(connections: WeakPool<Opener>, keeping: Keeping) {
    let mut next = keeping.rounds();
    loop {
        sleep(next).await;
        let Some(connections) = connections.upgrade() else { return };
        next = keeping.rounds();
        let kept = connections.retain(|_, metrics| match keeping.left(&metrics) {
            Some(left) => {
                next = next.min(left);
                true
            }
            None => false,
        });
        drop(connections);
        join_all(kept.removed.into_iter().map(|kept| kept.connection.close())).await;
    }
}

impl Manager for Opener {
    type Type = Kept;
    type Error = ServerTrouble;

    async fn create(&self) -> Result<Kept, ServerTrouble> {
        self.servers.enter().await
    }

    async fn recycle(&self, kept: &mut Kept, metrics: &Metrics) -> RecycleResult<ServerTrouble> {
        // One that somebody gave up in the middle of a question has the answer to it still to come.
        if self.keeping.left(metrics).is_none() || !kept.connection.is_at_rest() {
            return Err(RecycleError::message("it is too old, or was given up"));
        }
        if self.servers.failed_after(kept.server, kept.opened) {
            return Err(RecycleError::message("its server has failed since it was opened"));
        }
        if metrics.last_used() >= self.keeping.probe_after
            && let Err(trouble) = kept.connection.prove_alive().await
        {
            tracing::debug!(%trouble, "a kept LDAP connection is of no use any more");
            if matches!(trouble, Trouble::Timeout) {
                self.servers.trouble_of(kept.server, trouble);
            }
            return Err(RecycleError::message("it does not work any more"));
        }
        Ok(())
    }
}
