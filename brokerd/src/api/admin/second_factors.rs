//! `/v1/admin/second-factors`: whoever has lost all that they had enrolled begins anew.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use broker_core::administration::ResetError;
use broker_core::caller::Subject;
use broker_core::permission::Administrator;

use crate::api::query::{NoParams, Params};
use crate::app::App;
use crate::caller::Permitted;
use crate::problem::Problem;

/// `DELETE /v1/admin/second-factors/{directory}/{id}`
#[utoipa::path(
    delete,
    path = "/v1/admin/second-factors/{directory}/{id}",
    tag = "Administration",
    operation_id = "reset_second_factors",
    summary = "Take away all that somebody else has enrolled",
    description = "Role administrator; a sign-in less than 15 minutes old. Never one's own. Their sessions end, and their password lets them in until they enrol anew.",
    params(
        ("directory" = String, Path, description = "Whose person it is"),
        ("id" = String, Path, description = "The id that the directory knows them by, as the directory's test and the trail (`actor_id`) have it"),
    ),
    responses(
        (status = 204, description = "Gone, recovery codes among it"),
    ),
)]
pub(crate) async fn reset(
    State(app): State<App>,
    Path((directory, id)): Path<(String, String)>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let directory = directory.try_into().map_err(|_| ResetError::NothingEnrolled)?;
    app.administration.reset_second_factors(&Subject { directory, id }, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}
