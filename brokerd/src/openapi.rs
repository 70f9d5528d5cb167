//! `GET /openapi.json`: what the daemon answers to, as `OpenAPI` 3.1, made from the routes and types that it is made of.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref, RefOr,
    ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Client, Cookie, Scheme, takes};
use crate::app::App;
use crate::problem::Code;
use crate::{api, aws, operations, web};

/// The route, and what the document says of it.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Made when somebody asks for the first time, and kept as it leaves.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_json().map(Bytes::from).unwrap_or_default());

#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Operations",
    operation_id = "show_openapi",
    summary = "This document",
    description = "",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// Everything that the router serves: both come from the same lists.
pub(crate) fn document() -> OpenApi {
    let mut document = OpenApiRouter::<App>::new()
        .merge(api::described())
        .merge(operations::described())
        .merge(described())
        .merge(web::described())
        .merge(aws::described())
        .into_openapi();
    document.info = InfoBuilder::new()
        .title("brokerd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("Apache-2.0 OR MIT").identifier(Some("Apache-2.0 OR MIT")).build()))
        .build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let mut components = document.components.take().unwrap_or_default();
    add_problem(&mut components);
    add_security(&mut components);
    document.components = Some(components);
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations_of(item) {
            complete(operation, &method, path);
        }
    }
    document
}

/// The same as JSON.
pub(crate) fn as_value() -> serde_json::Value {
    serde_json::from_slice(&DOCUMENT).unwrap_or_default()
}

/// What is so of every operation: errors, the request's id, and which credentials it takes, as the table says.
fn complete(operation: &mut Operation, method: &Method, path: &str) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let id = HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String)));
            response.headers.insert("X-Request-Id".to_owned(), id.description(Some(REQUEST_ID)).build().into());
        }
    }
    let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
    operation.responses.responses.entry("default".to_owned()).or_insert(problem);
    let takes = takes(method, path);
    let mut security = Vec::new();
    let mut scheme = |name: &str| security.push(SecurityRequirement::new(name, [""; 0]));
    if takes.session {
        scheme(SESSION);
    }
    match takes.client {
        Client::Never => {}
        Client::Bearer => scheme(CLIENT),
        Client::Portal => scheme(PORTAL),
    }
    if takes.service {
        scheme(SERVICE);
    }
    if takes.cookie != Cookie::Never {
        scheme(COOKIE);
    }
    if takes.scheme == Scheme::BearerOrBasic {
        scheme(PASSWORD);
    }
    // Nothing at all is taken, and so nothing is asked for.
    if !security.is_empty() {
        operation.security = Some(security);
    }
}

fn add_problem(components: &mut Components) {
    let mut named = Vec::new();
    <broker_api::Problem as ToSchema>::schemas(&mut named);
    components.schemas.extend(named);
    let mut schema = broker_api::Problem::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let words = Code::ALL.into_iter().map(Code::word);
        let code = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Stays the same; `/problems/{code}` says what to do."))
            .enum_values(Some(words.collect::<Vec<_>>()));
        object.properties.insert("code".to_owned(), code.into());
    }
    components.schemas.insert(PROBLEM.to_owned(), schema);
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    let response = ResponseBuilder::new()
        .description("What went wrong (RFC 9457), and a page that says what to do. With 429 and 503, `Retry-After`")
        .content("application/problem+json", content)
        .build();
    components.responses.insert(PROBLEM.to_owned(), response.into());
}

fn add_security(components: &mut Components) {
    let bearer = |about: &str| {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description = Some(about.to_owned());
        SecurityScheme::Http(scheme)
    };
    let mut password = Http::new(HttpAuthScheme::Basic);
    password.description = Some("A person's name and password with each request, from scripts alone.".to_owned());
    let password = SecurityScheme::Http(password);
    let portal =
        ApiKeyValue::with_description("x-amz-sso_bearer_token", "The same, where the SSO portal API wants it.");
    let cookie = ApiKeyValue::with_description("__Host-brokerd", BY_COOKIE);
    for (name, scheme) in [
        (SESSION, bearer("A person's session token, `bks_…`, from `POST /v1/sessions`.")),
        (SERVICE, bearer("A job's service token, `bkt_…`, limited to connectors of scope `system`.")),
        (PASSWORD, password),
        (CLIENT, bearer("An access token of one of AWS's own clients, `bka_…`, from `POST /token`.")),
        (PORTAL, SecurityScheme::ApiKey(ApiKey::Header(portal))),
        (COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie))),
    ] {
        components.add_security_scheme(name, scheme);
    }
}

/// The operations of a path, each with its method.
pub(crate) fn operations_of(item: &mut PathItem) -> Vec<(Method, &mut Operation)> {
    let PathItem { get, put, post, delete, .. } = item;
    [(Method::GET, get), (Method::PUT, put), (Method::POST, post), (Method::DELETE, delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
        .collect()
}

const ABOUT: &str = "Trades a sign-in against the company's directory for temporary AWS credentials. Times are RFC 3339 in UTC, durations whole seconds. \
    A body is JSON of 64 KiB at most; a field that is unknown is an error. Lists are `{items, next?}`: `?after=` takes `next`.";
const REQUEST_ID: &str = "Of this request, in the log and in the audit trail";
const BY_COOKIE: &str = "The browser's session cookie (`brokerd` where the public URL is http). Unsafe methods want the session's token in `X-CSRF-Token`, and proof \
    that the broker's own page asks.";
const PROBLEM: &str = "Problem";
const SESSION: &str = "session";
const SERVICE: &str = "service_token";
const CLIENT: &str = "client";
const PORTAL: &str = "portal";
const COOKIE: &str = "cookie";
const PASSWORD: &str = "password";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_of_credentials_names_routes_that_there_are() {
        let mut document = document();
        let mut operations = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            operations.extend(operations_of(item).into_iter().map(|(method, _)| (method.to_string(), path.clone())));
        }
        for (method, path) in crate::access::listed() {
            assert!(operations.contains(&(method.to_owned(), path.to_owned())), "{method} {path}");
        }
    }

    #[test]
    fn no_two_operations_have_one_name() {
        let mut document = document();
        let items = document.paths.paths.values_mut();
        let mut names: Vec<String> = items
            .flat_map(|item| {
                operations_of(item).into_iter().filter_map(|(_, it)| it.operation_id.clone()).collect::<Vec<_>>()
            })
            .collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
