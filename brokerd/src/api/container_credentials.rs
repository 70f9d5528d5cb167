//! `GET /v1/container-credentials/{name}`: what unmodified AWS clients fetch by themselves, with a token from their environment.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use broker_api::{ContainerCredentials, ContainerProblem};
use broker_core::vend::{VendError, VendRequest};
use serde::Deserialize;

use super::query::Params;
use super::{Named, secret};
use crate::app::App;
use crate::caller::Borrower;
use crate::problem::{Code, Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    #[serde(default)]
    duration_seconds: Option<u32>,
    /// Why, in the caller's words, for the audit trail.
    #[serde(default)]
    reason: Option<String>,
}

#[utoipa::path(
    get,
    path = "/v1/container-credentials/{name}",
    tag = "Vending",
    operation_id = "fetch_container_credentials",
    summary = "Temporary credentials for AWS's own clients",
    description = "The address for `AWS_CONTAINER_CREDENTIALS_FULL_URI`. The token comes from `AWS_CONTAINER_AUTHORIZATION_TOKEN` or the file \
        that `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` names, with `Bearer ` before it or without. A problem also says `message`, `Code` and `Message`.",
    params(
        ("name" = String, Path, description = "Of the connector"),
        ("duration_seconds" = Option<u32>, Query, description = "The connector says how long is possible"),
        ("reason" = Option<String>, Query, description = "Why, in the caller's words, for the audit trail"),
    ),
    responses(
        (status = 200, description = "The credentials; asked again, the same ones as long as they have enough life left", body = ContainerCredentials),
        (status = 404, description = "There is no such connector, or not for this caller", body = ContainerProblem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn fetch(
    State(app): State<App>,
    Named(name): Named,
    borrower: Borrower,
    Params(Options { duration_seconds, reason }): Params<Options>,
) -> Result<Response, Problem> {
    let ask = VendRequest { duration_seconds, reason: super::reason(reason.as_deref())?, ..VendRequest::default() };
    let asking = borrower.asking(&app)?;
    let vended = app.broker.vend_to_returning(&asking, &name, &ask).await.map_err(|error| match error {
        VendError::NoSuchConnector | VendError::NotEntitled(_) => not_for_you(&app),
        error => error.into(),
    })?;
    let value = vended.value();
    Ok(secret(Json(ContainerCredentials {
        access_key_id: value.credentials.access_key_id.clone(),
        secret_access_key: vended.secret_access_key().clone(),
        token: vended.session_token().clone(),
        expiration: value.credentials.expires_at,
        account_id: value.account.clone().map(String::from),
    })))
}

/// Says whom to ask, and not whether there is such a thing: people read this in the client's own error, and nothing else.
fn not_for_you(app: &App) -> Problem {
    let help = app.settings.aws_clients.help();
    Problem::new(Code::NotFound, format!("there is no such connector, or it is not granted to you. {help}"))
}
