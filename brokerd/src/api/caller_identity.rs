//! `GET /v1/connectors/{name}/caller-identity?reason=`: who AWS says the vended credentials act as.

use axum::Json;
use axum::extract::{Query, State, rejection::QueryRejection};
use broker_api::CallerIdentity;
use broker_core::sts;
use serde::Deserialize;

use super::Named;
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

pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    options: Result<Query<Options>, QueryRejection>,
) -> Result<Json<CallerIdentity>, Problem> {
    let Query(options) = options.map_err(|error| Problem::new(Code::InvalidRequest, error.body_text()))?;
    let reason = super::reason(options.reason.as_deref())?;
    let asking = asker.asking(&app)?;
    let identity = app.broker.caller_identity(&asking, &name, reason).await?.into_value();
    Ok(Json(shown(identity)))
}

pub(crate) fn shown(identity: sts::CallerIdentity) -> CallerIdentity {
    CallerIdentity { account: identity.account.into(), arn: identity.arn, user_id: identity.user_id }
}
