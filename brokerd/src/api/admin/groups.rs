//! `/v1/admin/groups`: groups of local directories, and who is in those that the API manages.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use broker_api::List;
use broker_api::admin::{LocalGroup, NewLocalGroup};
use broker_core::administration::{ListedGroup, LocalUserError, SeenGroup};
use broker_core::id::LocalGroupId;
use broker_core::local_user::NotAField;
use broker_core::permission::{Auditor, Operator, Permission};

use super::etag::{ETag, IfMatch};
use super::page::Paging;
use super::path::ById;
use super::users::{managed_by, place};
use crate::api::query::{NoParams, Params};
use crate::api::session::shown_role;
use crate::app::App;
use crate::body::Body;
use crate::caller::Permitted;
use crate::problem::Problem;

/// `GET /v1/admin/groups`
#[utoipa::path(
    get,
    path = "/v1/admin/groups",
    tag = "Administration",
    operation_id = "list_local_groups",
    summary = "Groups of local directories",
    description = "Role auditor.",
    params(Paging),
    responses(
        (status = 200, description = "A page", body = List<LocalGroup>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<LocalGroup>>, Problem> {
    let groups = app.users.groups(&permission).await?;
    let page = paging.page(groups, |listed| place(&listed.group.name, &listed.group.to_string()));
    Ok(Json(List { items: page.items.iter().map(shown).collect(), next: page.next }))
}

/// `POST /v1/admin/groups`
#[utoipa::path(
    post,
    path = "/v1/admin/groups",
    tag = "Administration",
    operation_id = "add_local_group",
    summary = "Add a group to a local directory",
    description = "Role operator; administrator where the group gives a role in the administration or wants a second factor of its members, or a member has a role or is for emergencies; a sign-in less than 15 minutes old.",
    request_body(content = NewLocalGroup),
    responses(
        (status = 201, description = "Added", body = LocalGroup, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn add(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    Params(NoParams {}): Params<NoParams>,
    Body(NewLocalGroup { name, directory, members }): Body<NewLocalGroup>,
) -> Result<Response, Problem> {
    let name = name.try_into().map_err(|error: NotAField| Problem::field("name", error.to_string()))?;
    let members: BTreeSet<String> = members.into_iter().collect();
    let group = app.users.add_group(name, directory.as_deref(), &members, &permission).await?;
    Ok(answer(StatusCode::CREATED, &group))
}

/// `GET /v1/admin/groups/{name}`
#[utoipa::path(
    get,
    path = "/v1/admin/groups/{name}",
    tag = "Administration",
    operation_id = "show_local_group",
    summary = "One group of a local directory",
    description = "Role auditor.",
    params(
        ("name" = String, Path, description = "Of the group, or the id"),
    ),
    responses(
        (status = 200, description = "What PUT takes", body = LocalGroup, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &app.users.group(&name, &permission).await?))
}

/// `PUT /v1/admin/groups/{name}`
#[utoipa::path(
    put,
    path = "/v1/admin/groups/{name}",
    tag = "Administration",
    operation_id = "replace_local_group",
    summary = "Say who is in a group",
    description = "Role operator; administrator where the group gives a role in the administration or wants a second factor of its members, or somebody who comes or goes has a role or is for emergencies; a sign-in less than 15 minutes old. Counts within a second, on every node.",
    params(
        ("name" = String, Path, description = "Of the group, or the id"),
        IfMatch,
    ),
    request_body(content = LocalGroup),
    responses(
        (status = 200, description = "These and nobody else are in it", body = LocalGroup, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
    Body(asked): Body<LocalGroup>,
) -> Result<Response, Problem> {
    let (id, listed, seen) = stored(&app, &name, &if_match, &permission).await?;
    if asked.name.as_deref().is_some_and(|asked| asked != listed.group.name) {
        return Err(Problem::field("name", "a group keeps its name: make another one, and remove this one"));
    }
    let members: BTreeSet<String> = asked.members.into_iter().collect();
    let (group, _) = app.users.change_group(id, &members, seen, &permission).await?;
    Ok(answer(StatusCode::OK, &group))
}

/// `DELETE /v1/admin/groups/{name}`
#[utoipa::path(
    delete,
    path = "/v1/admin/groups/{name}",
    tag = "Administration",
    operation_id = "remove_local_group",
    summary = "Remove a group",
    description = "Role operator; administrator where the group gives a role in the administration or wants a second factor of its members, or a member has a role or is for emergencies; a sign-in less than 15 minutes old. Nobody is in it any more, and nobody comes to be in another one of its name.",
    params(
        ("name" = String, Path, description = "Of the group, or the id"),
        IfMatch,
    ),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let (id, _, seen) = stored(&app, &name, &if_match, &permission).await?;
    app.users.remove_group(id, seen, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The group that is meant, where the API manages it, and the form that was seen.
async fn stored(
    app: &App,
    name: &str,
    if_match: &IfMatch,
    by: &impl Permission,
) -> Result<(LocalGroupId, ListedGroup, Option<SeenGroup>), Problem> {
    let listed = app.users.group(name, by).await?;
    let id = listed.stored.as_ref().ok_or_else(|| LocalUserError::ReadOnly(listed.group.to_string()))?.id;
    let seen = if_match.seen(&tag_of(id, &listed), || SeenGroup { id, version: listed.version })?;
    Ok((id, listed, seen))
}

fn answer(status: StatusCode, group: &ListedGroup) -> Response {
    let body = Json(shown(group));
    match &group.stored {
        Some(stored) => tag_of(stored.id, group).on(status, body),
        // What the configuration has changes with it, and never here.
        None => (status, body).into_response(),
    }
}

fn tag_of(id: LocalGroupId, group: &ListedGroup) -> ETag {
    ETag::of(id, group.version)
}

fn shown(listed: &ListedGroup) -> LocalGroup {
    let stored = listed.stored.as_ref();
    LocalGroup {
        id: stored.map(|it| it.id.to_string()),
        name: Some(listed.group.name.clone()),
        directory: Some(listed.group.directory.to_string()),
        members: listed.members.iter().cloned().collect(),
        file_members: listed.file_members.iter().cloned().collect(),
        role: listed.role.map(shown_role),
        managed_by: Some(managed_by(listed.managed_by())),
        etag: stored.map(|it| tag_of(it.id, listed).to_text()),
    }
}
