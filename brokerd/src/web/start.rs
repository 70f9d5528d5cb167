//! `/start`: the start URL of AWS's clients, and for people the same as the first page.

use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::home;
use super::visitor::Visitor;
use crate::app::App;
use crate::problem::Problem;

/// `GET /start`
#[utoipa::path(
    get,
    path = "/start",
    tag = "Pages",
    operation_id = "start_page",
    summary = "The start URL",
    description = "The first page, for people. The AWS CLI asks by `HEAD`, and wants to be led to a host of AWS's (302) before it takes a start URL; it never goes there.",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(app: State<App>, method: Method, visitor: Option<Visitor>) -> Result<Response, Problem> {
    if method == Method::HEAD {
        let location = HeaderValue::from_static(ISSUER);
        let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        return Ok((StatusCode::FOUND, headers).into_response());
    }
    home::show(app, visitor).await
}

/// A label under a host of AWS's that has no address, so that a client which is set up wrongly gets nowhere.
const ISSUER: &str = "https://identitycenter.amazonaws.com/brokerd";
