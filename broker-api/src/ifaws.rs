//! What the REST paths of Identity Federation for AWS (IFAWS) 2.2 answer: its names, its types, its times.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A connector as IFAWS shows it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IfawsConnector {
    /// Stays the same as long as the connector is there.
    pub id: String,
    pub name: String,
    pub r#type: IfawsType,
    /// Of connectors for jobs alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<IfawsScope>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IfawsType {
    FederationToken,
    AssumeRole,
    SessionToken,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IfawsScope {
    System,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IfawsConnectors {
    pub values: Vec<IfawsConnector>,
    pub size: usize,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IfawsCredentials {
    pub access_key_id: String,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub secret_access_key: SecretString,
    #[serde(serialize_with = "crate::secret::expose")]
    #[schema(value_type = String, format = Password)]
    pub session_token: SecretString,
    /// In milliseconds since 1970.
    pub expiration: i64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IfawsCallerIdentity {
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

/// Where the console is opened: an address of ours, where the browser's own session counts; no secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct IfawsConsoleUrl {
    pub url: String,
}
