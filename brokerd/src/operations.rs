//! What operators and their machines ask: whether the process lives, whether it can do its work, and what it has been doing.

use std::net::IpAddr;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use broker_api::Ready;
use secrecy::{ExposeSecret, SecretString};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::hardened::hardened;
use crate::metrics;
use crate::openapi;
use crate::problem::{Code, Problem};
use crate::request::{self, host};
use crate::web::{self, problems};

/// By which listener a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Public,
    Own,
}

/// The routes as they stand beside all others.
pub(crate) fn public() -> Router<App> {
    routes().layer(Extension(Reached::Public))
}

/// The routes on a listener of their own. Asked by address, not by the public URL's name; so that a web page which makes its own
/// name mean this machine learns nothing, only addresses are answered where no token is asked for.
pub(crate) fn own(app: App) -> Router {
    routes()
        .merge(Router::from(openapi::described()))
        .merge(web::reference())
        .fallback(problems::nothing_here)
        .layer(Extension(Reached::Own))
        .layer(from_fn_with_state(app.clone(), addressed_by_number))
        .layer(from_fn_with_state(app.clone(), request::frame))
        .layer(map_response_with_state(app.clone(), hardened))
        .with_state(app)
}

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(tell_metrics))
}

fn routes() -> Router<App> {
    Router::from(described())
        .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed, "this route is only read") })
        .layer(from_fn(never_stored))
}

async fn never_stored(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

async fn addressed_by_number(State(app): State<App>, request: axum::extract::Request, next: Next) -> Response {
    let host = host(&request).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let number = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    if app.operations.token.is_some() || number || name.eq_ignore_ascii_case("localhost") {
        return next.run(request).await;
    }
    Problem::new(Code::WrongHost, "this listener is asked by address, or as localhost").into_response()
}

#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operations",
    operation_id = "show_health",
    summary = "Whether the process lives",
    description = "",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
    ),
)]
async fn healthz() -> &'static str {
    "ok\n"
}

#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operations",
    operation_id = "show_readiness",
    summary = "Whether the daemon can do its work",
    description = "",
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "A part fails; which one is said, and why to those who may know", body = Ready),
    ),
)]
async fn readyz(State(app): State<App>, Extension(reached): Extension<Reached>, headers: HeaderMap) -> Response {
    let report = app.operations.readiness.report().await;
    let with_causes = permitted(&app, reached, &headers) == Permitted::Yes;
    (report.status(), Json(report.shown(with_causes))).into_response()
}

#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operations",
    operation_id = "show_metrics",
    summary = "What the daemon has been doing",
    description = "",
    responses(
        (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain"),
    ),
)]
async fn tell_metrics(
    State(app): State<App>,
    Extension(reached): Extension<Reached>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match permitted(&app, reached, &headers) {
        Permitted::Yes => {
            Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], app.operations.metrics.render()).into_response())
        }
        Permitted::WithToken => {
            Err(Problem::new(Code::Unauthenticated, "metrics want the token of `operations.token` as a bearer token"))
        }
        Permitted::Elsewhere => Err(Problem::new(
            Code::NotFound,
            "metrics are not told here: set `operations.address` for a listener of their own, or `operations.token`",
        )),
    }
}

/// Whether whoever asks may see causes and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permitted {
    Yes,
    WithToken,
    Elsewhere,
}

fn permitted(app: &App, reached: Reached, headers: &HeaderMap) -> Permitted {
    match (&app.operations.token, reached) {
        (Some(token), _) if shows(headers, token) => Permitted::Yes,
        (Some(_), _) => Permitted::WithToken,
        (None, Reached::Own) => Permitted::Yes,
        (None, Reached::Public) if app.operations.only_this_machine => Permitted::Yes,
        (None, Reached::Public) => Permitted::Elsewhere,
    }
}

fn shows(headers: &HeaderMap, token: &SecretString) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown =
        shown.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    shown.is_some_and(|(_, shown)| {
        aws_lc_rs::constant_time::verify_slices_are_equal(shown.trim().as_bytes(), token.expose_secret().as_bytes())
            .is_ok()
    })
}
