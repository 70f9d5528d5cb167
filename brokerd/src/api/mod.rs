//! The REST API: one file an endpoint, from the wire's types to the core's and back.

mod account;
pub(crate) mod admin;
pub(crate) mod caller_identity;
pub(crate) mod connectors;
pub(crate) mod console_url;
pub(crate) mod container_credentials;
pub(crate) mod credentials;
mod ifaws;
mod policy;
pub(crate) mod query;
pub(crate) mod registry_credentials;
pub(crate) mod session;

use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::http::{HeaderValue, header, request::Parts};
use axum::response::{IntoResponse, Response};
use broker_core::mfa::MfaCode;
use broker_core::name::ConnectorName;
use broker_core::reason::Reason;
use secrecy::{ExposeSecret, SecretString};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::{Problem, no_such_connector};

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(session::sign_in))
        .routes(routes!(session::show, session::sign_out))
        .routes(routes!(session::step_up))
        .merge(account::described())
        .routes(routes!(session::change_password))
        .routes(routes!(connectors::list))
        .routes(routes!(connectors::show))
        .routes(routes!(credentials::vend))
        .routes(routes!(caller_identity::show))
        .routes(routes!(console_url::make))
        .routes(routes!(registry_credentials::ecr))
        .routes(routes!(registry_credentials::codeartifact))
        .routes(routes!(container_credentials::fetch))
        .merge(ifaws::described())
        .merge(admin::described())
}

/// The connector that a path names. What cannot be a name is not there.
#[derive(Debug)]
pub(crate) struct Named(pub(crate) ConnectorName);

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| no_such_connector())?;
        name.try_into().map(Self).map_err(|_| no_such_connector())
    }
}

/// Why, as the caller says it.
pub(crate) fn reason(given: Option<&str>) -> Result<Option<Reason>, Problem> {
    Ok(Reason::parse(given.unwrap_or_default())?)
}

/// What an MFA device shows, as somebody typed it. An empty text is none.
pub(crate) fn mfa_code(given: Option<&SecretString>) -> Result<Option<MfaCode>, Problem> {
    let given = given.filter(|text| !text.expose_secret().is_empty());
    Ok(given.map(MfaCode::parse).transpose()?)
}

/// An answer that carries a secret: no cache may keep it.
pub(crate) fn secret(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
