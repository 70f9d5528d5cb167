//! The present epoch, proved by a keyed hash: nobody with only the database can set it to one of their own.

use std::sync::atomic::{AtomicI64, Ordering};

use super::heard::heard;
use super::{Change, Rows, Store, StoreError, proves};
use crate::epoch::Epoch;
use crate::vault::{Mac, Purpose};

/// The epoch as the store has it, true or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredEpoch {
    number: i64,
    proved: Option<Epoch>,
    /// The last that this process knows of.
    last: Epoch,
}

/// The last epoch that this process knows to have begun. One that was ended proves as well as ever, and must not come back.
#[derive(Debug)]
pub(super) struct LastEpoch(AtomicI64);

/// The last epoch that was known when a question was asked: no honest answer is of an earlier one, whatever began meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpochWhenAsked(Epoch);

impl Store {
    /// The present epoch.
    pub async fn epoch(&self) -> Result<Epoch, StoreError> {
        let asked = self.ask_epoch();
        let (number, mac) = self.read_epoch().await?;
        self.proved_epoch(number, mac.as_deref(), asked)
    }

    /// The present epoch for whoever means to end it, which must be possible even where somebody has forged it.
    pub async fn epoch_as_stored(&self) -> Result<StoredEpoch, StoreError> {
        let asked = self.ask_epoch();
        let (number, mac) = self.read_epoch().await?;
        let proved = self.proved_epoch(number, mac.as_deref(), asked).ok();
        Ok(StoredEpoch { number, proved, last: self.last_epoch.get() })
    }

    /// Tells this process, and no other, of an epoch that has begun by the word of something that is proved: earlier ones are over.
    pub fn know_epoch(&self, epoch: Epoch) {
        self.last_epoch.raise(epoch);
    }

    /// The last that this process knows of.
    pub(crate) fn known_epoch(&self) -> Epoch {
        self.last_epoch.get()
    }

    /// Begins an epoch, unless somebody else just did: all sessions end, familiar networks are forgotten, service tokens wait.
    pub(crate) fn begin_epoch(&self, seen: StoredEpoch, next: Epoch) -> Vec<Change> {
        const NEXT: &str = "UPDATE installation SET epoch = $2, epoch_mac = $3 WHERE singleton = 1 AND epoch = $1";
        // They count no more in any case. Deleted, they do not count on nodes of an older release either.
        const SESSIONS: &str = "DELETE FROM sessions";
        const NETWORKS: &str = "DELETE FROM familiar_networks";
        let mac = self.epoch_mac(next);
        let values = vec![seen.number.into(), next.number().into(), mac.as_slice().into()];
        let delete = |sql| Change { sql, values: Vec::new(), rows: Rows::Any, announces: false };
        vec![Change { sql: NEXT, values, rows: Rows::One, announces: true }, delete(SESSIONS), delete(NETWORKS)]
    }

    /// To be called before the store is asked.
    pub(super) fn ask_epoch(&self) -> EpochWhenAsked {
        EpochWhenAsked(self.last_epoch.get())
    }

    pub(super) fn proved_epoch(
        &self,
        number: i64,
        mac: Option<&[u8]>,
        asked: EpochWhenAsked,
    ) -> Result<Epoch, StoreError> {
        let epoch = Epoch::from_number(number);
        let is_proved = match mac {
            // As the store was made.
            None => epoch == Epoch::FIRST || proves(TABLE, EPOCH, &self.epoch_mac(epoch), &[]),
            Some(mac) => proves(TABLE, EPOCH, &self.epoch_mac(epoch), mac),
        };
        let is_over = epoch < asked.0;
        if is_over {
            let last = asked.0.number();
            tracing::error!(
                table = TABLE,
                epoch = number,
                last,
                alarm = "forged_row",
                "the store says an epoch that is over: it was put back, or somebody set it"
            );
        }
        if !is_proved || is_over {
            return Err(StoreError::Forged { table: TABLE, id: EPOCH.to_owned() });
        }
        self.last_epoch.raise(epoch);
        Ok(epoch)
    }

    /// The keyed hash of a row that belongs to an epoch. Those of the first are hashed as they were before there were others.
    pub(super) fn row_mac(&self, parts: &[&[u8]], epoch: Epoch) -> Mac {
        if epoch == Epoch::FIRST {
            return self.seals.mac(Purpose::Row, parts);
        }
        self.seals.mac(Purpose::Row, &[parts, &[EPOCH.as_bytes(), &epoch.number().to_be_bytes()]].concat())
    }

    fn epoch_mac(&self, epoch: Epoch) -> Mac {
        self.seals.mac(Purpose::Row, &[TABLE.as_bytes(), EPOCH.as_bytes(), &epoch.number().to_be_bytes()])
    }

    async fn read_epoch(&self) -> Result<(i64, Option<Vec<u8>>), StoreError> {
        const SQL: &str = "SELECT epoch, epoch_mac FROM installation WHERE singleton = 1";
        Ok(heard!(&self.pool, pool => sqlx::query_as(SQL).fetch_one(pool).await)?)
    }
}

impl LastEpoch {
    fn get(&self) -> Epoch {
        Epoch::from_number(self.0.load(Ordering::SeqCst))
    }

    fn raise(&self, epoch: Epoch) {
        self.0.fetch_max(epoch.number(), Ordering::SeqCst);
    }
}

impl Default for LastEpoch {
    fn default() -> Self {
        Self(AtomicI64::new(Epoch::FIRST.number()))
    }
}

impl StoredEpoch {
    /// The one that begins now, after this one and after another that is known of.
    pub(crate) fn next(self, known: Option<Epoch>, now: jiff::Timestamp) -> Epoch {
        known.map_or(self.last, |known| known.max(self.last)).next(now)
    }

    /// Nothing where it does not prove to be ours.
    pub fn proved(self) -> Option<Epoch> {
        self.proved
    }
}

const TABLE: &str = "installation";
const EPOCH: &str = "epoch";
