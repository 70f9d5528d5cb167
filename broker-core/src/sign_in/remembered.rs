//! Callers who were read a moment ago, for those of whom the statement that writes their record proves that they still are as read.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;

use super::{AuthenticateError, Shown, SignIn};
use crate::caller::Caller;
use crate::epoch::Epoch;
use crate::trail::Origin;
use crate::vault::Mac;

/// Whoever was read in the last seconds, on this node.
#[derive(Debug)]
pub(super) struct Remembered(Cache<Memory, Caller>);

/// Under what a caller is remembered: the keyed hash of their token, and from where it was shown, since some may not be shown from everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    token: Mac,
    address: IpAddr,
}

/// A caller as read, now or in the last seconds.
#[derive(Clone, Debug)]
pub struct Recognised {
    pub caller: Caller,
    /// Where they were not read now. They may have been signed out since, or have lost a group.
    pub memory: Option<Memory>,
}

impl Default for Remembered {
    fn default() -> Self {
        let weigher = |_: &Memory, caller: &Caller| match caller {
            Caller::Person(caller) => weight(caller.person.groups.len()),
            Caller::Service(caller) => weight(caller.connectors.len()),
            Caller::Workload(caller) => weight(caller.connectors.len()),
        };
        Self(Cache::builder().max_capacity(MOST).weigher(weigher).time_to_live(SECONDS).build())
    }
}

impl Remembered {
    fn recall(&self, memory: &Memory, known: Epoch, now: Timestamp) -> Option<Caller> {
        self.0
            .get(memory)
            .filter(|caller| caller.counts_at(now) && caller.as_read().is_some_and(|as_read| as_read.epoch() >= known))
    }
}

impl SignIn {
    /// Who a token belongs to, for whoever writes a record only if that still is so: what was read in the last seconds does. Cookies, and
    /// the tokens of AWS's own clients where those show them, are read each time.
    pub async fn recognise(
        &self,
        shown: &Shown,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Recognised, AuthenticateError> {
        let Shown::Bearer(_) = shown else {
            let caller = self.authenticate(shown, address, origin).await?;
            return Ok(Recognised { caller, memory: None });
        };
        let memory = Memory { token: self.hash_of(shown), address: address.to_canonical() };
        let known = self.0.store.known_epoch();
        if let Some(caller) = self.0.remembered.recall(&memory, known, self.0.clock.now()) {
            return Ok(Recognised { caller, memory: Some(memory) });
        }
        let caller = self.authenticate(shown, address, origin).await?;
        // Of a workload nothing was read: its token is proved each time.
        if caller.as_read().is_some() {
            self.0.remembered.0.insert(memory, caller.clone());
        }
        Ok(Recognised { caller, memory: None })
    }

    /// Whoever is not as remembered is read the next time.
    pub(crate) fn forget(&self, memory: Memory) {
        self.0.remembered.0.invalidate(&memory);
    }
}

/// Somebody may be in a thousand groups.
fn weight(names: usize) -> u32 {
    u32::try_from(names).unwrap_or(u32::MAX).saturating_add(OWN_WEIGHT)
}

/// So short that whoever comes back by hand is read anew: it is for the many requests of a job, or of a script.
const SECONDS: Duration = Duration::from_secs(5);
/// In names of groups: some ten megabytes.
const MOST: u64 = 100_000;
/// What a caller takes beside those.
const OWN_WEIGHT: u32 = 10;
