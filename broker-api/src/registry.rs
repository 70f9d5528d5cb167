//! Passwords for AWS's registries of packages: for docker (ECR), and for npm, pip, Maven and others (CodeArtifact).

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/connectors/{name}/ecr-credentials`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EcrRequest {
    /// Where the registry is; else the region of the connector's access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Why, in the caller's words, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a connector with an MFA device (`mfa_serial`): the six digits that it shows now. Good once.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub mfa_code: Option<SecretString>,
    /// Never with credentials that were vended before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

/// A password for docker. It lives for twelve hours, however short the credentials do that it was asked with, and cannot be recalled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EcrCredentials {
    /// `AWS`, always.
    pub username: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// The https address of `111111111111.dkr.ecr.eu-central-1.amazonaws.com`: what `docker login` is given.
    pub registry: String,
    pub region: String,
    pub expiration: Timestamp,
    pub connector: String,
    pub arn: Option<String>,
    pub account_id: Option<String>,
    /// The audit record's id.
    pub vend_id: String,
}

/// `POST /v1/connectors/{name}/codeartifact-credentials`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeartifactRequest {
    pub domain: String,
    /// Whose the domain is; else the account that the credentials act in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_owner: Option<String>,
    /// Where the domain is; else the region of the connector's access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// From 900 to 43200; else as long as the credentials live, and a quarter of an hour at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// Why, in the caller's words, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of a connector with an MFA device (`mfa_serial`): the six digits that it shows now. Good once.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "crate::secret::expose_some")]
    #[schema(value_type = Option<String>, format = Password)]
    pub mfa_code: Option<SecretString>,
    /// Never with credentials that were vended before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
}

/// A password for the repositories of one domain. It cannot be recalled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CodeartifactCredentials {
    /// `aws`, always.
    pub username: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub password: SecretString,
    /// The https address of `DOMAIN-OWNER.d.codeartifact.REGION.amazonaws.com`: `FORMAT/REPOSITORY/` goes behind it.
    pub endpoint: String,
    pub domain: String,
    pub domain_owner: String,
    pub region: String,
    pub expiration: Timestamp,
    pub connector: String,
    pub arn: Option<String>,
    pub account_id: Option<String>,
    /// The audit record's id.
    pub vend_id: String,
}
