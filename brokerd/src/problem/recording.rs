//! A store that does not keep what it must, as clients meet it.

use broker_core::store::StoreError;
use broker_core::trail::TrailError;

use super::{Code, Problem, RETRY_AFTER};

impl From<TrailError> for Problem {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Unwritten(_) | TrailError::Closed => {
                Self::hidden(Code::AuditUnavailable, &error).retry(RETRY_AFTER)
            }
            TrailError::Change(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken | StoreError::Stale | StoreError::InUse | StoreError::Forged { .. } => {
                Self::hidden(Code::Internal, &error)
            }
            // The trail is in the same store: what cannot be read or written there cannot be recorded either.
            StoreError::Away(_) | StoreError::Database(_) => {
                Self::hidden(Code::AuditUnavailable, &error).retry(RETRY_AFTER)
            }
        }
    }
}
