//! Connections that are there before anybody needs them: a busy process may take a second to open one, because the many rounds of
//! a password's proof (SCRAM) give way to all else that is to be done.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Pool, Store};

impl Store {
    /// Opens all the connections to a server that a busy node uses, which the pool keeps from then on. What the server does not give
    /// within seconds is opened when it is needed. A file needs none.
    pub async fn warm(&self) {
        let Pool::Postgres(pool) = &self.pool else { return };
        // The pool opens one for each that is taken at the same time.
        let taken = join_all((0..CONNECTIONS).map(|_| pool.acquire()));
        if tokio::time::timeout(WITHIN, taken).await.is_err() {
            let connections = pool.size();
            tracing::warn!(
                connections,
                "the database's server does not give all connections in time: others are opened when they are needed"
            );
        }
    }
}

/// As many as there are at a time. One comes back to the pool only after it has answered, so that all are used by few.
pub(super) const CONNECTIONS: u32 = 16;
const WITHIN: Duration = Duration::from_secs(3);
