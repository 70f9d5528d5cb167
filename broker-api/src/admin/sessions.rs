//! `/v1/admin/sessions`

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Identity;

/// Somebody who is signed in. Nothing here lets anybody act as them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedInSession {
    pub id: String,
    /// For `If-Match`.
    pub etag: String,
    /// As the directory described them at `checked_at`.
    pub identity: Identity,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// At most a minute old while the session is used.
    pub last_seen_at: Timestamp,
    pub checked_at: Timestamp,
}

/// How many of one person's sessions have been ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedSessions {
    pub ended: u32,
}
