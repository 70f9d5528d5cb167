//! All that the store knows of somebody whose password is right, and who is about to come in: one journey for the whole of it.

use super::heard::heard;
use super::{Store, StoreError};
use crate::caller::Subject;
use crate::clock::Millis;
use crate::epoch::Epoch;
use crate::id::SessionId;

/// Somebody on the doorstep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The present one, to which their session will belong.
    pub epoch: Epoch,
    /// Whether a password alone lets them in no more.
    pub is_enrolled: bool,
    /// Sessions of theirs that are not over, older than the newest that may stay; some of them, where there are very many.
    pub beyond: Vec<SessionId>,
}

/// The installation's row has no id, those of sessions have one and nothing else.
type Row = (Option<String>, i64, Option<Vec<u8>>, i64);

impl Store {
    /// What there is of somebody of whose sessions the newest `keep` may stay, beside the one that is about to begin.
    pub async fn newcomer(
        &self,
        subject: &Subject,
        keep: u32,
        now: Millis,
        idle_since: Millis,
    ) -> Result<Newcomer, StoreError> {
        // Ids begin with their time.
        const SQL: &str = "
            SELECT NULL, epoch, epoch_mac,
                   (SELECT count(*) FROM (SELECT 1 FROM second_factors WHERE subject = $1 LIMIT 1) AS found)
            FROM installation WHERE singleton = 1
            UNION ALL
            SELECT id, 0, NULL, 0 FROM
                (SELECT sessions.id FROM sessions, installation
                 WHERE singleton = 1 AND sessions.subject = $1 AND sessions.epoch = installation.epoch
                   AND expires_at > $2 AND last_seen_at > $3
                 ORDER BY sessions.id DESC LIMIT 100 OFFSET $4) AS beyond";
        let asked = self.ask_epoch();
        let rows: Vec<Row> = heard!(&self.pool, pool => {
            let query = sqlx::query_as(SQL).bind(subject.to_string()).bind(now.0).bind(idle_since.0);
            query.bind(i64::from(keep)).fetch_all(pool).await?
        });
        let (mut installation, mut beyond) = (None, Vec::new());
        for (id, epoch, mac, enrolled) in rows {
            match id {
                Some(id) => beyond.extend(id.parse::<SessionId>()),
                None => installation = Some((epoch, mac, enrolled)),
            }
        }
        let (number, mac, enrolled) = installation.ok_or(sqlx::Error::RowNotFound)?;
        Ok(Newcomer { epoch: self.proved_epoch(number, mac.as_deref(), asked)?, is_enrolled: enrolled > 0, beyond })
    }
}
