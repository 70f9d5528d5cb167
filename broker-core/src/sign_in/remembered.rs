//! Callers who were read a moment ago, for those of whom the statement that writes their record proves that they still are as read.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use super::callers::too_late;
use super::{AuthenticateError, LAST_PROOF, Shown, SignIn};
use crate::as_read::AsRead;
use crate::caller::Caller;
use crate::store::StoreError;
use crate::trail::Origin;
use crate::vault::Mac;

/// Whoever was read in the last seconds, on this node.
#[derive(Debug)]
pub(super) struct Remembered(Cache<Known, Seen>);

/// By where a token was shown, and its keyed hash: what is good in one place is not known in another.
type Known = (Discriminant<Shown>, Mac);

#[derive(Clone, Debug)]
struct Seen {
    caller: Caller,
    /// Some may not ask from everywhere.
    from: IpAddr,
}

/// A caller as read, now or in the last seconds.
#[derive(Clone, Debug)]
pub struct Recognised {
    pub caller: Caller,
    /// Where they were not read now: they may have been signed out since, or have lost a group.
    pub by_memory: Option<ByMemory>,
}

/// By what a remembered caller is to be read, where they may be others by now.
#[derive(Clone, Debug)]
pub struct ByMemory {
    shown: Shown,
    address: IpAddr,
}

impl Default for Remembered {
    fn default() -> Self {
        let weigher = |_: &Known, seen: &Seen| u32::try_from(bytes(&seen.caller)).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MOST_BYTES).weigher(weigher).time_to_live(SECONDS).build())
    }
}

impl SignIn {
    /// Who a token belongs to, for whoever writes a record only if that still is so: what was read in the last seconds does. Cookies
    /// are read each time.
    pub async fn recognise(
        &self,
        shown: &Shown,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Recognised, AuthenticateError> {
        let (Shown::Bearer(_) | Shown::Portal(_)) = shown else {
            let caller = self.authenticate(shown, address, origin).await?;
            return Ok(Recognised { caller, by_memory: None });
        };
        let (known, from) = ((discriminant(shown), self.hash_of(shown)), address.to_canonical());
        if let Some(caller) = self.recall(&known, from) {
            return Ok(Recognised { caller, by_memory: Some(ByMemory { shown: shown.clone(), address }) });
        }
        let caller = self.authenticate(shown, address, origin).await?;
        // Of a workload nothing was read: its token is proved each time.
        if caller.as_read().is_some() {
            self.0.remembered.0.insert(known, Seen { caller: caller.clone(), from });
        }
        Ok(Recognised { caller, by_memory: None })
    }

    fn recall(&self, known: &Known, from: IpAddr) -> Option<Caller> {
        let Seen { caller, from: last } = self.0.remembered.0.get(known)?;
        let is_of_now = caller.as_read().is_some_and(|as_read| as_read.epoch() >= self.0.store.known_epoch());
        let now = self.0.clock.now();
        let is_cut_off = match &caller {
            Caller::Person(caller) => self.0.cut_off.has(&caller.person.subject, now),
            Caller::Service(_) | Caller::Workload(_) => false,
        };
        (last == from && is_of_now && !is_cut_off && self.is_as_known(&caller) && caller.counts_at(now))
            .then_some(caller)
    }

    /// Reads whoever may not be as remembered, as if nobody had known them: a token that is good for nothing is written down as ever. A
    /// directory that is asked now has little longer than the request.
    pub async fn read_anew(
        &self,
        remembered: &Caller,
        by_memory: &ByMemory,
        asking: (&Origin, Instant),
    ) -> Result<Caller, AuthenticateError> {
        self.forget(remembered);
        let (origin, deadline) = asking;
        let read = self.authenticate(&by_memory.shown, by_memory.address, origin);
        tokio::time::timeout_at(deadline + LAST_PROOF, read).await.unwrap_or_else(|_| {
            Err(match remembered {
                Caller::Person(caller) => too_late(&caller.person),
                // No directory was asked, so that it is the store which does not answer.
                Caller::Service(_) | Caller::Workload(_) => StoreError::from(sqlx::Error::PoolTimedOut).into(),
            })
        })
    }

    /// By whichever of their tokens they come.
    pub(super) fn forget(&self, caller: &Caller) {
        let row = |caller: &Caller| caller.as_read().map(AsRead::row);
        let all = &self.0.remembered.0;
        for (known, _) in all.iter().filter(|(_, seen)| row(&seen.caller) == row(caller)) {
            all.invalidate(&*known);
        }
    }
}

/// What somebody takes, about: they may be in a thousand groups.
fn bytes(caller: &Caller) -> usize {
    let names = match caller {
        Caller::Person(caller) => caller.person.groups.iter().map(|group| group.name.len() + OWN_BYTES).sum(),
        Caller::Service(caller) => caller.connectors.len() * OWN_BYTES,
        Caller::Workload(_) => 0,
    };
    names + 8 * OWN_BYTES
}

/// So short that whoever comes back by hand is read anew: it is for the many requests of a job, or of a script.
const SECONDS: Duration = Duration::from_secs(5);
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Of a name beside its letters.
const OWN_BYTES: usize = 64;
