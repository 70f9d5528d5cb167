//! Lists that come page by page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One page. Where there is more, `next` is what `?after=` takes to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
