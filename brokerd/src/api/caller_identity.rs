//! `GET /v1/connectors/{name}/caller-identity?reason=`: who AWS says the vended credentials act as.

use axum::Json;
use axum::extract::State;
use broker_api::CallerIdentity;
use broker_core::sts;
use broker_core::vend::{RenderError, VendError};
use serde::Deserialize;

use super::Named;
use super::query::Params;
use crate::app::App;
use crate::caller::Asker;
use crate::problem::{Code, Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Why, in the caller's words, for the audit trail.
    #[serde(default)]
    reason: Option<String>,
}

#[utoipa::path(
    get,
    path = "/v1/connectors/{name}/caller-identity",
    tag = "Vending",
    operation_id = "show_caller_identity",
    summary = "Whom the credentials act as, by AWS's own word",
    description = "",
    params(
        ("name" = String, Path, description = "Of the connector"),
        ("reason" = Option<String>, Query, description = "Why, in the caller's words, for the audit trail"),
    ),
    responses(
        (status = 200, description = "What GetCallerIdentity says of credentials that are vended for it", body = CallerIdentity),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    Params(options): Params<Options>,
) -> Result<Json<CallerIdentity>, Problem> {
    let reason = super::reason(options.reason.as_deref())?;
    let asking = asker.asking(&app)?;
    let identity = app.broker.caller_identity(&asking, &name, reason).await.map_err(without_code)?.into_value();
    Ok(Json(shown(identity)))
}

/// What is asked by GET has no place for a code: URLs are written down.
pub(crate) fn without_code(error: VendError) -> Problem {
    match error {
        VendError::Request(error @ RenderError::MfaCodeRequired(_)) => Problem::new(
            Code::MfaCodeRequired,
            format!(
                "{error}, and this route takes none: have credentials by `POST …/credentials` with `mfa_code`, and ask AWS whom they act as (GetCallerIdentity)"
            ),
        ),
        error => error.into(),
    }
}

pub(crate) fn shown(identity: sts::CallerIdentity) -> CallerIdentity {
    CallerIdentity { account: identity.account.into(), arn: identity.arn, user_id: identity.user_id }
}
