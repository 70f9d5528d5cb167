//! Our own conversations with the directory: a few connections kept open, and another server where one fails.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Entry;
use super::connection::Connection;
use super::request::Search;
use super::server::Server;
use super::settings::LdapSettings;
use super::trouble::{SUCCESS, Trouble};
use crate::file::with_causes;

/// Searches with our own credential. No person's password ever passes through one of its connections.
#[derive(Debug)]
pub(super) struct Service {
    settings: LdapSettings,
    idle: Mutex<Vec<Idle>>,
    /// For each server, until when it is left alone because it failed.
    resting: Mutex<Vec<Option<Instant>>>,
}

/// A server, and what is the matter with it.
#[derive(Debug, thiserror::Error)]
#[error("{before}LDAP server {server}")]
pub(super) struct ServerTrouble {
    server: String,
    /// Of those that were asked before it, in a sentence or none.
    before: String,
    #[source]
    pub(super) trouble: Trouble,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    server: usize,
    opened: Instant,
    used: Instant,
}

impl Service {
    pub(super) fn new(settings: LdapSettings) -> Self {
        let resting = Mutex::new(vec![None; settings.servers.len()]);
        Self { settings, idle: Mutex::default(), resting }
    }

    pub(super) fn settings(&self) -> &LdapSettings {
        &self.settings
    }

    /// Searches on a connection that is there already, or on a new one if that has gone stale.
    pub(super) async fn search(&self, search: &Search) -> Result<Vec<Entry>, ServerTrouble> {
        while let Some(mut idle) = self.take() {
            match idle.connection.search(search).await {
                Ok(entries) => {
                    idle.used = Instant::now();
                    self.keep(idle);
                    return Ok(entries);
                }
                // Closed while nobody looked, or worse: a new connection will tell.
                Err(trouble) if trouble.is_the_servers() => {
                    tracing::debug!(%trouble, "a kept LDAP connection is of no use any more");
                    if matches!(trouble, Trouble::Timeout) {
                        self.rest(idle.server);
                        self.forget();
                    }
                }
                Err(trouble) => return Err(self.trouble_of(idle.server, trouble)),
            }
        }
        self.search_afresh(search).await
    }

    /// Searches on a new connection: this proves that our credential still works.
    pub(super) async fn search_afresh(&self, search: &Search) -> Result<Vec<Entry>, ServerTrouble> {
        let mut failed = None;
        for (index, server) in self.in_order() {
            match self.ask(server, search).await {
                Ok((connection, entries)) => {
                    let now = Instant::now();
                    self.keep(Idle { connection, server: index, opened: now, used: now });
                    return Ok(entries);
                }
                Err(trouble) => failed = Some(self.failed(index, trouble, failed)?),
            }
        }
        Err(failed.unwrap_or_else(no_server))
    }

    /// A connection on which nobody is bound, for one person's password.
    pub(super) async fn connect(&self) -> Result<(usize, Connection), ServerTrouble> {
        let mut failed = None;
        for (index, server) in self.in_order() {
            match self.open(server).await {
                Ok(connection) => return Ok((index, connection)),
                Err(trouble) => failed = Some(self.failed(index, trouble, failed)?),
            }
        }
        Err(failed.unwrap_or_else(no_server))
    }

    /// Names the server in whose conversation something went wrong; it rests if that is its own fault.
    pub(super) fn trouble_of(&self, index: usize, trouble: Trouble) -> ServerTrouble {
        if trouble.is_the_servers() {
            self.rest(index);
        }
        let server = self.settings.servers.get(index).map_or_else(String::new, Server::to_string);
        ServerTrouble { server, before: String::new(), trouble }
    }

    /// Goes on to the next server after one that failed; an answer is final.
    fn failed(
        &self,
        index: usize,
        trouble: Trouble,
        before: Option<ServerTrouble>,
    ) -> Result<ServerTrouble, ServerTrouble> {
        let final_answer = !trouble.is_the_servers();
        let before = before.map(|failed| format!("{}; ", with_causes(&failed))).unwrap_or_default();
        let trouble = ServerTrouble { before, ..self.trouble_of(index, trouble) };
        if final_answer {
            return Err(trouble);
        }
        tracing::warn!(ldap.server = trouble.server, trouble = %trouble.trouble, "an LDAP server failed; it rests for a while");
        Ok(trouble)
    }

    async fn ask(&self, server: &Server, search: &Search) -> Result<(Connection, Vec<Entry>), Trouble> {
        let mut connection = self.open(server).await?;
        if let Some(account) = &self.settings.service {
            let outcome = connection.bind(&account.dn, &account.password).await?;
            // "Must change" after a success: the server would refuse everything else, each time with another excuse.
            if outcome.code != SUCCESS || outcome.policy.is_some_and(|policy| policy.error.is_some()) {
                return Err(Trouble::ServiceBindRefused(outcome));
            }
        }
        if self.settings.groups.want_active_directory() && !connection.is_active_directory().await? {
            return Err(Trouble::NotActiveDirectory);
        }
        let entries = connection.search(search).await?;
        Ok((connection, entries))
    }

    async fn open(&self, server: &Server) -> Result<Connection, Trouble> {
        let settings = &self.settings;
        Connection::open(server, &settings.tls, settings.connect_timeout, settings.operation_timeout).await
    }

    /// The servers as configured, those that failed lately last.
    fn in_order(&self) -> Vec<(usize, &Server)> {
        let now = Instant::now();
        let resting = lock(&self.resting);
        let rests = |index: usize| resting.get(index).copied().flatten().is_some_and(|until| until > now);
        let mut order: Vec<_> = self.settings.servers.iter().enumerate().collect();
        order.sort_by_key(|(index, _)| rests(*index));
        order
    }

    fn rest(&self, index: usize) {
        if let Some(until) = lock(&self.resting).get_mut(index) {
            *until = Some(Instant::now() + self.settings.rest);
        }
    }

    fn take(&self) -> Option<Idle> {
        let now = Instant::now();
        let mut idle = lock(&self.idle);
        idle.retain(|idle| now - idle.opened < MAX_AGE && now - idle.used < MAX_IDLE);
        idle.pop()
    }

    fn keep(&self, idle: Idle) {
        let mut kept = lock(&self.idle);
        if kept.len() < MAX_KEPT {
            kept.push(idle);
        }
    }

    /// After one connection went silent the others need not be waited for as well.
    fn forget(&self) {
        lock(&self.idle).clear();
    }
}

fn no_server() -> ServerTrouble {
    ServerTrouble { server: "(none)".to_owned(), before: String::new(), trouble: Trouble::Closed }
}

/// A panic elsewhere leaves nothing half done in these lists.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const MAX_KEPT: usize = 8;

/// So that a preferred server gets its work back, and a changed credential is noticed.
const MAX_AGE: Duration = Duration::from_mins(5);

/// Below what firewalls and servers commonly allow.
const MAX_IDLE: Duration = Duration::from_secs(50);
