//! `POST /logout`: the client's tokens are over. The person stays signed in where they sit.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use broker_core::oauth::GrantError;

use super::error::{AwsError, TOLD, Told};
use crate::app::App;
use crate::caller::portal_token;
use crate::problem::Problem;
use crate::request::Meta;

#[utoipa::path(
    post,
    path = "/logout",
    tag = "AWS's own clients",
    operation_id = "end_client",
    summary = "End the client's tokens (SSO Logout)",
    description = "The directory is not asked: whoever cannot be looked up at this moment can leave all the same.",
    responses(
        (status = 200, description = "All that came of this sign-in of the client is over, on every node"),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn end(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    headers: HeaderMap,
) -> Result<StatusCode, AwsError> {
    let token = portal_token(&headers)?;
    match app.clients.leave(&token, &meta.origin).await {
        Ok(()) => Ok(StatusCode::OK),
        Err(GrantError::InvalidGrant(_)) => Err(Problem::unauthenticated().into()),
        Err(error) => Err(error.into()),
    }
}
