//! A caller as read from the store: by which row they are known, and how long that counts without asking anybody.

use std::ops::Range;

use jiff::Timestamp;

use crate::epoch::Epoch;
use crate::id::{AuthorizationId, ServiceTokenId, SessionId};

/// The row by which a caller is known, as it was read. Whether it is still there, and the same, a commit can see for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsRead {
    row: ReadRow,
    epoch: Epoch,
    counts: Range<Timestamp>,
}

/// What would be another row if anything of it had changed that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReadRow {
    /// Whoever writes down other groups writes down another time.
    Session {
        id: SessionId,
        checked_at: Timestamp,
    },
    /// And the session that it came of, by the same time.
    Authorization {
        id: AuthorizationId,
        checked_at: Timestamp,
    },
    ServiceToken {
        id: ServiceTokenId,
    },
}

impl AsRead {
    /// `counts`: from when the directory was asked until it must be asked again, or the session is over.
    pub fn of_session(id: SessionId, checked_at: Timestamp, epoch: Epoch, counts: Range<Timestamp>) -> Self {
        Self { row: ReadRow::Session { id, checked_at }, epoch, counts }
    }

    pub fn of_service_token(id: ServiceTokenId, epoch: Epoch, expires_at: Timestamp) -> Self {
        Self { row: ReadRow::ServiceToken { id }, epoch, counts: Timestamp::MIN..expires_at }
    }

    /// The same for a client whom the person allowed, until its own end.
    #[must_use]
    pub(crate) fn by_authorization(self, id: AuthorizationId, ends: Timestamp) -> Self {
        let row = match self.row {
            ReadRow::Session { checked_at, .. } | ReadRow::Authorization { checked_at, .. } => {
                ReadRow::Authorization { id, checked_at }
            }
            service @ ReadRow::ServiceToken { .. } => service,
        };
        Self { row, counts: self.counts.start..self.counts.end.min(ends), ..self }
    }

    /// Whether it is still to be believed at that time, where the row is still the same. Not before it was read: then the clock
    /// went back, and the age is not known.
    pub(crate) fn counts_at(&self, now: Timestamp) -> bool {
        self.counts.contains(&now)
    }

    /// Whether somebody who was read twice is by nothing that decides another than before.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        (self.row, self.epoch) == (other.row, other.epoch)
    }

    pub(crate) fn row(&self) -> ReadRow {
        self.row
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }
}
