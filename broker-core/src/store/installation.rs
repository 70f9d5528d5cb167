//! The one row that says which installation this is, and the secret that all keyed hashes derive from.

use std::time::Duration;

use secrecy::SecretString;

use super::change::{BeginWrite, Keeps};
use super::heard::heard;
use super::location::OpenError;
use super::{Pool, Store, StoreError, on};
use crate::clock::{Clock, Millis};
use crate::id::InstallationId;
use crate::vault::{Binding, Place, Purpose, SealBroken, Sealed, Seals, Vault};

/// What an empty store is.
#[derive(Clone, Copy, Debug)]
pub(super) enum New<'c> {
    /// A new installation.
    Begins(&'c dyn Clock),
    /// One that was emptied.
    IsLost,
}

impl Store {
    /// Counts every change of connectors and keys; nodes that hold copies look here.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT revision FROM installation WHERE singleton = 1";
        // A node asks all the while: sooner or later it does so by a connection that hangs.
        let asked = tokio::time::timeout(WITHIN, async {
            heard!(&self.pool, pool => sqlx::query_scalar(SQL).fetch_one(pool).await)
        });
        Ok(asked.await.map_err(|late| sqlx::Error::Io(late.into()))??)
    }

    /// Proves that the database answers, that it can be read as every request reads it, and that it may be written to: an SQLite file also
    /// that there is room for a record. Changes nothing.
    pub async fn probe(&self) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE installation SET revision = revision WHERE singleton = 1";
        self.is_in_place()?;
        self.reads.probe().await?;
        on!(&self.pool, pool => {
            let mut connection = pool.acquire().await?;
            let mut transaction = connection.begin_write(Keeps::All).await?;
            sqlx::query(SQL).execute(&mut *transaction).await?;
            transaction.rollback().await?;
        });
        on!(&self.counts, pool => drop(pool.acquire().await?));
        match &self.place {
            Some(place) => Ok(place.probe_writing().await?),
            None => Ok(()),
        }
    }

    /// Proves that this is still the installation that was opened: its sealed secret opens, and is the one we hold.
    pub async fn prove_seal(&self, vault: &Vault) -> Result<(), OpenError> {
        let missing = || StoreError::Forged { table: "installation", id: "its only row is missing".to_owned() };
        let (id, sealed) = read(&self.pool).await?.ok_or_else(missing)?;
        let secret = opened(vault, &id, &sealed).map_err(|error| match error {
            OpenError::UnknownMasterKey(named) => OpenError::Rekeyed(named),
            other => other,
        })?;
        let held = self.seals.mac(Purpose::Form, &[PROBE]);
        if Seals::derive(&secret)?.verify(Purpose::Form, &[PROBE], &held) {
            Ok(())
        } else {
            Err(OpenError::WrongMasterKey(sealed.master_key().unwrap_or_default().to_owned()))
        }
    }
}

/// Opens the installation's secret, or makes one where the store is new and may be.
pub(super) async fn open(
    pool: &Pool,
    vault: Vault,
    bound: Option<InstallationId>,
    new: New<'_>,
) -> Result<(Vault, Seals), OpenError> {
    if let Some((id, sealed)) = read(pool).await? {
        return reopen(vault, id, bound, &sealed);
    }
    let New::Begins(clock) = new else { return Err(OpenError::Empty) };
    // Where a key was wrapped for an installation that is not there yet, this is it.
    let id = bound.unwrap_or_else(InstallationId::random);
    let vault = vault.for_installation(id);
    let secret = Seals::generate()?;
    let sealed = vault.seal(binding(&id), &secret)?;
    if insert(pool, id, &sealed, clock).await? {
        tracing::info!("made a new, empty store");
        return Ok((vault, Seals::derive(&secret)?));
    }
    // Another node made the installation in this very moment, and its secret counts; or somebody took it out of a store in use.
    let missing = || StoreError::Forged { table: "installation", id: "its only row is missing".to_owned() };
    let (id, sealed) = read(pool).await?.ok_or_else(missing)?;
    reopen(vault, id, bound, &sealed)
}

fn reopen(
    vault: Vault,
    id: InstallationId,
    bound: Option<InstallationId>,
    sealed: &Sealed,
) -> Result<(Vault, Seals), OpenError> {
    if let Some(wrapped) = bound.filter(|bound| *bound != id) {
        return Err(OpenError::OtherInstallation { wrapped, store: id });
    }
    let vault = vault.for_installation(id);
    let secret = opened(&vault, &id, sealed)?;
    let seals = Seals::derive(&secret)?;
    Ok((vault, seals))
}

/// The installation's secret.
fn opened(vault: &Vault, id: &InstallationId, sealed: &Sealed) -> Result<SecretString, OpenError> {
    vault.open(binding(id), sealed).map_err(|broken| match (broken, sealed.master_key()) {
        (SealBroken::UnknownMasterKey(named), _) => OpenError::UnknownMasterKey(named),
        (SealBroken::Damaged, named) => OpenError::WrongMasterKey(named.unwrap_or_default().to_owned()),
    })
}

/// Whether there is an installation, in a database whose schema nobody has looked at.
pub(super) async fn is_there(pool: &Pool) -> Result<bool, StoreError> {
    let tables: i64 = match pool {
        Pool::Sqlite(pool) => {
            const SQL: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'installation'";
            sqlx::query_scalar(SQL).fetch_one(pool).await?
        }
        Pool::Postgres(pool) => {
            const SQL: &str = "SELECT count(*) FROM pg_catalog.pg_tables
                               WHERE tablename = 'installation' AND schemaname = ANY (current_schemas(false))";
            sqlx::query_scalar(SQL).fetch_one(pool).await?
        }
    };
    Ok(tables > 0 && read(pool).await?.is_some())
}

pub(super) async fn read(pool: &Pool) -> Result<Option<(InstallationId, Sealed)>, StoreError> {
    const SQL: &str = "SELECT id, sealed_secret FROM installation WHERE singleton = 1";
    let row: Option<(String, String)> = heard!(pool, pool => sqlx::query_as(SQL).fetch_optional(pool).await)?;
    row.map(|(id, sealed)| {
        let parsed = id.parse().map_err(|_| StoreError::Forged { table: "installation", id })?;
        Ok((parsed, Sealed::from_store(sealed)))
    })
    .transpose()
}

/// Only in a store that was never used: where there is a trail there was an installation, and its secret is not replaced in silence.
async fn insert(pool: &Pool, id: InstallationId, sealed: &Sealed, clock: &dyn Clock) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO installation (singleton, id, sealed_secret, created_at, revision)
                       SELECT 1, $1, $2, $3, 1 WHERE NOT EXISTS (SELECT 1 FROM trail)
                       ON CONFLICT (singleton) DO NOTHING";
    let now = Millis::from(clock.now()).0;
    let made = on!(pool, pool => {
        sqlx::query(SQL).bind(id.to_string()).bind(sealed.as_str()).bind(now).execute(pool).await?.rows_affected()
    });
    Ok(made == 1)
}

pub(super) fn binding(id: &InstallationId) -> Binding<'_> {
    Binding { place: Place::Installation, row: id.as_bytes(), details: &[] }
}

/// Something to prove two sets of keys the same by.
const PROBE: &[u8] = b"the same secret";
const WITHIN: Duration = Duration::from_secs(5);
