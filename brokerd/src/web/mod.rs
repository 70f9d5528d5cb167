//! Pages for browsers: signing in, what one may use, the way on to AWS's console, and what each problem means.

pub(crate) mod assets;
pub(crate) mod console;
pub(crate) mod cookie;
mod form;
pub(crate) mod home;
mod next;
mod page;
mod pre_session;
pub(crate) mod problems;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod visitor;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::app::App;
use crate::intake;
use crate::problem::{Code, Problem};

/// The routes of the pages. Whatever goes wrong on them is told as a page.
pub(crate) fn routes(app: App) -> Router<App> {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_out::submit))
        .route("/console/{name}", get(console::open).post(console::confirmed))
        .route("/problems/{code}", get(problems::show))
        .route("/assets/{file}", get(assets::serve))
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "this page does not take that method")
        })
        .layer(from_fn_with_state(app, intake::whole))
        .layer(from_fn(problems::told_as_page))
}
