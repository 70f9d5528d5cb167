//! What `aws login` was allowed: one connector, and only for whoever holds the key by which the code was taken.

use serde::{Deserialize, Serialize};

use crate::id::ConnectorId;
use crate::name::ConnectorName;

/// The terms of one `aws login`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginTerms {
    /// Where the code was sent.
    pub redirect: String,
    /// The hash of what only the asker knows (RFC 7636).
    pub challenge: String,
    pub connector: LoginConnector,
    /// In the person's own words, for each record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of the key that the client showed with the code (RFC 9449); nobody else renews. None until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Thumbprint>,
}

/// The connector that the person picked. By id: one that is made again under an old name inherits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginConnector {
    pub id: ConnectorId,
    pub name: ConnectorName,
}

/// SHA-256 of a public key (RFC 7638), in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Thumbprint(pub(crate) String);
