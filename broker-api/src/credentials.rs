//! What is vended: credentials in our form and in `credential_process`'s, who they act as, and console links.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// `POST /v1/connectors/{name}/credentials`; an empty body is fine.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "duration_seconds": 1800, "reason": "ticket 4711" }))]
#[serde(deny_unknown_fields)]
pub struct CredentialsRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// A policy as a JSON object, or a string that holds one, to the letter: errors name its lines. Can only narrow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::policy, required = false)]
    pub policy: Option<Box<RawValue>>,
    /// Why, in the caller's words, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a connector with an MFA device (`mfa_serial`): the six digits that it shows now. Good once.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub mfa_code: Option<SecretString>,
    /// Never earlier credentials.
    #[serde(default)]
    pub fresh: bool,
}

/// Temporary credentials.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub session_token: SecretString,
    pub expiration: Timestamp,
    pub connector: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// How full AWS's packed policies and tags are, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed_policy_size: Option<u32>,
    /// The audit record's id.
    pub vend_id: String,
    /// Whether these were there already: vended to the same caller before, or fetched ahead for them.
    pub reused: bool,
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
/// What an AWS `credential_process` prints.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CredentialProcess {
    pub version: u8,
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub session_token: SecretString,
    pub expiration: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
/// What AWS's clients read from a container credentials endpoint.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerCredentials {
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub token: SecretString,
    pub expiration: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

/// `GET /v1/connectors/{name}/caller-identity`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

/// `POST /v1/connectors/{name}/console-url`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleUrlRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// For roles only; AWS takes it for nothing else, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_duration_seconds: Option<u32>,
    /// Why, in the caller's words, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a connector with an MFA device (`mfa_serial`): the six digits that it shows now. Good once.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub mfa_code: Option<SecretString>,
}

/// A link that opens AWS's console signed in: a bearer secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ConsoleUrl {
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub url: SecretString,
    /// When the link dies unused.
    pub expires_at: Timestamp,
}
