//! `POST /token`: tokens for a code, and new ones for a refresh token.

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use broker_core::oauth::{Stranger, Tokens};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{AwsError, TOLD, Told};
use crate::api::secret;
use crate::app::App;
use crate::body::SecretBody;
use crate::request::Meta;

/// What a client shows. What else newer clients send is left aside.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokensWanted {
    client_id: String,
    #[schema(value_type = String)]
    client_secret: SecretString,
    grant_type: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    device_code: Option<SecretString>,
    #[serde(default)]
    redirect_uri: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code_verifier: Option<SecretString>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokensGiven {
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    access_token: SecretString,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

#[utoipa::path(
    post,
    path = "/token",
    tag = "AWS's own clients",
    operation_id = "give_tokens",
    summary = "Tokens for a code or a refresh token (SSO OIDC CreateToken)",
    description = "`grantType` is `authorization_code`, `refresh_token` or `urn:ietf:params:oauth:grant-type:device_code`, which is asked again and again until the person has decided. A code or a refresh token that comes back ends all that came of it.",
    request_body(content = TokensWanted),
    responses(
        (status = 200, description = "The tokens; each refresh gives a new refresh token", body = TokensGiven),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn give(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    SecretBody(wanted): SecretBody<TokensWanted>,
) -> Result<Response, AwsError> {
    let origin = &meta.origin;
    let client = app.clients.prove(&wanted.client_id, &wanted.client_secret, origin)?;
    let given = match wanted.grant_type.as_str() {
        "authorization_code" => {
            if !client.has_redirects() {
                app.clients.note_stranger(Stranger::HasNoRedirects, origin);
                return Err(AwsError::unauthorized_client(
                    "this client has registered no redirect, so it gets no codes",
                ));
            }
            let code = given(wanted.code, "code")?;
            let (redirect, verifier) =
                (given(wanted.redirect_uri, "redirectUri")?, given(wanted.code_verifier, "codeVerifier")?);
            app.clients.redeem(&client, &code, &redirect, &verifier, origin).await?
        }
        "urn:ietf:params:oauth:grant-type:device_code" => {
            let code = given(wanted.device_code, "deviceCode")?;
            app.clients.redeem_device(&client, &code, origin).await?
        }
        "refresh_token" => {
            let token = given(wanted.refresh_token, "refreshToken")?;
            app.clients.refresh(&client, &token, origin).await?
        }
        _ => {
            app.clients.note_stranger(Stranger::UnknownGrant, origin);
            return Err(AwsError::unsupported_grant(
                "grantType is authorization_code, refresh_token or urn:ietf:params:oauth:grant-type:device_code",
            ));
        }
    };
    let Tokens { access_token, refresh_token, expires_in_seconds } = given.into_value();
    Ok(secret(Json(TokensGiven { access_token, token_type: "Bearer", expires_in: expires_in_seconds, refresh_token })))
}

fn given<T>(field: Option<T>, name: &str) -> Result<T, AwsError> {
    field.ok_or_else(|| AwsError::invalid_request(format!("the field `{name}` is missing")))
}
