//! `POST /client/register`: a client says what it is called and where its codes may go.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use broker_core::oauth::RegistrationError;
use broker_core::sign_in::SignInError;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{AwsError, TOLD, Told};
use crate::api::secret;
use crate::app::App;
use crate::body::Body;
use crate::problem::Problem;
use crate::request::Meta;

/// What a client says of itself. What else newer clients say is left aside.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientRegistration {
    client_name: String,
    client_type: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredClient {
    client_id: String,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    client_secret: SecretString,
    /// Seconds since 1970.
    client_id_issued_at: i64,
    client_secret_expires_at: i64,
    authorization_endpoint: String,
    token_endpoint: String,
}

#[utoipa::path(
    post,
    path = "/client/register",
    tag = "AWS's own clients",
    operation_id = "register_client",
    summary = "Register a client (SSO OIDC RegisterClient)",
    description = "Anybody may. Nothing is remembered: id and secret prove themselves for 90 days. Redirects lead to `127.0.0.1` or `[::1]`, by http, to any port.",
    request_body(content = ClientRegistration),
    responses(
        (status = 200, description = "Its id and secret", body = RegisteredClient),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn register(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    Body(asked): Body<ClientRegistration>,
) -> Result<Response, AwsError> {
    if asked.client_type != "public" {
        return Err(AwsError::invalid_metadata("only clients of type `public` are registered"));
    }
    scopes_are_known(asked.scopes.iter().map(String::as_str))?;
    let made = app.clients.register(&asked.client_name, &asked.redirect_uris, &meta.origin);
    let made = made.map_err(|error| match error {
        RegistrationError::Redirect(_) => AwsError::invalid_redirect(error.to_string()),
        RegistrationError::Seal(error) => Problem::from(SignInError::from(error)).into(),
        RegistrationError::Name | RegistrationError::TooManyRedirects => AwsError::invalid_metadata(error.to_string()),
    })?;
    let origin = app.settings.public_url.origin();
    Ok(secret(Json(RegisteredClient {
        client_id: made.client_id,
        client_secret: made.client_secret,
        client_id_issued_at: made.issued_at.as_second(),
        client_secret_expires_at: made.expires_at.as_second(),
        authorization_endpoint: format!("{origin}/authorize"),
        token_endpoint: format!("{origin}/token"),
    })))
}

/// There is one thing to ask for: what the person may use.
pub(crate) fn scopes_are_known<'s>(scopes: impl Iterator<Item = &'s str>) -> Result<(), AwsError> {
    let mut unknown = scopes.filter(|scope| *scope != SCOPE);
    unknown.next().map_or(Ok(()), |_| Err(AwsError::invalid_scope(format!("the only scope here is {SCOPE}"))))
}

pub(crate) const SCOPE: &str = "sso:account:access";
