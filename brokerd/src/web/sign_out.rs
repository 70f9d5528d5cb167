//! `POST /sign-out`: the session ends everywhere, and the browser forgets it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::form::LeavingForm;
use super::page::see_other;
use crate::app::App;
use crate::cookie;
use crate::problem::Problem;

#[utoipa::path(
    post,
    path = "/sign-out",
    tag = "Pages",
    operation_id = "submit_sign_out",
    summary = "What the sign-out button sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 303, description = "Signed out"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    LeavingForm { leaving, origin, fields }: LeavingForm,
) -> Result<Response, Problem> {
    fields.nothing_left()?;
    let ended = match leaving {
        Ok(Some(leaving)) => app.sign_in.sign_out(&leaving, &origin).await.map_err(Problem::from),
        Ok(None) => Ok(()),
        Err(problem) => Err(problem),
    };
    // Whoever else sits at this browser next must not find the session, even where it could not be ended.
    let mut response = ended.map_or_else(IntoResponse::into_response, |()| see_other("/sign-in"));
    let ended = cookie::end_session(&app.settings.public_url, app.sign_in.takes_single_sign_on());
    cookie::attach(response.headers_mut(), ended);
    Ok(response)
}
