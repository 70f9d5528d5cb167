//! Signing in and out: `/v1/sessions` and `/v1/session`.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/sessions`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "username": "ada", "password": "correct horse battery staple" }))]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    pub username: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// Restricts the search to one directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

/// The answer to a sign-in. The token is shown here and nowhere else.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub token: SecretString,
    pub expires_at: Timestamp,
    pub identity: Identity,
}

/// `GET /v1/session`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub identity: Identity,
    pub expires_at: Timestamp,
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    pub kind: IdentityKind,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// `DIRECTORY/GROUP`, sorted.
    pub groups: Vec<String>,
    /// Whether the role is the administrator's.
    pub admin: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AdminRole>,
}

/// What somebody may do to the installation itself; each may what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdminRole {
    Auditor,
    Operator,
    Administrator,
}

/// People sign in; workloads have a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    Person,
    Workload,
}
