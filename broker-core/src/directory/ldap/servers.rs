//! The servers of a directory: in which order they are asked, and which are left alone for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, timeout};

use super::config::Order;
use super::connection::Connection;
use super::pool::Kept;
use super::server::Server;
use super::settings::ServiceAccount;
use super::tls::Tls;
use super::trouble::{SUCCESS, Trouble};
use crate::directory::outage::Outage;
use crate::directory::{Step, Told, Watch};
use crate::file::with_causes;

/// The servers, and how one gets in.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) servers: Vec<Server>,
    pub(super) order: Order,
    pub(super) tls: Tls,
    pub(super) service: Option<ServiceAccount>,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
    /// How long a server that failed is asked last.
    pub(super) rest: Duration,
    /// Whether one that is not Active Directory is of no use.
    pub(super) wants_active_directory: bool,
}

#[derive(Debug)]
pub(super) struct Servers {
    access: Access,
    watch: Watch,
    /// For each server, when it failed.
    failed: Mutex<Vec<Option<Instant>>>,
    /// Of all of them.
    outage: Outage,
}

/// As whom one gets in.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Bound,
    Unbound,
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

impl ServerTrouble {
    /// Where there is no server to blame.
    pub(super) fn of_none(trouble: Trouble) -> Self {
        Self { server: "(none)".to_owned(), before: String::new(), trouble }
    }

    /// The same, told after what was the matter with another one.
    pub(super) fn after(self, other: Option<Self>) -> Self {
        match other {
            Some(other) => Self { before: format!("{}; {}", with_causes(&other), self.before), ..self },
            None => self,
        }
    }

    pub(super) fn warn(&self) {
        let Self { server, trouble, .. } = self;
        tracing::warn!(ldap.server = server, %trouble, "an LDAP server failed; it rests for a while");
    }
}

impl Servers {
    pub(super) fn new(access: Access, watch: Watch) -> Self {
        let failed = Mutex::new(vec![None; access.servers.len()]);
        Self { access, watch, failed, outage: Outage::default() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.access.servers.len()
    }

    /// A connection on which our own credential is bound.
    pub(super) async fn enter(&self) -> Result<Kept, ServerTrouble> {
        let (server, connection) = self.first(Entry::Bound).await?;
        Ok(Kept { connection, server, opened: Instant::now() })
    }

    /// A connection on which nobody is bound, for one person's password.
    pub(super) async fn open(&self) -> Result<(usize, Connection), ServerTrouble> {
        self.first(Entry::Unbound).await
    }

    /// Names the server in whose conversation something went wrong; it rests if that is its own fault.
    pub(super) fn trouble_of(&self, index: usize, trouble: Trouble) -> ServerTrouble {
        if trouble.is_the_servers()
            && let Some(failed) = lock(&self.failed).get_mut(index)
        {
            *failed = Some(Instant::now());
            if let Some(server) = self.access.servers.get(index).filter(|_| self.count() > 1) {
                self.watch.of(server).notes(|| Step::Rest { seconds: self.access.rest.as_secs() });
            }
        }
        let server = self.access.servers.get(index).map_or_else(String::new, Server::to_string);
        ServerTrouble { server, before: String::new(), trouble }
    }

    /// Gets into each server by itself, and asks it about itself; whoever watches is told. Says which of them have which trouble.
    pub(super) async fn examine(&self, within: Duration) -> Vec<ServerTrouble> {
        let mut troubles = Vec::new();
        for (index, server) in self.access.servers.iter().enumerate() {
            let entered = async {
                let mut connection = self.bound(server).await?;
                connection.about().await?;
                connection.close().await;
                Ok(())
            };
            if let Err(trouble) = timeout(within, entered).await.unwrap_or(Err(Trouble::Timeout)) {
                troubles.push(self.trouble_of(index, trouble));
            }
        }
        troubles
    }

    /// A connection to the first server that gives one; an answer, however unwelcome, is final.
    async fn first(&self, entry: Entry) -> Result<(usize, Connection), ServerTrouble> {
        let Some(turn) = self.outage.turn() else { return Err(ServerTrouble::of_none(Trouble::KnownOutage)) };
        let (mut failed, mut silent): (Option<ServerTrouble>, bool) = (None, true);
        for (index, server) in self.in_order() {
            let connection = match entry {
                Entry::Bound => self.bound(server).await,
                Entry::Unbound => self.connection(server).await,
            };
            let trouble = match connection {
                Ok(connection) => {
                    turn.reached();
                    return Ok((index, connection));
                }
                Err(trouble) => trouble,
            };
            let is_final = !trouble.is_the_servers();
            silent &= trouble.is_silence();
            let trouble = self.trouble_of(index, trouble).after(failed);
            if is_final {
                turn.reached();
                return Err(trouble);
            }
            trouble.warn();
            failed = Some(trouble);
        }
        if silent {
            turn.nobody_there();
        } else {
            turn.reached();
        }
        Err(failed.unwrap_or_else(|| ServerTrouble::of_none(Trouble::Closed)))
    }

    async fn bound(&self, server: &Server) -> Result<Connection, Trouble> {
        let mut connection = self.connection(server).await?;
        let account = self.access.service.as_ref();
        let (watch, dn) = (connection.watch().clone(), || account.map(|account| account.dn.clone()));
        let bound = async {
            let Some(account) = account else { return Ok(()) };
            let outcome = connection.bind(&account.dn, &account.password).await?;
            // "Must change" after a success: the server would refuse everything else, each time with another excuse.
            if outcome.code != SUCCESS || outcome.policy.is_some_and(|policy| policy.error.is_some()) {
                return Err(Trouble::ServiceBindRefused(outcome));
            }
            Ok(())
        };
        watch.doing(|| Step::ServiceBind { dn: dn() }, bound, |()| Told::Done).await?;
        if self.access.wants_active_directory && !connection.is_active_directory().await? {
            return Err(Trouble::NotActiveDirectory);
        }
        Ok(connection)
    }

    async fn connection(&self, server: &Server) -> Result<Connection, Trouble> {
        let Access { tls, connect_timeout, operation_timeout, .. } = &self.access;
        Connection::open(server, tls, *connect_timeout, *operation_timeout, self.watch.of(server)).await
    }

    /// The servers as configured, those that failed lately last.
    fn in_order(&self) -> Vec<(usize, &Server)> {
        let now = Instant::now();
        let mut order: Vec<_> = self.access.servers.iter().enumerate().collect();
        if self.access.order == Order::Random {
            shuffle(&mut order);
        }
        let failed = lock(&self.failed);
        let rests =
            |index: usize| failed.get(index).copied().flatten().is_some_and(|failed| now - failed < self.access.rest);
        order.sort_by_key(|(index, _)| rests(*index));
        order
    }

    /// Whether a server failed since then.
    pub(super) fn failed_after(&self, index: usize, moment: Instant) -> bool {
        lock(&self.failed).get(index).copied().flatten().is_some_and(|failed| failed >= moment)
    }
}

/// Each to a place of chance. Without chance from the system the order stays: the load is then uneven, and nothing else.
fn shuffle<T>(list: &mut [T]) {
    for end in (1..list.len()).rev() {
        let mut chance = [0; 8];
        if rand::fill(&mut chance).is_ok() {
            // The remainder fits.
            list.swap(end, usize::try_from(u64::from_le_bytes(chance) % (end as u64 + 1)).unwrap_or(end));
        }
    }
}

/// A panic elsewhere leaves nothing half done in this list.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn chance_leads_to_every_order_and_loses_nobody() {
        let orders: BTreeSet<Vec<u8>> = (0..2_000)
            .map(|_| {
                let mut list = vec![1, 2, 3];
                shuffle(&mut list);
                list
            })
            .collect();
        assert_eq!(orders.len(), 6, "{orders:?}");
    }
}
