//! Pages for browsers: signing in, what one may use, the way on to AWS's console, and what each problem means.

pub(crate) mod account;
pub(crate) mod assets;
pub(crate) mod authorize;
pub(crate) mod console;
pub(crate) mod docs;
pub(crate) mod device;
mod done;
mod form;
pub(crate) mod home;
pub(crate) mod login;
mod meant;
mod next;
mod page;
mod pre_session;
pub(crate) mod problems;
mod second_factor;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod single_sign_on;
pub(crate) mod start;
mod visitor;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::intake;
use crate::problem::{Code, Problem};

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(home::show))
        .routes(routes!(sign_in::show, sign_in::submit))
        .routes(routes!(second_factor::submit))
        .routes(routes!(sign_out::submit))
        .routes(routes!(account::show, account::submit))
        .routes(routes!(account::password::show, account::password::submit))
        .routes(routes!(start::show))
        .routes(routes!(authorize::show, authorize::submit))
        .routes(routes!(login::show, login::submit))
        .routes(routes!(login::confirmation::show))
        .routes(routes!(device::show, device::submit))
        .routes(routes!(console::open, console::confirmed))
        .routes(routes!(docs::show))
        .routes(routes!(problems::show))
        .routes(routes!(assets::serve))
}

/// The reference of the API alone, and what its page needs.
pub(crate) fn reference() -> Router<App> {
    let pages =
        OpenApiRouter::new().routes(routes!(docs::show)).routes(routes!(problems::show)).routes(routes!(assets::serve));
    Router::from(pages).layer(from_fn(problems::told_as_page))
}

/// The routes of the pages. Whatever goes wrong on them is told as a page.
pub(crate) fn routes(app: App) -> Router<App> {
    Router::from(described())
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "this page does not take that method")
        })
        .layer(from_fn_with_state(app, intake::whole))
        .layer(from_fn(problems::told_as_page))
}
