//! `/v1/admin`: what administrators, operators and auditors do, each behind the permission that it wants.

mod connectors;
mod etag;
mod page;
mod path;
mod query;
mod sessions;

use axum::Router;
use axum::routing::{delete, get};

use crate::app::App;

/// All of it; `access` says which credentials each takes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/admin/connectors", get(connectors::list))
        .route("/v1/admin/connectors/{name}", get(connectors::show).delete(connectors::remove))
        .route("/v1/admin/sessions", get(sessions::list))
        .route("/v1/admin/sessions/{id}", delete(sessions::end))
}
