//! Which path leads where.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::{Router, middleware};

use crate::api;
use crate::app::App;
use crate::intake;
use crate::openapi;
use crate::operations;
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
        // Merged last, so that what is said above of unknown methods is not said of pages.
        .merge(web::routes(app.clone()))
        .layer(from_fn(within_time))
        .layer(from_fn_with_state(app.clone(), request::only_our_host))
        .layer(from_fn_with_state(app.clone(), request::frame))
        .layer(map_response_with_state(app.clone(), hardened))
        .with_state(app)
}

/// The very last limit, above every deadline of its own that a route has.
async fn within_time(request: axum::extract::Request, next: middleware::Next) -> Result<Response, Problem> {
    tokio::time::timeout(LONGEST, next.run(request))
        .await
        .map_err(|_| Problem::new(Code::Overloaded, "the request took longer than any may").retry(1))
}

/// What every answer says to browsers: nothing here is to be guessed at, framed or leaked by a referrer.
pub(crate) async fn hardened(State(app): State<App>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    // Whoever has once been here by https never goes without it, though a link or a typed address says so. This host alone:
    // others of the domain are not ours to speak for.
    if app.settings.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

const LONGEST: Duration = Duration::from_mins(2);
