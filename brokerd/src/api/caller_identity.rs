//! `GET /v1/connectors/{name}/caller-identity`: who AWS says the vended credentials act as.

use axum::Json;
use axum::extract::State;
use broker_api::CallerIdentity;
use broker_core::vend::Asking;

use super::Named;
use crate::app::App;
use crate::caller::Asker;
use crate::problem::Problem;

pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
) -> Result<Json<CallerIdentity>, Problem> {
    let asking = Asking { caller: &asker.caller, origin: &asker.origin, deadline: asker.deadline };
    let identity = app.broker.caller_identity(&asking, &name).await?.into_value();
    Ok(Json(CallerIdentity { account: identity.account.into(), arn: identity.arn, user_id: identity.user_id }))
}
