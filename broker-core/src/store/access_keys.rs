//! Rows of access keys: sealed secret, details, and what AWS last said of them.

use jiff::Timestamp;
use sqlx::FromRow;

use super::damaged::found;
use super::heard::heard;
use super::{Change, Damage, DamagedRow, Found, Rows, Store, StoreError, Table, on, proves, readable};
use crate::access_key::{AccessKey, KeyHealth};
use crate::clock::Millis;
use crate::connector::ManagedBy;
use crate::id::AccessKeyId;
use crate::vault::{Mac, Purpose, Sealed};

impl Store {
    /// Every key that proves to be ours, in the order of names. One that does not is reported and out of service.
    pub async fn access_keys(&self) -> Result<Vec<AccessKey>, StoreError> {
        Ok(self.all_access_keys().await?.good)
    }

    /// The same, and the rows that are out of service.
    pub async fn all_access_keys(&self) -> Result<Found<AccessKey>, StoreError> {
        const SQL: &str = "SELECT id, name, generation, managed_by, details, sealed, mac, refused_at, refused_code
                           FROM access_keys ORDER BY name";
        let mut found = found!(&self.pool, Table::AccessKeys, SQL, |row: Row| self.access_key(row));
        found.damaged.extend(self.gone_access_keys().await?.iter().map(|name| DamagedRow::gone(name)));
        Ok(found)
    }

    /// What connectors name and is not there. The database keeps such keys, unless somebody has told it not to.
    async fn gone_access_keys(&self) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT DISTINCT access_key FROM connectors
                           WHERE NOT EXISTS (SELECT 1 FROM access_keys WHERE access_keys.name = connectors.access_key)
                           ORDER BY access_key";
        let rows: Vec<(String,)> = heard!(&self.pool, pool => {
            readable("connectors", sqlx::query(SQL).fetch_all(pool).await?.iter().map(FromRow::from_row))
        });
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Adds a key under a name that is free.
    pub fn add_access_key(&self, key: &AccessKey) -> Result<Change, StoreError> {
        const SQL: &str = "INSERT INTO access_keys (name, generation, managed_by, details, sealed, mac, id)
                           VALUES ($1, $2, $3, $4, $5, $6, $7)";
        self.write_access_key(SQL, key, None)
    }

    /// Puts a key in the place of a damaged row, whose id and contents are gone then; connectors go on naming it.
    pub fn repair_access_key(&self, key: &AccessKey, damaged: &DamagedRow) -> Result<Change, StoreError> {
        const SQL: &str =
            "UPDATE access_keys SET name = $1, generation = $2, managed_by = $3, details = $4, sealed = $5,
                           mac = $6, id = $7, refused_at = NULL, refused_code = NULL WHERE CAST(id AS TEXT) = $8";
        let mut change = self.write_access_key(SQL, key, None)?;
        change.values.push(damaged.id().into());
        Ok(change)
    }

    /// Replaces a key, unless someone else changed it since `seen`; what AWS said of the old one is forgotten.
    pub fn replace_access_key(&self, key: &AccessKey, seen: i64) -> Result<Change, StoreError> {
        const SQL: &str =
            "UPDATE access_keys SET name = $1, generation = $2, managed_by = $3, details = $4, sealed = $5,
                           mac = $6, refused_at = NULL, refused_code = NULL WHERE id = $7 AND generation = $8";
        self.write_access_key(SQL, key, Some(seen))
    }

    /// The same key under another seal, unless someone else changed it since `seen`; what AWS said of it stays true.
    pub(super) fn reseal_access_key(&self, key: &AccessKey, seen: i64) -> Result<Change, StoreError> {
        const SQL: &str =
            "UPDATE access_keys SET name = $1, generation = $2, managed_by = $3, details = $4, sealed = $5,
                           mac = $6 WHERE id = $7 AND generation = $8";
        self.write_access_key(SQL, key, Some(seen))
    }

    /// Removes a key that no connector uses, unless someone else changed it since `seen`.
    pub fn remove_access_key(id: AccessKeyId, seen: i64) -> Change {
        const SQL: &str = "DELETE FROM access_keys WHERE id = $1 AND generation = $2";
        Change { sql: SQL, values: vec![id.to_string().into(), seen.into()], rows: Rows::One, announces: true }
    }

    /// Notes what AWS said of a key. Decides nothing, so it is neither proved nor announced.
    pub async fn note_key_health(
        &self,
        id: AccessKeyId,
        generation: i64,
        health: &KeyHealth,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE access_keys SET refused_at = $2, refused_code = $3 WHERE id = $1 AND generation = $4";
        let (at, code) = health.refused.as_ref().map(|(at, code)| (Millis::from(*at).0, code.clone())).unzip();
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(id.to_string()).bind(at).bind(code).bind(generation).execute(pool).await?;
        });
        Ok(())
    }

    /// How AWS took a key when it was last noted.
    pub async fn key_health(&self, id: AccessKeyId) -> Result<KeyHealth, StoreError> {
        const SQL: &str = "SELECT refused_at, refused_code FROM access_keys WHERE id = $1";
        let row: Option<(Option<i64>, Option<String>)> =
            heard!(&self.pool, pool => sqlx::query_as(SQL).bind(id.to_string()).fetch_optional(pool).await?);
        let (at, code) = row.unwrap_or_default();
        Ok(KeyHealth { refused: at.map(|at| Timestamp::from(Millis(at))).zip(code) })
    }

    fn write_access_key(&self, sql: &'static str, key: &AccessKey, seen: Option<i64>) -> Result<Change, StoreError> {
        let details = encode(&key.details)?;
        let managed_by = encode(&key.managed_by)?;
        let mac = self.access_key_mac(
            &key.id.to_string(),
            key.name.as_str(),
            key.generation,
            &managed_by,
            &details,
            key.sealed.as_str(),
        );
        let mut values = vec![
            key.name.as_str().into(),
            key.generation.into(),
            managed_by.into(),
            details.into(),
            key.sealed.as_str().into(),
            mac.as_slice().into(),
            key.id.to_string().into(),
        ];
        values.extend(seen.map(Into::into));
        Ok(Change { sql, values, rows: Rows::One, announces: true })
    }

    fn access_key(&self, row: Row) -> Result<AccessKey, DamagedRow> {
        let (id, name, generation, managed_by, details, sealed, mac, refused_at, refused_code) = row;
        let expected = self.access_key_mac(&id, &name, generation, &managed_by, &details, &sealed);
        if !proves("access_keys", &id, &expected, &mac) {
            return Err(DamagedRow::new(Table::AccessKeys, Damage::NotOurs, &id, &name));
        }
        let parsed = || -> Option<AccessKey> {
            Some(AccessKey {
                id: id.parse().ok()?,
                name: name.clone().try_into().ok()?,
                generation,
                managed_by: serde_json::from_str::<ManagedBy>(&managed_by).ok()?,
                details: serde_json::from_str(&details).ok()?,
                sealed: Sealed::from_store(sealed),
                health: KeyHealth { refused: refused_at.map(|at| Timestamp::from(Millis(at))).zip(refused_code) },
            })
        };
        parsed().ok_or_else(|| {
            tracing::error!(table = "access_keys", row = %id, "a row cannot be read by this release and is out of service");
            DamagedRow::new(Table::AccessKeys, Damage::Unreadable, &id, &name)
        })
    }

    fn access_key_mac(
        &self,
        id: &str,
        name: &str,
        generation: i64,
        managed_by: &str,
        details: &str,
        sealed: &str,
    ) -> Mac {
        let generation = generation.to_be_bytes();
        let parts: [&[u8]; 7] = [
            b"access_keys",
            id.as_bytes(),
            name.as_bytes(),
            &generation,
            managed_by.as_bytes(),
            details.as_bytes(),
            sealed.as_bytes(),
        ];
        self.seals.mac(Purpose::Row, &parts)
    }
}

type Row = (String, String, i64, String, String, String, Vec<u8>, Option<i64>, Option<String>);

/// JSON for a column. Our own types always have one; an error is a fault of ours that must not pass for data.
pub(super) fn encode<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}
