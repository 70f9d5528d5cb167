//! Connectors as those see them who may use them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/connectors`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connectors {
    pub connectors: Vec<Connector>,
}

/// `GET /v1/connectors/{name}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connector {
    /// Stays the same as long as the connector is there; one that is made again under its name has another.
    #[serde(default)]
    pub id: String,
    pub name: String,
    pub description: String,
    pub principal: PrincipalType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// `aws`, `aws-us-gov` or `aws-cn`.
    pub partition: String,
    pub scope: Scope,
    pub max_duration_seconds: u32,
    pub default_duration_seconds: u32,
    /// Whether a link to AWS's console can be had.
    pub console: bool,
    /// Whether whoever asks must give a `reason`.
    #[serde(default)]
    pub require_reason: bool,
    /// Whether whoever asks must have shown a second factor.
    #[serde(default)]
    pub require_second_factor: bool,
    /// The MFA device whose code whoever asks must give each time (`mfa_code`), where AWS wants one: its ARN, or the number on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_serial: Option<String>,
}

/// Which of AWS's three calls is behind a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalType {
    FederatedUser,
    AssumeRole,
    SessionToken,
}

/// Whom a connector is for: people, or service tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    User,
    System,
}
