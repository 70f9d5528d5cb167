//! `/v1/admin/service-tokens`

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/admin/service-tokens`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServiceToken {
    pub name: String,
    /// Names of connectors with `scope` `system`, one at least.
    pub connectors: Vec<String>,
    /// After 90 days, where nothing is said; 365 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// From where it may be used, such as `203.0.113.0/24`; empty means anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
}

/// A token for a job, but not the token itself: that is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceToken {
    pub id: String,
    /// For `If-Match`, as the header `ETag` has it.
    pub etag: String,
    pub name: String,
    /// By name; those that are gone are left out, and the token is good for none of the same name.
    pub connectors: Vec<String>,
    pub networks: Vec<String>,
    pub created_at: Timestamp,
    /// As the trail names actors.
    pub created_by: String,
    /// Their directory's own id, which stays when names change; nothing where it was made on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_id: Option<String>,
    pub expires_at: Timestamp,
    pub expired: bool,
    /// Since a backup was restored: good for nothing until somebody confirms it.
    pub awaits_confirmation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// The answer to POST: the one that has the token.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedServiceToken {
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub token: SecretString,
    #[serde(flatten)]
    pub service_token: ServiceToken,
}
