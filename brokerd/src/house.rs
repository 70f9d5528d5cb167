//! What the daemon and every subcommand stand on: the store, the vault, the trail, and the clock.

use std::sync::Arc;

use broker_core::clock::{Clock, SystemClock};
use broker_core::store::{OpenError, Opened, Store};
use broker_core::trail::Trail;
use broker_core::vault::Vault;

use crate::config::Config;

/// An installation, opened with its master key.
#[derive(Clone, Debug)]
pub struct House {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub trail: Trail,
    pub clock: Arc<dyn Clock>,
}

impl House {
    /// Opens the store that the configuration names, and begins a chain of the trail. Takes the master keys out of the
    /// configuration: they are needed once.
    pub async fn open(config: &mut Config) -> Result<Self, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let master_keys = std::mem::take(&mut config.master_keys);
        let Opened { store, vault } =
            Store::open(&config.store, master_keys, &config.seals_with, clock.as_ref()).await?;
        let trail = Trail::start(store.clone(), Arc::clone(&clock), &node());
        Ok(Self { store, vault, trail, clock })
    }

    /// Writes what waits and lets the store go.
    pub async fn close(&self) {
        self.trail.close().await;
        self.store.close().await;
    }
}

/// The machine's name, for the trail.
fn node() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
