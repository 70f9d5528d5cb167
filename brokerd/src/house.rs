//! What the daemon and every subcommand stand on: the store, the vault, the trail, and the clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_core::clock::{Clock, SystemClock};
use broker_core::kms::{Kms, KmsError};
use broker_core::store::{OpenError, Opened, Store};
use broker_core::sts::OutboundError;
use broker_core::trail::{Anchoring, AnchoringError, Trail};
use broker_core::vault::{MasterKey, Vault};
use tokio::time::Instant;

use crate::config::{Config, ConfiguredMasterKey};

/// An installation, opened with its master key.
#[derive(Clone, Debug)]
pub struct House {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub trail: Trail,
    pub clock: Arc<dyn Clock>,
    pub anchoring: Anchoring,
}

/// Why an installation does not open.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(
        "{store} cannot be used: no installation is in it, but the anchor file {anchors} has lines of one. Put a backup of the store back and run `brokerd restored`; or, if a new installation is to begin, move the anchor file away", anchors = .anchors.display()
    )]
    Emptied { store: String, anchors: PathBuf },
    #[error("{error} (it is in {place} now)")]
    WrongMasterKey { error: OpenError, place: String },
    #[error(transparent)]
    Kms(#[from] KmsError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

impl HouseError {
    /// Says where the key is that does not fit.
    fn with_place(self, places: &BTreeMap<String, String>) -> Self {
        match self {
            Self::Store(OpenError::WrongMasterKey(id)) if places.contains_key(&id) => {
                let place = places.get(&id).cloned().unwrap_or_default();
                Self::WrongMasterKey { error: OpenError::WrongMasterKey(id), place }
            }
            other => other,
        }
    }
}

impl House {
    /// Opens the store that the configuration names, and begins a chain of the trail. Takes the master keys out of the
    /// configuration: they are needed once.
    pub async fn open(config: &mut Config) -> Result<Self, HouseError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let master_keys = Box::pin(unwrapped(config, &clock)).await?;
        let places = &config.master_key_places;
        let Opened { store, vault } =
            opened(config, master_keys, clock.as_ref()).await.map_err(|error| error.with_place(places))?;
        let trail = Trail::start(store.clone(), Arc::clone(&clock), &node());
        let file = config.audit.anchor_file.clone();
        let anchoring = Anchoring::new(store.clone(), trail.clone(), Arc::clone(&clock), &node(), file);
        Ok(Self { store, vault, trail, clock, anchoring })
    }

    /// Writes what waits, anchors it, and lets the store go.
    pub async fn close(&self) {
        self.trail.close().await;
        if let Err(error) = self.anchoring.anchor_own().await {
            report_unanchored(&error);
        }
        self.store.close().await;
    }
}

/// The store; or a new one, unless there are anchors of one that was there.
async fn opened(config: &Config, master_keys: Vec<MasterKey>, clock: &dyn Clock) -> Result<Opened, HouseError> {
    let anchors = config.audit.anchor_file.as_ref().filter(|path| is_written(path));
    let Some(anchors) = anchors else {
        return Ok(Store::open(&config.store, master_keys, &config.seals_with, clock).await?);
    };
    Store::open_used(&config.store, master_keys, &config.seals_with).await.map_err(|error| match error {
        OpenError::Empty => HouseError::Emptied { store: config.store.to_string(), anchors: anchors.clone() },
        other => other.into(),
    })
}

/// What cannot be looked at may have lines: only a file that is not there, or empty, has none.
fn is_written(file: &Path) -> bool {
    match std::fs::metadata(file) {
        Ok(found) => found.is_file() && found.len() > 0,
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Says loudly that the end of the trail could be cut now without anybody seeing it. Vends go on.
pub(crate) fn report_unanchored(error: &AnchoringError) {
    tracing::error!(%error, source = ?std::error::Error::source(error), alarm = "trail", "the trail cannot be anchored");
}

/// All master keys, those that AWS KMS wraps among them. Asks KMS only where there is one.
async fn unwrapped(config: &mut Config, clock: &Arc<dyn Clock>) -> Result<Vec<MasterKey>, HouseError> {
    let deadline = Instant::now() + config.aws.deadline;
    let mut kms: Option<Kms> = None;
    let mut keys = Vec::new();
    for configured in std::mem::take(&mut config.master_keys) {
        keys.push(match configured {
            ConfiguredMasterKey::Plain(key) => key,
            ConfiguredMasterKey::Wrapped(key, wrapped) => {
                let asked = match kms.take() {
                    Some(asked) => asked,
                    None => Kms::new(config.aws.outbound.pool()?, config.aws.sts.clone(), Arc::clone(clock)),
                };
                let unwrapped = asked.unwrap(&key, &wrapped, deadline).await?;
                kms = Some(asked);
                unwrapped
            }
        });
    }
    Ok(keys)
}

/// The machine's name, for the trail.
fn node() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
