//! A program on another machine that waits for somebody's yes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::vault::Mac;

/// What waits for a person's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    pub client: DeviceClient,
    pub created_at: Timestamp,
    /// The person said no.
    pub denied: bool,
    pub(crate) device: Mac,
    pub(crate) user: Mac,
    /// How often it was asked what became of it, and when last.
    pub(crate) polls: i64,
    pub(crate) polled_at: Timestamp,
}

/// Who asks, by their own word and by where they asked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceClient {
    /// The client's id, hashed.
    pub hash: String,
    /// What it calls itself.
    pub name: String,
    pub address: String,
}
