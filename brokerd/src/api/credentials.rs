//! `POST /v1/connectors/{name}/credentials`: the main job, in three formats.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use broker_api::{CredentialProcess, Credentials, CredentialsRequest};
use broker_core::trail::Recorded;
use broker_core::vend::{RenderError, VendError, VendRequest, Vended};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::policy::{parse_policy, written};
use super::query::Params;
use super::{Named, secret};
use crate::app::App;
use crate::body::OptionalBody;
use crate::caller::Borrower;
use crate::problem::Problem;

/// How the credentials are wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    #[default]
    Json,
    /// What an AWS `credential_process` prints.
    Process,
    /// Shell exports.
    Env,
}

/// The credentials, by the format.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Answer {
    InFull(Credentials),
    ForProcess(CredentialProcess),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    #[serde(default)]
    format: Format,
}

#[utoipa::path(
    post,
    path = "/v1/connectors/{name}/credentials",
    tag = "Vending",
    operation_id = "vend_credentials",
    summary = "Temporary credentials",
    description = "The main job. Nothing is vended that is not recorded first. A policy in the request can only narrow what the connector gives.",
    params(
        ("name" = String, Path, description = "Of the connector"),
        ("format" = inline(Option<Format>), Query, description = "`json` where nothing is said; `process` is what an AWS `credential_process` prints; `env` is shell exports"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: not to wait longer than that many seconds for AWS"),
    ),
    request_body(content = Option<CredentialsRequest>, description = "An empty body is fine"),
    responses(
        (status = 200, description = "The credentials, in the wanted format", content((Answer = "application/json"), (String = "text/plain"))),
    ),
)]
pub(crate) async fn vend(
    State(app): State<App>,
    Named(name): Named,
    borrower: Borrower,
    Params(options): Params<Options>,
    OptionalBody(request): OptionalBody<CredentialsRequest>,
) -> Result<Response, Problem> {
    let asking = borrower.asking(&app)?;
    let written = request.policy.as_deref().and_then(written);
    let vended = app.broker.vend(&asking, &name, &asked(request)?).await;
    let vended = vended.map_err(|error| match (error, written) {
        (VendError::Request(RenderError::Policy(error)), Some(written)) => error.as_written(&written).into(),
        (error, _) => Problem::from(error),
    })?;
    Ok(secret(match options.format {
        Format::Json => Json(Answer::InFull(in_full(&vended))).into_response(),
        Format::Process => Json(Answer::ForProcess(for_process(&vended))).into_response(),
        Format::Env => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], exports(&vended)).into_response(),
    }))
}

fn asked(request: CredentialsRequest) -> Result<VendRequest, Problem> {
    let CredentialsRequest { duration_seconds, policy, reason, mfa_code, fresh } = request;
    Ok(VendRequest {
        duration_seconds,
        policy: policy.as_deref().map(parse_policy).transpose()?.flatten(),
        reason: super::reason(reason.as_deref())?,
        mfa_code: super::mfa_code(mfa_code.as_ref())?,
        fresh,
        account: None,
    })
}

fn in_full(vended: &Recorded<Vended>) -> Credentials {
    let value = vended.value();
    Credentials {
        access_key_id: value.credentials.access_key_id.clone(),
        secret_access_key: vended.secret_access_key().clone(),
        session_token: vended.session_token().clone(),
        expiration: value.credentials.expires_at,
        connector: value.connector.name.to_string(),
        arn: value.arn.clone(),
        account_id: value.account.clone().map(String::from),
        packed_policy_size: value.credentials.packed_policy_size,
        vend_id: vended.id().to_string(),
        reused: value.reused,
    }
}

fn for_process(vended: &Recorded<Vended>) -> CredentialProcess {
    let value = vended.value();
    CredentialProcess {
        version: 1,
        access_key_id: value.credentials.access_key_id.clone(),
        secret_access_key: vended.secret_access_key().clone(),
        session_token: vended.session_token().clone(),
        expiration: value.credentials.expires_at,
        account_id: value.account.clone().map(String::from),
    }
}

fn exports(vended: &Recorded<Vended>) -> String {
    let value = vended.value();
    let expiration = value.credentials.expires_at.to_string();
    let lines = [
        ("AWS_ACCESS_KEY_ID", value.credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", vended.secret_access_key().expose_secret()),
        ("AWS_SESSION_TOKEN", vended.session_token().expose_secret()),
        ("AWS_CREDENTIAL_EXPIRATION", &expiration),
    ];
    lines.map(|(name, value)| format!("export {name}={}\n", quoted(value))).concat()
}

/// For a POSIX shell: between single quotes nothing has a meaning but the quote itself.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_the_quotes() {
        assert_eq!(quoted("a'; rm -rf / #"), r"'a'\''; rm -rf / #'");
        assert_eq!(quoted("$(id)`id`\\"), "'$(id)`id`\\'");
    }
}
