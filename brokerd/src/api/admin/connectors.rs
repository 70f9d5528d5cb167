//! `/v1/admin/connectors`: every connector in service, and changes to those that the API manages.

mod wire;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use broker_api::List;
use broker_api::admin::{AdminConnector, Tried, TryRequest};
use broker_core::administration::SeenConnector;
use broker_core::connector::Connector;
use broker_core::permission::{Administrator, Auditor};

use super::etag::IfMatch;
use super::page::Paging;
use crate::api::query::{NoParams, Params};
use crate::api::{self, Named};
use crate::app::App;
use crate::body::{Body, OptionalBody};
use crate::caller::Permitted;
use crate::problem::{Problem, no_such_connector};

/// `GET /v1/admin/connectors`
#[utoipa::path(
    get,
    path = "/v1/admin/connectors",
    tag = "Administration",
    operation_id = "list_all_connectors",
    summary = "Every connector in service",
    description = "Role auditor.",
    params(Paging),
    responses(
        (status = 200, description = "A page", body = List<AdminConnector>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<AdminConnector>>, Problem> {
    app.inventory.refresh().await?;
    let snapshot = app.inventory.snapshot();
    let page = paging.page(snapshot.connectors().collect(), |connector| connector.name.to_string());
    let items = page.items.into_iter().map(|connector| wire::shown(connector)).collect::<Result<_, _>>()?;
    Ok(Json(List { items, next: page.next }))
}

/// `GET /v1/admin/connectors/{name}`
#[utoipa::path(
    get,
    path = "/v1/admin/connectors/{name}",
    tag = "Administration",
    operation_id = "show_any_connector",
    summary = "One connector as it is configured",
    description = "Role auditor.",
    params(
        ("name" = String, Path, description = "Of the connector"),
    ),
    responses(
        (status = 200, description = "What PUT takes", body = AdminConnector, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    _: Permitted<Auditor>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    app.inventory.refresh().await?;
    let snapshot = app.inventory.snapshot();
    answer(StatusCode::OK, snapshot.connector(&name).ok_or_else(no_such_connector)?)
}

/// `POST /v1/admin/connectors`
#[utoipa::path(
    post,
    path = "/v1/admin/connectors",
    tag = "Administration",
    operation_id = "add_connector",
    summary = "Put a connector into service",
    description = "Role administrator; a sign-in less than 15 minutes old.",
    request_body(content = AdminConnector),
    responses(
        (status = 201, description = "In service", body = AdminConnector, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn add(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Params(NoParams {}): Params<NoParams>,
    Body(mut asked): Body<AdminConnector>,
) -> Result<Response, Problem> {
    let name = asked.name.clone().ok_or_else(|| Problem::field("name", "missing field `name`"))?;
    let name = name.try_into().map_err(|error| Problem::field("name", format!("{error}")))?;
    let written = wire::written_policy(&mut asked);
    let spec = wire::spec(asked, &app.sign_in.directory_names())?;
    let added = app.administration.add_connector(name, spec, &permission).await;
    let connector = added.map_err(|error| wire::refused(error, written.as_deref()))?;
    app.inventory.refresh().await?;
    answer(StatusCode::CREATED, &connector)
}

/// `PUT /v1/admin/connectors/{name}`
#[utoipa::path(
    put,
    path = "/v1/admin/connectors/{name}",
    tag = "Administration",
    operation_id = "replace_connector",
    summary = "Put another form in a connector's place",
    description = "Role administrator; a sign-in less than 15 minutes old. What the connectors file owns is `read_only`.",
    params(
        ("name" = String, Path, description = "Of the connector"),
        IfMatch,
    ),
    request_body(content = AdminConnector),
    responses(
        (status = 200, description = "Replaced", body = AdminConnector, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
    Body(mut asked): Body<AdminConnector>,
) -> Result<Response, Problem> {
    if asked.name.as_deref().is_some_and(|asked| asked != name.as_str()) {
        return Err(Problem::field("name", "a connector keeps its name: make another one, and remove this one"));
    }
    app.inventory.refresh().await?;
    let seen = match app.inventory.snapshot().connector(&name) {
        Some(connector) => if_match.seen(&wire::tag_of(connector), || seen(connector))?,
        None => return Err(no_such_connector()),
    };
    let written = wire::written_policy(&mut asked);
    let spec = wire::spec(asked, &app.sign_in.directory_names())?;
    let replaced = app.administration.replace_connector(&name, spec, seen, &permission).await;
    let connector = replaced.map_err(|error| wire::refused(error, written.as_deref()))?;
    app.inventory.refresh().await?;
    answer(StatusCode::OK, &connector)
}

/// `DELETE /v1/admin/connectors/{name}`
#[utoipa::path(
    delete,
    path = "/v1/admin/connectors/{name}",
    tag = "Administration",
    operation_id = "remove_connector",
    summary = "Take a connector out of service",
    description = "Role administrator; a sign-in less than 15 minutes old.",
    params(
        ("name" = String, Path, description = "Of the connector"),
        IfMatch,
    ),
    responses(
        (status = 204, description = "Out of service"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    app.inventory.refresh().await?;
    let seen = match app.inventory.snapshot().connector(&name) {
        Some(connector) => if_match.seen(&wire::tag_of(connector), || seen(connector))?,
        None => return Err(no_such_connector()),
    };
    app.administration.remove_connector(&name, seen, &permission).await?;
    app.inventory.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/admin/connectors/{name}/try`: whom its credentials act as, or AWS's refusal; never the credentials.
#[utoipa::path(
    post,
    path = "/v1/admin/connectors/{name}/try",
    tag = "Administration",
    operation_id = "try_connector",
    summary = "Try a connector out",
    description = "Role administrator; a sign-in less than 15 minutes old. AWS is asked as for a vend; the credentials are given to nobody.",
    params(
        ("name" = String, Path, description = "Of the connector"),
    ),
    request_body(content = Option<TryRequest>, description = "An empty body is fine"),
    responses(
        (status = 200, description = "Whom its credentials act as", body = Tried),
    ),
)]
pub(crate) async fn try_out(
    State(app): State<App>,
    Permitted { permission, asker, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
    OptionalBody(TryRequest { reason, mfa_code }): OptionalBody<TryRequest>,
) -> Result<Json<Tried>, Problem> {
    let asked = (api::reason(reason.as_deref())?, api::mfa_code(mfa_code.as_ref())?);
    app.inventory.refresh().await?;
    let identity = app.broker.try_out(&permission, &asker.asking(&app)?, &name, asked).await?.into_value();
    Ok(Json(Tried { caller_identity: api::caller_identity::shown(identity) }))
}

fn answer(status: StatusCode, connector: &Connector) -> Result<Response, Problem> {
    Ok(wire::tag_of(connector).on(status, Json(wire::shown(connector)?)))
}

fn seen(connector: &Connector) -> SeenConnector {
    SeenConnector { id: connector.id, revision: connector.revision }
}
