//! Everything that is sealed, place by place, for whoever moves it to another master key.

use std::collections::HashSet;

use sqlx::FromRow;

use super::change::Rows;
use super::heard::heard;
use super::{Change, Store, StoreError, installation, readable};
use crate::access_key::AccessKey;
use crate::id::InstallationId;
use crate::local_user::LocalUser;
use crate::second_factor::SecondFactor;
use crate::vault::{Place, SealBroken, Sealed, Vault};

/// A sealed secret with the row that it belongs to.
#[derive(Clone, Debug)]
pub struct SealedRow(Owner);

#[derive(Clone, Debug)]
enum Owner {
    AccessKey(Box<AccessKey>),
    SecondFactor(Box<SecondFactor>),
    LocalUser(Box<LocalUser>),
    Installation(InstallationId, Sealed),
}

/// What stands in one place.
#[derive(Clone, Debug, Default)]
pub struct SealedRows {
    pub proved: Vec<SealedRow>,
    /// Rows that do not prove to be ours. Nobody touches those.
    pub unproved: Vec<UnprovedRow>,
}

/// A row that does not prove to be ours, by its own words.
#[derive(Clone, Debug)]
pub struct UnprovedRow {
    pub id: String,
    /// The master key that its seal names: put right, the row may need it.
    pub master_key: Option<String>,
}

/// Why a secret was not sealed anew.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Every sealed secret of a place.
    pub async fn sealed_rows(&self, place: Place) -> Result<SealedRows, StoreError> {
        match place {
            Place::AccessKey => {
                let all = self.access_key_seals().await?;
                let proved = self.access_keys().await?;
                let known: HashSet<String> = proved.iter().map(|key| key.id.to_string()).collect();
                let unproved = all.into_iter().filter(|row| !known.contains(&row.id)).collect();
                let proved = proved.into_iter().map(|key| SealedRow(Owner::AccessKey(Box::new(key)))).collect();
                Ok(SealedRows { proved, unproved })
            }
            Place::SecondFactor => {
                let (proved, all) = self.all_second_factors().await?;
                let known: HashSet<String> = proved.iter().map(|factor| factor.id.to_string()).collect();
                let unproved = all.into_iter().filter(|(id, _)| !known.contains(id)).map(UnprovedRow::of).collect();
                let proved =
                    proved.into_iter().map(|factor| SealedRow(Owner::SecondFactor(Box::new(factor)))).collect();
                Ok(SealedRows { proved, unproved })
            }
            Place::LocalUser => {
                let all = self.local_user_seals().await?;
                let proved = self.all_local_users().await?.good;
                let known: HashSet<String> = proved.iter().map(|user| user.id.to_string()).collect();
                let unproved = all.into_iter().filter(|row| !known.contains(&row.id)).collect();
                let proved = proved.into_iter().map(|user| SealedRow(Owner::LocalUser(Box::new(user)))).collect();
                Ok(SealedRows { proved, unproved })
            }
            Place::Installation => {
                let row = installation::read(&self.pool).await?;
                let proved = row.map(|(id, sealed)| SealedRow(Owner::Installation(id, sealed)));
                Ok(SealedRows { proved: proved.into_iter().collect(), unproved: Vec::new() })
            }
        }
    }

    /// The same secret under the master key that seals now, unless someone else changes the row meanwhile. Whoever holds the row in
    /// memory reads it again.
    pub fn reseal(&self, row: &SealedRow, vault: &Vault) -> Result<Change, ResealError> {
        match &row.0 {
            Owner::AccessKey(key) => {
                let sealed = key.details.reseal(vault, key.id, &key.sealed)?;
                let generation = key.generation.saturating_add(1);
                let resealed = AccessKey { generation, sealed, ..key.as_ref().clone() };
                Ok(self.reseal_access_key(&resealed, key.generation)?)
            }
            Owner::SecondFactor(factor) => Ok(self.reseal_second_factor(factor, &factor.reseal(vault)?)),
            Owner::LocalUser(user) => {
                let resealed = LocalUser { sealed_password: user.reseal(vault)?, ..user.as_ref().clone() };
                Ok(self.replace_local_user(&resealed, user)?)
            }
            Owner::Installation(id, sealed) => {
                const SQL: &str =
                    "UPDATE installation SET sealed_secret = $1 WHERE singleton = 1 AND sealed_secret = $2";
                let resealed = vault.reseal(installation::binding(id), sealed)?;
                let values = vec![resealed.as_str().into(), sealed.as_str().into()];
                Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
            }
        }
    }

    async fn access_key_seals(&self) -> Result<Vec<UnprovedRow>, StoreError> {
        // SQLite takes any type in any column.
        const SQL: &str = "SELECT CAST(id AS TEXT), CAST(sealed AS TEXT) FROM access_keys ORDER BY name";
        self.seals_of("access_keys", SQL).await
    }

    async fn local_user_seals(&self) -> Result<Vec<UnprovedRow>, StoreError> {
        const SQL: &str = "SELECT CAST(id AS TEXT), CAST(sealed_password AS TEXT) FROM local_users ORDER BY folded";
        self.seals_of("local_users", SQL).await
    }

    async fn seals_of(&self, table: &'static str, sql: &'static str) -> Result<Vec<UnprovedRow>, StoreError> {
        let rows: Vec<(String, String)> = heard!(&self.pool, pool => {
            readable(table, sqlx::query(sql).fetch_all(pool).await?.iter().map(FromRow::from_row))
        });
        Ok(rows.into_iter().map(UnprovedRow::of).collect())
    }
}

impl UnprovedRow {
    fn of((id, sealed): (String, String)) -> Self {
        Self { id, master_key: Sealed::from_store(sealed).master_key().map(str::to_owned) }
    }
}

impl SealedRow {
    pub fn place(&self) -> Place {
        match &self.0 {
            Owner::AccessKey(_) => Place::AccessKey,
            Owner::SecondFactor(_) => Place::SecondFactor,
            Owner::LocalUser(_) => Place::LocalUser,
            Owner::Installation(..) => Place::Installation,
        }
    }

    /// What people know the row by.
    pub fn name(&self) -> String {
        match &self.0 {
            Owner::AccessKey(key) => key.name.to_string(),
            Owner::SecondFactor(factor) => factor.id.to_string(),
            Owner::LocalUser(user) => format!("{}/{}", user.directory, user.name),
            Owner::Installation(id, _) => id.to_string(),
        }
    }

    /// The id of the master key that its seal names.
    pub fn master_key(&self) -> Option<&str> {
        match &self.0 {
            Owner::AccessKey(key) => key.sealed.master_key(),
            Owner::SecondFactor(factor) => factor.sealed.master_key(),
            Owner::LocalUser(user) => user.sealed_password.master_key(),
            Owner::Installation(_, sealed) => sealed.master_key(),
        }
    }

    /// Whether the secret can be had with the keys that are known.
    pub fn opens(&self, vault: &Vault) -> bool {
        match &self.0 {
            Owner::AccessKey(key) => key.open(vault).is_ok(),
            Owner::SecondFactor(factor) => factor.opens(vault),
            Owner::LocalUser(user) => user.open(vault).is_ok(),
            Owner::Installation(id, sealed) => vault.open(installation::binding(id), sealed).is_ok(),
        }
    }
}
