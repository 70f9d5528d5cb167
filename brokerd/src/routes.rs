//! Which path leads where.

use axum::middleware::{from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::{Router, middleware};

use crate::api;
use crate::app::App;
use crate::aws;
use crate::hardened::hardened;
use crate::intake;
use crate::openapi;
use crate::operations;
use crate::patience;
use crate::problem::{Code, Problem};
use crate::request;
use crate::web::{self, problems};

/// Everything the daemon answers to.
pub fn routes(app: App) -> Router {
    Router::from(api::described())
        .merge(Router::from(openapi::described()))
        .fallback(problems::nothing_here)
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "this route does not take that method")
        })
        .layer(from_fn_with_state(app.clone(), intake::whole))
        // Whoever asks whether we live, and how, is told, however much there is to do.
        .merge(operations::public())
        .merge(aws::routes(app.clone()))
        // Merged last, so that what is said above of unknown methods is not said of pages.
        .merge(web::routes(app.clone()))
        .layer(from_fn(within_time))
        .layer(from_fn_with_state(app.clone(), request::only_our_host))
        .layer(from_fn_with_state(app.clone(), request::frame))
        .layer(map_response_with_state(app.clone(), hardened))
        .with_state(app)
}

/// The very last limit, above all that a route may wait for.
async fn within_time(request: axum::extract::Request, next: middleware::Next) -> Result<Response, Problem> {
    tokio::time::timeout(patience::REQUEST, next.run(request))
        .await
        .map_err(|_| Problem::new(Code::Overloaded, "the request took longer than any may").retry(1))
}
