//! Proofs of a key that were shown already. They give nobody anything; they only keep one from counting twice.

use super::heard::heard;
use super::{Change, Rows, Store, StoreError, on};
use crate::clock::Millis;

impl Store {
    /// Lets a proof count, once: `Taken` where it has before. `proof` is the hash of its key and its id.
    pub(crate) fn take_proof(proof: &[u8; 32], now: Millis) -> Change {
        const SQL: &str = "INSERT INTO dpop_proofs (proof, seen_at) VALUES ($1, $2)";
        Change { sql: SQL, values: vec![proof.as_slice().into(), now.0.into()], rows: Rows::One, announces: false }
    }

    /// Whether a proof has counted.
    pub(crate) async fn is_proof_taken(&self, proof: &[u8; 32]) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT seen_at FROM dpop_proofs WHERE proof = $1";
        let seen: Option<i64> =
            heard!(&self.pool, pool => sqlx::query_scalar(SQL).bind(proof.as_slice()).fetch_optional(pool).await)?;
        Ok(seen.is_some())
    }

    /// Forgets proofs that are too old to count.
    pub(crate) async fn sweep_proofs(&self, seen_before: Millis) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM dpop_proofs WHERE seen_at < $1";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(seen_before.0).execute(pool).await?;
        });
        Ok(())
    }
}
