//! What is in service, told by few bytes: nodes that hold copies need not trust a counter that anybody could hold back.

use aws_lc_rs::digest::{Context, Digest, SHA256};
use futures_util::TryStreamExt;
use sqlx::Row;

use super::heard::heard;
use super::{Store, StoreError};

/// All rows of connectors and access keys at one moment. Two that are equal came from the same rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(Vec<u8>);

impl Store {
    /// Made of each row's id and keyed hash, which covers all else of it that counts: far cheaper than reading and proving the rows.
    pub async fn fingerprint(&self) -> Result<Fingerprint, StoreError> {
        const ACCESS_KEYS: &str = "SELECT CAST(id AS TEXT) AS id, mac FROM access_keys ORDER BY access_keys.id";
        const CONNECTORS: &str = "SELECT CAST(id AS TEXT) AS id, mac FROM connectors ORDER BY connectors.id";
        let mut all = Context::new(&SHA256);
        for sql in [ACCESS_KEYS, CONNECTORS] {
            all.update(self.digest(sql).await?.as_ref());
        }
        Ok(Fingerprint(all.finish().as_ref().to_vec()))
    }

    async fn digest(&self, sql: &'static str) -> Result<Digest, StoreError> {
        let mut digest = Context::new(&SHA256);
        // SQLite takes any type in any column; what cannot be read is in no service, whatever it is.
        heard!(&self.pool, pool => {
            let mut rows = sqlx::query(sql).fetch(pool);
            while let Some(row) = rows.try_next().await? {
                for column in ["id", "mac"] {
                    let bytes: Vec<u8> = row.try_get_unchecked(column).unwrap_or_default();
                    digest.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
                    digest.update(&bytes);
                }
            }
        });
        Ok(digest.finish())
    }
}
