//! `POST /device_authorization`: codes for a program on another machine than the one with the browser.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use broker_core::oauth::{DEVICE_SECONDS, Tokens};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{AwsError, TOLD, Told};
use crate::api::secret;
use crate::app::App;
use crate::body::SecretBody;
use crate::request::Meta;

/// Which client asks. What else it sends, the start URL for one, is left aside.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceAuthorizationWanted {
    client_id: String,
    #[schema(value_type = String)]
    client_secret: SecretString,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceAuthorization {
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    device_code: SecretString,
    /// To be compared by the person.
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Seconds.
    expires_in: i64,
    /// Seconds between two questions.
    interval: i64,
}

#[utoipa::path(
    post,
    path = "/device_authorization",
    tag = "AWS's own clients",
    operation_id = "begin_device",
    summary = "Codes for a program on another machine (SSO OIDC StartDeviceAuthorization)",
    description = "Where the configuration has `aws_clients.device_groups`, and a person of one of them says yes on the page that compares the code.",
    request_body(content = DeviceAuthorizationWanted),
    responses(
        (status = 200, description = "The codes; `POST /token` says what became of them", body = DeviceAuthorization),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn begin(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    SecretBody(wanted): SecretBody<DeviceAuthorizationWanted>,
) -> Result<Response, AwsError> {
    let client = app.clients.prove(&wanted.client_id, &wanted.client_secret, &meta.origin)?;
    let codes = app.clients.begin_device(&client, &meta.origin).await?;
    let (page, user_code) = (format!("{}/device", app.settings.public_url.origin()), codes.user_code.to_string());
    Ok(secret(Json(DeviceAuthorization {
        device_code: codes.device_code,
        verification_uri_complete: format!("{page}?user_code={user_code}"),
        verification_uri: page,
        user_code,
        expires_in: DEVICE_SECONDS,
        interval: Tokens::INTERVAL_SECONDS,
    })))
}
