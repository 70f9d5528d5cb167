//! A caller as read from the store: by which row they are known, and how long that counts without asking anybody.

use std::ops::Range;

use jiff::Timestamp;

use crate::epoch::Epoch;
use crate::id::{ServiceTokenId, SessionId};

/// The row by which a caller is known, as it was read. Whether it is still there, and the same, a commit can see for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsRead {
    row: ReadRow,
    epoch: Epoch,
    counts: Range<Timestamp>,
}

/// What would be another row if anything of it had changed that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadRow {
    /// Whoever writes down other groups writes down another time.
    Session {
        id: SessionId,
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

    /// Whether it is still to be believed at that time, where the row is still the same. Not before it was read: then the clock
    /// went back, and the age is not known.
    pub(crate) fn counts_at(&self, now: Timestamp) -> bool {
        self.counts.contains(&now)
    }

    pub(crate) fn row(&self) -> ReadRow {
        self.row
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }
}
