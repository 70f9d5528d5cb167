//! `/v1/admin/access-keys`: the stored long-term keys, each proved by AWS when it comes in. No answer has a secret.

mod wire;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use broker_api::List;
use broker_api::admin::{ListedAccessKey, NewAccessKey, ReplacedAccessKey};
use broker_core::access_key::AccessKey;
use broker_core::administration::{Proof, SeenAccessKey};
use broker_core::name::AccessKeyName;
use broker_core::permission::{Administrator, Auditor};
use serde::Deserialize;
use tokio::time::Instant;

use super::etag::IfMatch;
use super::page::Paging;
use crate::api::query::{NoParams, Params};
use crate::app::App;
use crate::body::SecretBody;
use crate::caller::Permitted;
use crate::problem::{Code, Problem};

/// The key that a path names. What cannot be a name is not there.
#[derive(Debug)]
pub(crate) struct Named(AccessKeyName);

/// `?skip_validation=true`: the key comes in unproved, and the daemon asks AWS as soon as it can.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Validation {
    skip_validation: bool,
}

/// `GET /v1/admin/access-keys`: also those that are out of service.
#[utoipa::path(
    get,
    path = "/v1/admin/access-keys",
    tag = "Administration",
    operation_id = "list_access_keys",
    summary = "The stored long-term keys",
    description = "",
    params(Paging),
    responses(
        (status = 200, description = "A page, also of those that are out of service", body = List<ListedAccessKey>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<ListedAccessKey>>, Problem> {
    app.inventory.refresh().await?;
    let (snapshot, found) = (app.inventory.snapshot(), app.administration.access_keys(&permission).await?);
    let uses = wire::Uses::of(&snapshot);
    let good = found.good.iter().map(|key| (key.name.to_string(), wire::listed(key, &uses)));
    let damaged = found.damaged.iter().map(|row| (wire::place(row), wire::damaged(row)));
    let page = paging.page(good.chain(damaged).collect(), |(place, _)| place.clone());
    Ok(Json(List { items: page.items.into_iter().map(|(_, shown)| shown).collect(), next: page.next }))
}

/// `GET /v1/admin/access-keys/{name}`: also of one that is out of service, which has no tag: nobody can have seen its version.
#[utoipa::path(
    get,
    path = "/v1/admin/access-keys/{name}",
    tag = "Administration",
    operation_id = "show_access_key",
    summary = "One access key",
    description = "",
    params(
        ("name" = String, Path, description = "Of the access key"),
    ),
    responses(
        (status = 200, description = "The key, but for its secret", body = ListedAccessKey, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    app.inventory.refresh().await?;
    if let Some(key) = app.inventory.snapshot().access_key(&name) {
        return Ok(answer(&app, StatusCode::OK, key));
    }
    let damaged = app.administration.access_keys(&permission).await?.damaged;
    let row = damaged.iter().find(|row| row.is_called(name.as_str())).ok_or_else(no_such_key)?;
    Ok(Json(wire::damaged(row)).into_response())
}

/// `POST /v1/admin/access-keys`
#[utoipa::path(
    post,
    path = "/v1/admin/access-keys",
    tag = "Administration",
    operation_id = "add_access_key",
    summary = "Store an access key",
    description = "Role administrator; a sign-in less than 15 minutes old.",
    params(
        ("skip_validation" = Option<bool>, Query, description = "Stores the key without asking AWS whose it is"),
    ),
    request_body(content = NewAccessKey),
    responses(
        (status = 201, description = "Stored; AWS said whose it is", body = broker_api::admin::AccessKey, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn add(
    State(app): State<App>,
    Permitted { permission, deadline, .. }: Permitted<Administrator>,
    Params(validation): Params<Validation>,
    SecretBody(asked): SecretBody<NewAccessKey>,
) -> Result<Response, Problem> {
    let new = wire::new(asked)?;
    let key = app.administration.add_access_key(new, validation.proof(&app, deadline), &permission).await?;
    app.inventory.refresh().await?;
    Ok(answer(&app, StatusCode::CREATED, &key))
}

/// `PUT /v1/admin/access-keys/{name}`
#[utoipa::path(
    put,
    path = "/v1/admin/access-keys/{name}",
    tag = "Administration",
    operation_id = "replace_access_key",
    summary = "Put another key of the same owner in its place",
    description = "Role administrator; a sign-in less than 15 minutes old. A key of another account or user is a conflict.",
    params(
        ("name" = String, Path, description = "Of the access key"),
        ("skip_validation" = Option<bool>, Query, description = "Stores the key without asking AWS whose it is"),
        IfMatch,
    ),
    request_body(content = ReplacedAccessKey),
    responses(
        (status = 200, description = "Replaced", body = broker_api::admin::AccessKey, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    Permitted { permission, deadline, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(validation): Params<Validation>,
    if_match: IfMatch,
    SecretBody(asked): SecretBody<ReplacedAccessKey>,
) -> Result<Response, Problem> {
    let seen = seen(&app, &name, &if_match).await?;
    let new = wire::replaced(name, asked)?;
    let proof = validation.proof(&app, deadline);
    let key = app.administration.replace_access_key(new, seen, proof, &permission).await?;
    app.inventory.refresh().await?;
    Ok(answer(&app, StatusCode::OK, &key))
}

/// `DELETE /v1/admin/access-keys/{name}`: of one that no connector uses. AWS still knows it.
#[utoipa::path(
    delete,
    path = "/v1/admin/access-keys/{name}",
    tag = "Administration",
    operation_id = "remove_access_key",
    summary = "Remove an access key that no connector uses",
    description = "Role administrator; a sign-in less than 15 minutes old.",
    params(
        ("name" = String, Path, description = "Of the access key"),
        IfMatch,
    ),
    responses(
        (status = 204, description = "Removed; AWS still knows it"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let seen = seen(&app, &name, &if_match).await?;
    app.administration.remove_access_key(&name, seen, &permission).await?;
    app.inventory.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Validation {
    fn proof<'a>(&self, app: &'a App, deadline: Instant) -> Proof<'a> {
        if self.skip_validation { Proof::Skipped } else { Proof::Required(app.sts.as_ref(), deadline) }
    }
}

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| no_such_key())?;
        name.try_into().map(Self).map_err(|_| no_such_key())
    }
}

/// What must still be there. Nothing is held against a key that is not in service: the change itself says why it cannot be made.
async fn seen(app: &App, name: &AccessKeyName, if_match: &IfMatch) -> Result<Option<SeenAccessKey>, Problem> {
    app.inventory.refresh().await?;
    match app.inventory.snapshot().access_key(name) {
        Some(key) => if_match.seen(&wire::tag_of(key), || SeenAccessKey::of(key)),
        None => Ok(None),
    }
}

fn answer(app: &App, status: StatusCode, key: &AccessKey) -> Response {
    let shown = wire::shown(key, &wire::Uses::of(&app.inventory.snapshot()));
    wire::tag_of(key).on(status, Json(shown))
}

fn no_such_key() -> Problem {
    Problem::new(Code::NotFound, "no such access key")
}
