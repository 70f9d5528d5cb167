//! Our own conversations with the directory: on connections that are kept, and with another server where one fails.

use std::sync::Arc;

use super::answer::Entry;
use super::connection::Connection;
use super::pool::Pool;
use super::request::Search;
use super::servers::{ServerTrouble, Servers};
use super::settings::LdapSettings;
use super::trouble::Trouble;
use crate::directory::Watch;

/// Searches with our own credential. No person's password ever passes through one of its connections.
#[derive(Debug)]
pub(super) struct Service {
    settings: LdapSettings,
    servers: Arc<Servers>,
    pool: Pool,
}

impl Service {
    pub(super) fn new(settings: LdapSettings, watch: Watch) -> Self {
        let servers = Arc::new(Servers::new(settings.access.clone(), watch));
        let pool = Pool::new(Arc::clone(&servers), settings.keeping);
        Self { settings, servers, pool }
    }

    pub(super) fn settings(&self) -> &LdapSettings {
        &self.settings
    }

    /// Searches on a connection that is there already, or on a new one. Where one breaks another is tried: a search may be asked twice.
    pub(super) async fn search(&self, search: &Search) -> Result<Vec<Entry>, ServerTrouble> {
        let mut failed: Option<ServerTrouble> = None;
        let mut failures = 0;
        // Each that is kept may have gone stale, and then each server may fail.
        for _ in 0..self.settings.keeping.size + self.servers.count() {
            let mut lent = match self.pool.take().await {
                Ok(lent) => lent,
                Err(trouble) => return Err(trouble.after(failed)),
            };
            let server = lent.server;
            let trouble = match lent.connection.search(search).await {
                Ok(entries) => return Ok(entries),
                Err(trouble) => trouble,
            };
            if !trouble.is_the_servers() {
                return Err(self.servers.trouble_of(server, trouble));
            }
            match (Pool::give_up(lent), trouble) {
                // Closed while nobody looked, or worse: a new connection will tell.
                (false, trouble) => {
                    tracing::debug!(%trouble, "a kept LDAP connection is of no use any more");
                    if matches!(trouble, Trouble::Timeout) {
                        self.servers.trouble_of(server, trouble);
                    }
                }
                (true, trouble) => {
                    let trouble = self.servers.trouble_of(server, trouble).after(failed);
                    trouble.warn();
                    failures += 1;
                    if failures == self.servers.count() {
                        return Err(trouble);
                    }
                    failed = Some(trouble);
                }
            }
        }
        Err(failed.unwrap_or_else(|| ServerTrouble::of_none(Trouble::Closed)))
    }

    /// Searches on a new connection: this proves that our credential still works. Where one breaks another server is tried.
    pub(super) async fn search_afresh(&self, search: &Search) -> Result<Vec<Entry>, ServerTrouble> {
        let mut failed: Option<ServerTrouble> = None;
        for _ in 0..self.servers.count() {
            let mut kept = match self.servers.enter().await {
                Ok(kept) => kept,
                Err(trouble) => return Err(trouble.after(failed)),
            };
            let trouble = match kept.connection.search(search).await {
                Ok(found) => {
                    kept.connection.close().await;
                    return Ok(found);
                }
                Err(trouble) => trouble,
            };
            let is_final = !trouble.is_the_servers();
            let trouble = self.servers.trouble_of(kept.server, trouble).after(failed);
            if is_final {
                return Err(trouble);
            }
            trouble.warn();
            failed = Some(trouble);
        }
        Err(failed.unwrap_or_else(|| ServerTrouble::of_none(Trouble::Closed)))
    }

    /// Gets into each server by itself; says which of them have which trouble.
    pub(super) async fn examine(&self) -> Vec<ServerTrouble> {
        self.servers.examine(self.settings.deadline).await
    }

    /// A connection on which nobody is bound, for one person's password.
    pub(super) async fn connect(&self) -> Result<(usize, Connection), ServerTrouble> {
        self.servers.open().await
    }

    /// Names the server in whose conversation something went wrong; it rests if that is its own fault.
    pub(super) fn trouble_of(&self, index: usize, trouble: Trouble) -> ServerTrouble {
        self.servers.trouble_of(index, trouble)
    }
}
