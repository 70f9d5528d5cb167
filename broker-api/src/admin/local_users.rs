//! Users and groups of local directories.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ManagedBy;
use crate::AdminRole;

/// A user of a local directory. PUT takes what GET gives; of that `display_name`, `email`, `groups`, `disabled` and `break_glass` count, and
/// what is left out is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "ada", "display_name": "Ada Lovelace", "groups": ["local/release"], "disabled": false, "break_glass": false }))]
#[serde(deny_unknown_fields)]
pub struct LocalUser {
    /// Stays; a name that is given again is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `DIRECTORY/GROUP`; the directory's name may be left out.
    pub groups: Vec<String>,
    /// Cannot sign in, and has no session.
    pub disabled: bool,
    /// For the day when other directories are down.
    pub break_glass: bool,
    /// What the groups make of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AdminRole>,
    /// What the configuration owns is changed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// Out of service, because the configuration has somebody of this name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadowed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed_at: Option<Timestamp>,
    /// For `If-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// `POST /v1/admin/users`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "ada", "password": "correct horse battery", "groups": ["release"] }))]
#[serde(deny_unknown_fields)]
pub struct NewLocalUser {
    pub name: String,
    /// The only local directory, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// 12 characters at least.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub disabled: bool,
    #[serde(default)]
    pub break_glass: bool,
}

/// `PUT /v1/admin/users/{name}/password`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "password": "correct horse battery" }))]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 12 characters at least.
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
}

/// A group of a local directory. PUT takes what GET gives; of that `members` counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "release", "members": ["ada"] }))]
#[serde(deny_unknown_fields)]
pub struct LocalGroup {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// By name; users that the API manages.
    pub members: Vec<String>,
    /// By name; those whom the configuration puts into it.
    #[serde(default)]
    pub file_members: Vec<String>,
    /// What the group makes of its members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AdminRole>,
    /// A group that only the configuration names is changed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    /// For `If-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// `POST /v1/admin/groups`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "release", "members": ["ada"] }))]
#[serde(deny_unknown_fields)]
pub struct NewLocalGroup {
    pub name: String,
    /// The only local directory, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    #[serde(default)]
    pub members: Vec<String>,
}
