//! Rows of devices that wait for somebody's yes. They give nobody anything: what is allowed becomes an authorization.

use super::access_keys::encode;
use super::heard::heard;
use super::{Change, Rows, Store, StoreError, on, proves};
use crate::authorization::DeviceRequest;
use crate::clock::Millis;
use crate::vault::{Mac, Purpose};

macro_rules! read {
    () => {
        "SELECT device_code, user_code, client, created_at, denied, polls, polled_at, mac FROM device_codes WHERE "
    };
}

impl Store {
    /// Lets a device wait, unless too many do that began after `since`, in all or in its network.
    pub(crate) async fn add_device_request(
        &self,
        request: &DeviceRequest,
        network: &str,
        since: Millis,
    ) -> Result<Queued, StoreError> {
        const THERE: &str = "SELECT count(*) FROM device_codes WHERE created_at > $1 AND address = $2";
        const SQL: &str =
            "INSERT INTO device_codes (device_code, user_code, client, address, created_at, denied, polls, polled_at, mac)
             SELECT $1, $2, $3, $4, $5, 0, 0, $5, $6
             WHERE (SELECT count(*) FROM device_codes WHERE created_at > $7) < 1000
               AND (SELECT count(*) FROM device_codes WHERE created_at > $7 AND address = $4) < $8";
        let (client, created_at) = (encode(&request.client)?, Millis::from(request.created_at).0);
        let mac = self.device_mac(&request.device, &request.user, &client, created_at);
        let added = on!(&self.pool, pool => {
            let query = sqlx::query(SQL).bind(request.device.as_slice()).bind(request.user.as_slice()).bind(client);
            let query = query.bind(network).bind(created_at).bind(mac.as_slice());
            query.bind(since.0).bind(MAX_THERE).execute(pool).await?.rows_affected()
        });
        if added == 1 {
            return Ok(Queued::Waits);
        }
        let there: i64 =
            heard!(&self.pool, pool => sqlx::query_scalar(THERE).bind(since.0).bind(network).fetch_one(pool).await)?;
        Ok(if there < MAX_THERE { Queued::TooMany } else { Queued::TooManyThere })
    }

    /// The device that waits under a code, by the code's keyed hash.
    pub(crate) async fn device_request_by_user_code(&self, user: &Mac) -> Result<Option<DeviceRequest>, StoreError> {
        const SQL: &str = concat!(read!(), "user_code = $1");
        self.find_device(SQL, user).await
    }

    /// The same by its own code.
    pub(crate) async fn device_request(&self, device: &Mac) -> Result<Option<DeviceRequest>, StoreError> {
        const SQL: &str = concat!(read!(), "device_code = $1");
        self.find_device(SQL, device).await
    }

    /// Notes that a device asked, unless it has done so once more since it was read. Says whether.
    pub(crate) async fn note_poll(&self, seen: &DeviceRequest, now: Millis) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE device_codes SET polls = polls + 1, polled_at = $2 WHERE device_code = $1 AND polls = $3";
        let noted = on!(&self.pool, pool => {
            let query = sqlx::query(SQL).bind(seen.device.as_slice()).bind(now.0).bind(seen.polls);
            query.execute(pool).await?.rows_affected()
        });
        Ok(noted == 1)
    }

    /// Takes a device out of those that wait, for somebody's yes; `Stale` where that was done already.
    pub(crate) fn take_device_request(request: &DeviceRequest) -> Change {
        const SQL: &str = "DELETE FROM device_codes WHERE device_code = $1 AND denied = 0";
        Change { sql: SQL, values: vec![request.device.as_slice().into()], rows: Rows::One, announces: false }
    }

    /// Somebody's no.
    pub(crate) fn deny_device_request(request: &DeviceRequest) -> Change {
        const SQL: &str = "UPDATE device_codes SET denied = 1 WHERE device_code = $1 AND denied = 0";
        Change { sql: SQL, values: vec![request.device.as_slice().into()], rows: Rows::One, announces: false }
    }

    /// Forgets devices that nobody waits for any more.
    pub(crate) async fn sweep_device_requests(&self, made_before: Millis) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM device_codes WHERE created_at < $1";
        on!(&self.pool, pool => {
            sqlx::query(SQL).bind(made_before.0).execute(pool).await?;
        });
        Ok(())
    }

    async fn find_device(&self, sql: &'static str, hash: &Mac) -> Result<Option<DeviceRequest>, StoreError> {
        let row: Option<Row> =
            heard!(&self.pool, pool => sqlx::query_as(sql).bind(hash.as_slice()).fetch_optional(pool).await)?;
        let Some((device, user, client, created_at, denied, polls, polled_at, mac)) = row else { return Ok(None) };
        if !proves("device_codes", &hex::encode(&device), &self.device_mac(&device, &user, &client, created_at), &mac) {
            return Ok(None);
        }
        let parsed = || -> Option<DeviceRequest> {
            Some(DeviceRequest {
                client: serde_json::from_str(&client).ok()?,
                created_at: Millis(created_at).into(),
                denied: denied != 0,
                device: device.as_slice().try_into().ok()?,
                user: user.as_slice().try_into().ok()?,
                polls,
                polled_at: Millis(polled_at).into(),
            })
        };
        Ok(parsed())
    }

    fn device_mac(&self, device: &[u8], user: &[u8], client: &str, created_at: i64) -> Mac {
        let parts: [&[u8]; 5] = [b"device_codes", device, user, client.as_bytes(), &created_at.to_be_bytes()];
        self.seals.mac(Purpose::Row, &parts)
    }
}

/// Whether a device may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Waits,
    /// As many as one network may have do already.
    TooManyThere,
    /// As many as there may be at all.
    TooMany,
}

const MAX_THERE: i64 = 50;

type Row = (Vec<u8>, Vec<u8>, String, i64, i64, i64, i64, Vec<u8>);
