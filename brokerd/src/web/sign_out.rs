//! `POST /sign-out`: the session ends everywhere, and the browser forgets it.

use axum::extract::State;
use axum::response::Response;

use super::cookie;
use super::form::SessionForm;
use super::page::see_other;
use crate::app::App;
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
    SessionForm { visitor, fields }: SessionForm,
) -> Result<Response, Problem> {
    fields.nothing_left()?;
    if let Some(visitor) = visitor {
        app.sign_in.sign_out(&visitor.person, &visitor.origin).await?;
    }
    let mut response = see_other("/sign-in");
    cookie::attach(response.headers_mut(), cookie::end_session(&app.settings.public_url));
    Ok(response)
}
