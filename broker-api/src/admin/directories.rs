//! `/v1/admin/directories/{name}/test`: what a directory has of somebody, and what that is good for.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminRole;

/// `POST /v1/admin/directories/{name}/test`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectoryTestRequest {
    /// As somebody would type it at the sign-in page.
    pub username: String,
    /// Tried where it is given, and counted as at a sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<SecretString>,
}

/// What the directory returned, and what the broker makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryTest {
    pub found: Found,
    /// Those that the broker reads, and no others. What is not text is in hexadecimal.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// The immutable id by which the broker knows the person; absent where the entry cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `DIRECTORY/GROUP`, sorted.
    pub groups: Vec<String>,
    /// What the groups let them do to the installation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AdminRole>,
    /// The connectors that they might use.
    pub grants: Vec<Grant>,
    /// Why they are not let in, whatever the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What came of the password, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordTest>,
}

/// How many entries answer to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    None,
    One,
    /// Nobody of them is let in: which is meant, nobody knows.
    Several,
}

/// A connector, and by which groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    pub connector: String,
    /// Empty where nothing but being an administrator permits it.
    pub groups: Vec<String>,
}

/// What came of a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordTest {
    pub outcome: PasswordOutcome,
    /// With `refused`: why, as the trail says it of a refused sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordOutcome {
    /// It lets them in.
    Accepted,
    /// It is right, and must be changed before it lets anybody in.
    Expired,
    /// It is wrong, the account is not in use, or it was not tried at all: `reason` says which.
    Refused,
}
