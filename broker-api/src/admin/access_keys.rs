//! `/v1/admin/access-keys`: the stored long-term keys. A secret goes in and never comes out.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ManagedBy;
use crate::PrincipalType;

/// `POST /v1/admin/access-keys`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccessKey {
    /// What connectors call it.
    pub name: String,
    /// Whose STS is asked, such as `eu-central-1`; the partition follows from it.
    pub region: String,
    /// AWS's id of the key, such as `AKIAIOSFODNN7EXAMPLE`.
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    /// All connectors, where nothing is said.
    #[serde(default)]
    pub serves: Serves,
}

/// `PUT /v1/admin/access-keys/{name}`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacedAccessKey {
    pub region: String,
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    /// Always to be said, so that no restriction goes because somebody forgot it; `{}` for none.
    pub serves: Serves,
}

/// Which connectors may use a key. Empty lists mean: no restriction of that sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Serves {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<PrincipalType>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub role_arns: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<String>,
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ListedAccessKey {
    Stored(Box<AccessKey>),
    Damaged(DamagedAccessKey),
}

/// A key, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessKey {
    pub name: String,
    pub managed_by: ManagedBy,
    /// None where it is who the host itself is in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    pub region: String,
    /// `aws`, `aws-us-gov` or `aws-cn`.
    pub partition: String,
    pub serves: Serves,
    pub state: AccessKeyState,
    /// Whose key it is, as AWS answered; absent until it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Whose key it has to be before it signs anything, where AWS has not said that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_arn: Option<String>,
    /// With `refused`: AWS's last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedAccessKey>,
    /// Counts every change.
    pub generation: i64,
    /// For `If-Match`, as the header `ETag` has it.
    pub etag: String,
    /// Who uses it.
    pub connectors: Vec<String>,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessKeyState {
    /// AWS said whose it is.
    Proved,
    /// AWS has not said yet; the daemon asks.
    Unproved,
    /// AWS refused the key as such.
    Refused,
    /// It took the place of another owner's key and signs nothing.
    OtherOwner,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAccessKey {
    pub at: Timestamp,
    /// AWS's own word, such as `InvalidClientTokenId`.
    pub code: String,
}

/// A row that is out of service, by its own words, which anybody may have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DamagedAccessKey {
    pub name: String,
    pub id: String,
    pub state: DamagedState,
    /// What is wrong with it, and what to do.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DamagedState {
    Damaged,
}
