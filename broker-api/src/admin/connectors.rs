//! `/v1/admin/connectors`: a connector as in `connectors.toml`, in JSON.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// What GET shows; POST and PUT take the same.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminConnector {
    /// Always there in an answer. PUT may leave it out: the path has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Always there in an answer. Nothing but `api` can be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<ManagedBy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub access_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<crate::Scope>,
    /// `DIRECTORY/GROUP`, or bare names where there is but one directory. Empty: administrators only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_reason: Option<bool>,
    /// Whether whoever asks must have shown a second factor. Not with scope `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_second_factor: Option<bool>,
    /// Whether passwords of AWS's registries can be had by it, which may outlive its credentials. They can where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_passwords: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::reuse, required = false)]
    pub reuse: Option<Reuse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<Console>,
    pub principal: Principal,
    /// In an answer: what is legal and perhaps not meant, a sentence each. What is sent here is not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// In an answer: for `If-Match`, as the header `ETag` has it. What is sent here is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// Who may change something: the connectors file, or the API and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManagedBy {
    File,
    Api,
}

/// `"off"`, or the share of their life that credentials must have left to be given again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    Off,
    #[serde(untagged)]
    Share(ReuseShare),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReuseShare {
    pub minimum_share: f64,
}

/// Where a console link leads when nobody says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Console {
    pub destination: String,
}

/// As whom the credentials act, with what is legal for that: `{"assume_role": {…}}`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    FederatedUser(FederatedUser),
    AssumeRole(AssumeRole),
    SessionToken(SessionToken),
}

/// GetFederationToken.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FederatedUser {
    /// A JSON object, or a string that holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::policy, required = false)]
    pub policy: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arns: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policies_grant_access: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Tag>>,
    /// AWS takes no such thing here; known so that it is refused with a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub mfa_serial: Option<String>,
}

/// AssumeRole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumeRole {
    pub role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The MFA device of the access key's owner whose code whoever asks must give: its ARN, or the number on it. Not with scope `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_serial: Option<String>,
    /// A JSON object, or a string that holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::policy, required = false)]
    pub policy: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arns: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Tag>>,
}

/// GetSessionToken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionToken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration_seconds: Option<u32>,
    /// The MFA device of the access key's owner whose code whoever asks must give: its ARN, or the number on it. Not with scope `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_serial: Option<String>,
}

/// A session tag: one of `value` and `from`. Only a role's can be `transitive`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitive: Option<bool>,
}

/// `POST /v1/admin/connectors/{name}/try`; an empty body is fine.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryRequest {
    /// Why, in the administrator's words, for the audit trail; a connector with `require_reason` wants it here as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a connector with an MFA device (`mfa_serial`): the six digits that it shows now. Good once.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub mfa_code: Option<SecretString>,
}

/// Whom a connector's credentials act as, by AWS's own word. The credentials themselves are given to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tried {
    pub caller_identity: crate::CallerIdentity,
}

impl Principal {
    /// The session policy, where this kind of principal has one.
    pub fn policy_mut(&mut self) -> Option<&mut Option<Box<RawValue>>> {
        match self {
            Self::FederatedUser(user) => Some(&mut user.policy),
            Self::AssumeRole(role) => Some(&mut role.policy),
            Self::SessionToken(_) => None,
        }
    }
}
