//! `/v1/admin`: what administrators, operators and auditors do, each behind the permission that it wants.

mod access_keys;
mod audit;
mod connectors;
mod directories;
mod etag;
mod groups;
pub(super) mod page;
mod path;
mod second_factors;
mod service_tokens;
mod sessions;
mod users;

pub(super) use path::ById;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes, and what the document says of them; `access` says which credentials each takes.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(access_keys::list, access_keys::add))
        .routes(routes!(access_keys::show, access_keys::replace, access_keys::remove))
        .routes(routes!(audit::list))
        .routes(routes!(connectors::list, connectors::add))
        .routes(routes!(connectors::show, connectors::replace, connectors::remove))
        .routes(routes!(connectors::try_out))
        .routes(routes!(directories::test))
        .routes(routes!(groups::list, groups::add))
        .routes(routes!(groups::show, groups::replace, groups::remove))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::show, users::replace, users::remove))
        .routes(routes!(users::set_password))
        .routes(routes!(service_tokens::list, service_tokens::create))
        .routes(routes!(service_tokens::revoke))
        .routes(routes!(service_tokens::confirm))
        .routes(routes!(second_factors::reset))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end))
}
