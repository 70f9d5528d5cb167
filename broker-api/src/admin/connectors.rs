//! `/v1/admin/connectors`

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A connector as in `connectors.toml`, in JSON, and who may change it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdminConnector {
    pub name: String,
    pub managed_by: ManagedBy,
    /// The other fields, as docs/administrator.md describes them.
    #[serde(flatten)]
    pub spec: Map<String, Value>,
}

/// Who may change something: the connectors file, or the API and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManagedBy {
    File,
    Api,
}
