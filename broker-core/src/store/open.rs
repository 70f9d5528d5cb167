//! Opens the store of either engine, and proves that the master key fits.

use std::sync::Arc;

use super::connect::Connected;
use super::installation::New;
use super::migrations::migrate;
use super::{Location, OpenError, Pool, Reads, Store};
use crate::clock::Clock;
use crate::id::InstallationId;
use crate::vault::{MasterKey, Seals, Vault};

/// An open store, and the vault that its installation's secrets are sealed in.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub vault: Arc<Vault>,
}

impl Store {
    /// Which installation a store is of, for whoever has no master key yet; nothing where it is new. Makes no file.
    pub async fn installation_of(location: &Location) -> Result<Option<InstallationId>, OpenError> {
        match location {
            Location::Memory => return Ok(None),
            Location::Sqlite(path) if !path.exists() => return Ok(None),
            Location::Sqlite(_) | Location::Postgres { .. } => {}
        }
        let connected = Box::pin(Connected::to(location, true)).await?;
        let found = match migrate(&connected.pool, location).await {
            Ok(()) => super::installation::read(&connected.pool).await.map_err(|error| location.failed(error)),
            Err(error) => Err(error),
        };
        connected.close().await;
        Ok(found?.map(|(id, _)| id))
    }

    /// Opens the store, makes an installation in an empty one, and refuses a master key that does not open what is there.
    pub async fn open(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
        clock: &dyn Clock,
    ) -> Result<Opened, OpenError> {
        Box::pin(Self::open_as(location, master_keys, seals_with, New::Begins(clock))).await
    }

    /// The same where something outside the store says that it was in use: an empty one is [`OpenError::Empty`].
    pub async fn open_used(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
    ) -> Result<Opened, OpenError> {
        Box::pin(Self::open_as(location, master_keys, seals_with, New::IsLost)).await
    }

    async fn open_as(
        location: &Location,
        master_keys: Vec<MasterKey>,
        seals_with: &str,
        new: New<'_>,
    ) -> Result<Opened, OpenError> {
        // Before anything is touched: a key that is none is the configuration's fault.
        let bound = bound_to(&master_keys)?;
        let vault = Vault::new(InstallationId::random(), master_keys, seals_with)?;
        let connected = Connected::to(location, matches!(new, New::IsLost)).await?;
        match installed(&connected.pool, location, vault, bound, new).await {
            Ok((vault, seals)) => {
                let Connected { pool, counts, place, fresh, turn: _turn } = connected;
                if let Some(fresh) = fresh {
                    fresh.stays();
                }
                let reads = Arc::new(Reads::of(&pool));
                let store = Self { pool, counts, place, seals: Arc::new(seals), last_epoch: Arc::default(), reads };
                Ok(Opened { store, vault: Arc::new(vault) })
            }
            Err(error) => {
                connected.close().await;
                Err(error)
            }
        }
    }
}

/// Brings the schema up to date, and opens the installation or makes it.
async fn installed(
    pool: &Pool,
    location: &Location,
    vault: Vault,
    bound: Option<InstallationId>,
    new: New<'_>,
) -> Result<(Vault, Seals), OpenError> {
    let told = |error| match error {
        OpenError::Store(error) => location.failed(error),
        other => other,
    };
    // Nothing is written to what is not the one that was lost.
    if matches!(new, New::IsLost)
        && !super::installation::is_there(pool).await.map_err(|error| location.failed(error))?
    {
        return Err(OpenError::Empty);
    }
    migrate(pool, location).await?;
    super::installation::open(pool, vault, bound, new).await.map_err(told)
}

/// The one installation that the keys are for, where any is for one alone.
fn bound_to(keys: &[MasterKey]) -> Result<Option<InstallationId>, OpenError> {
    let mut bound = keys.iter().filter_map(MasterKey::installation);
    let first = bound.next();
    match bound.find(|other| Some(*other) != first) {
        None => Ok(first),
        Some(_) => Err(OpenError::SeveralInstallations),
    }
}
