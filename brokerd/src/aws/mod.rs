//! The endpoints that AWS's own clients call, with AWS's shapes and AWS's errors: the SSO OIDC API, the SSO portal API and the Sign-In API.
//!
//! They stand at the root of the public URL, since clients take everything but the host off it for the page that people see.

mod credentials;
mod device_authorization;
mod entitled;
mod error;
mod login;
mod logout;
mod page;
mod register;
mod token;

pub(crate) use login::must_be_on as login_must_be_on;
pub(crate) use register::scopes_are_known;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::intake;
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    sso_oidc().merge(portal()).merge(sign_in())
}

/// What `aws sso login` calls, and whoever renews what it got. They have proved nothing yet.
fn sso_oidc() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(device_authorization::begin))
        .routes(routes!(token::give))
}

/// What is called with the token that it got.
fn portal() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(credentials::show))
        .routes(routes!(entitled::accounts))
        .routes(routes!(entitled::roles))
        .routes(routes!(logout::end))
}

/// What `aws login` calls, and whoever renews what it got.
fn sign_in() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login::give))
}

/// The routes. Whatever goes wrong on them is told as AWS would, by each API in its own words.
pub(crate) fn routes(app: App) -> Router<App> {
    let other_method = || async { Problem::new(Code::MethodNotAllowed, "this route does not take that method") };
    let whole = |routes: OpenApiRouter<App>| {
        let routes = Router::from(routes).method_not_allowed_fallback(other_method);
        routes.layer(from_fn_with_state(app.clone(), intake::whole))
    };
    let in_turn = |routes: OpenApiRouter<App>| whole(routes).layer(from_fn_with_state(app.clone(), in_turn));
    let sso = in_turn(sso_oidc()).merge(whole(portal())).layer(from_fn(error::told_as_aws));
    sso.merge(in_turn(sign_in()).layer(from_fn(login::told_as_sign_in)))
}

/// A layer: one address has so many requests a minute, counted before anything of them is read.
async fn in_turn(State(app): State<App>, Extension(meta): Extension<Meta>, request: Request, next: Next) -> Response {
    match app.allow_token_request(meta.address) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The address that a client means. One whose endpoint was written with a slash at its end asks for `//token`.
pub(crate) fn meant(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_prefix("//")?.trim_start_matches('/');
    let is_ours = PATHS.iter().any(|ours| ours.strip_prefix('/') == Some(path));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = is_ours.then(|| PathAndQuery::try_from(format!("/{path}{query}")))?.ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// What programs ask for.
const PATHS: [&str; 8] = [
    "/client/register",
    "/device_authorization",
    "/token",
    "/federation/credentials",
    "/assignment/accounts",
    "/assignment/roles",
    "/logout",
    "/v1/token",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_too_many_are_taken_off_what_programs_ask_for_and_nothing_else() {
        let meant = |text: &str| super::meant(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(meant("//token").as_deref(), Some("/token"));
        assert_eq!(meant("///client/register").as_deref(), Some("/client/register"));
        let asked = "//federation/credentials?role_name=a&account_id=1";
        assert_eq!(meant(asked).as_deref(), asked.strip_prefix('/'));
        for other in ["/token", "//v1/admin/sessions", "//", "//metrics", "//tokens", "/v1//session", "//token/"] {
            assert_eq!(meant(other), None, "{other}");
        }
    }

    #[test]
    fn every_route_is_among_the_paths() {
        let described = described().into_openapi();
        let described: std::collections::BTreeSet<&str> = described.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(described, PATHS.into());
    }
}
