//! Rows of service tokens. Revoking deletes the row: nobody can make one like it without the installation's secret.

use std::sync::Arc;

use super::access_keys::encode;
use super::damaged::found;
use super::epochs::EpochWhenAsked;
use super::gathered::{Key, Query};
use super::heard::heard;
use super::{Change, Damage, DamagedRow, Found, Rows, Store, StoreError, Table, on, proves};
use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::id::ServiceTokenId;
use crate::session::ServiceToken;
use crate::vault::Mac;

impl Store {
    /// The service token with this keyed hash.
    pub async fn service_token(&self, token: &Mac) -> Result<Option<ServiceToken>, StoreError> {
        let asked = self.ask_epoch();
        self.in_present_epoch(self.reads.service_token_by_token.find(Key::Bytes(token.to_vec())).await?, asked)
    }

    /// A service token by its id, to see whether it still lives.
    pub async fn service_token_by_id(&self, id: ServiceTokenId) -> Result<Option<ServiceToken>, StoreError> {
        let asked = self.ask_epoch();
        self.in_present_epoch(self.reads.service_token_by_id.find(Key::Text(id.to_string())).await?, asked)
    }

    /// All of them, in the order of names.
    pub async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        Ok(self.all_service_tokens().await?.good)
    }

    /// The same, and the rows that are out of service.
    pub async fn all_service_tokens(&self) -> Result<Found<ServiceToken>, StoreError> {
        const SQL: &str = "SELECT id, name, token, terms, created_at, expires_at, last_used_at, mac, epoch
                           FROM service_tokens ORDER BY name";
        let present = self.epoch().await?;
        Ok(found!(&self.pool, Table::ServiceTokens, SQL, |row: Row| self.read_service_token(row, present)))
    }

    /// Adds a token under a name that is free.
    pub fn add_service_token(&self, token: &ServiceToken, hash: &Mac) -> Result<Change, StoreError> {
        const SQL: &str = "INSERT INTO service_tokens (id, name, token, terms, created_at, expires_at, mac, epoch)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (id, name, terms) = (token.id.to_string(), token.name.as_str(), encode(&token.terms)?);
        let times = [token.created_at, token.expires_at].map(|time| Millis::from(time).0);
        let mac = self.service_token_mac(&id, name, hash, &terms, times, token.epoch);
        let [created_at, expires_at] = times;
        let values = vec![
            id.into(),
            name.into(),
            hash.as_slice().into(),
            terms.into(),
            created_at.into(),
            expires_at.into(),
            mac.as_slice().into(),
            token.epoch.number().into(),
        ];
        Ok(Change { sql: SQL, values, rows: Rows::One, announces: false })
    }

    /// Takes a token into the present epoch: it counts again. None where there is no such token, or it does not prove to be ours.
    pub async fn confirm_service_token(
        &self,
        id: ServiceTokenId,
    ) -> Result<Option<(ServiceToken, Change)>, StoreError> {
        const READ: &str = "SELECT id, name, token, terms, created_at, expires_at, last_used_at, mac, epoch
                            FROM service_tokens WHERE id = $1";
        const WRITE: &str = "UPDATE service_tokens SET epoch = $2, mac = $3 WHERE id = $1 AND mac = $4";
        let present = self.epoch().await?;
        let row: Option<Row> =
            heard!(&self.pool, pool => sqlx::query_as(READ).bind(id.to_string()).fetch_optional(pool).await)?;
        let Some(row) = row else { return Ok(None) };
        let Ok(token) = self.read_service_token(row.clone(), present) else { return Ok(None) };
        let (id, name, hash, terms, created_at, expires_at, _, seen, _) = row;
        let mac = self.service_token_mac(&id, &name, &hash, &terms, [created_at, expires_at], present);
        let values = vec![id.into(), present.number().into(), mac.as_slice().into(), seen.as_slice().into()];
        let confirmed = ServiceToken { epoch: present, awaits_confirmation: false, ..token };
        Ok(Some((confirmed, Change { sql: WRITE, values, rows: Rows::One, announces: false })))
    }

    /// Takes a token's rights away, at once and for good.
    pub fn revoke_service_token(id: ServiceTokenId) -> Change {
        const SQL: &str = "DELETE FROM service_tokens WHERE id = $1";
        Change { sql: SQL, values: vec![id.to_string().into()], rows: Rows::One, announces: false }
    }

    /// Notes that a token was used; of two nodes the later one counts.
    pub async fn touch_service_token(&self, id: ServiceTokenId, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE service_tokens SET last_used_at = $2
                           WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(id.to_string()).bind(now.0).execute(pool).await?;
        });
        Ok(())
    }

    fn in_present_epoch(
        &self,
        row: Option<Arc<RowAndEpoch>>,
        asked: EpochWhenAsked,
    ) -> Result<Option<ServiceToken>, StoreError> {
        let Some(row) = row else { return Ok(None) };
        let (id, name, token, terms, created_at, expires_at, last_used_at, mac, epoch, present, epoch_mac) =
            Arc::unwrap_or_clone(row);
        let present = self.proved_epoch(present, epoch_mac.as_deref(), asked)?;
        let row = (id, name, token, terms, created_at, expires_at, last_used_at, mac, epoch);
        Ok(self.read_service_token(row, present).ok())
    }

    fn read_service_token(&self, row: Row, present: Epoch) -> Result<ServiceToken, DamagedRow> {
        let (id, name, token, terms, created_at, expires_at, last_used_at, mac, epoch) = row;
        let epoch = Epoch::from_number(epoch);
        let expected = self.service_token_mac(&id, &name, &token, &terms, [created_at, expires_at], epoch);
        if !proves("service_tokens", &id, &expected, &mac) {
            return Err(DamagedRow::new(Table::ServiceTokens, Damage::NotOurs, &id, &name));
        }
        let parsed = || -> Option<ServiceToken> {
            Some(ServiceToken {
                id: id.parse().ok()?,
                name: name.clone().try_into().ok()?,
                terms: serde_json::from_str(&terms).ok()?,
                created_at: Millis(created_at).into(),
                expires_at: Millis(expires_at).into(),
                last_used_at: last_used_at.map(|at| Millis(at).into()),
                epoch,
                awaits_confirmation: epoch != present,
            })
        };
        parsed().ok_or_else(|| {
            tracing::error!(table = "service_tokens", row = %id, "a row cannot be read by this release and is out of service");
            DamagedRow::new(Table::ServiceTokens, Damage::Unreadable, &id, &name)
        })
    }

    fn service_token_mac(&self, id: &str, name: &str, token: &[u8], terms: &str, times: [i64; 2], epoch: Epoch) -> Mac {
        let [created_at, expires_at] = times.map(i64::to_be_bytes);
        let parts: [&[u8]; 7] =
            [b"service_tokens", id.as_bytes(), name.as_bytes(), token, terms.as_bytes(), &created_at, &expires_at];
        self.row_mac(&parts, epoch)
    }
}

/// A service token and the present epoch.
macro_rules! read {
    ($column:literal) => {
        Query {
            sql: concat!(
                "SELECT service_tokens.id, name, token, terms, service_tokens.created_at, expires_at, last_used_at, mac,
                        service_tokens.epoch, installation.epoch, epoch_mac
                 FROM service_tokens, installation WHERE singleton = 1 AND service_tokens.",
                $column,
                " IN"
            ),
            column: $column,
        }
    };
}

pub(super) const BY_TOKEN: Query = read!("token");
pub(super) const BY_ID: Query = read!("id");

type Row = (String, String, Vec<u8>, String, i64, i64, Option<i64>, Vec<u8>, i64);
pub(super) type RowAndEpoch =
    (String, String, Vec<u8>, String, i64, i64, Option<i64>, Vec<u8>, i64, i64, Option<Vec<u8>>);
