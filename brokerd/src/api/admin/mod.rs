//! `/v1/admin`: what administrators, operators and auditors do, each behind the permission that it wants.

mod access_keys;
mod audit;
mod connectors;
mod directories;
mod etag;
mod page;
mod path;
mod query;
mod service_tokens;
mod sessions;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;

/// All of it; `access` says which credentials each takes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/admin/access-keys", get(access_keys::list).post(access_keys::add))
        .route(
            "/v1/admin/access-keys/{name}",
            get(access_keys::show).put(access_keys::replace).delete(access_keys::remove),
        )
        .route("/v1/admin/audit", get(audit::list))
        .route("/v1/admin/connectors", get(connectors::list).post(connectors::add))
        .route("/v1/admin/connectors/{name}", get(connectors::show).put(connectors::replace).delete(connectors::remove))
        .route("/v1/admin/connectors/{name}/try", post(connectors::try_out))
        .route("/v1/admin/directories/{name}/test", post(directories::test))
        .route("/v1/admin/service-tokens", get(service_tokens::list).post(service_tokens::create))
        .route("/v1/admin/service-tokens/{id}", delete(service_tokens::revoke))
        .route("/v1/admin/service-tokens/{id}/confirm", post(service_tokens::confirm))
        .route("/v1/admin/sessions", get(sessions::list))
        .route("/v1/admin/sessions/{id}", delete(sessions::end))
}
