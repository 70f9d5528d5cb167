//! `/v1/admin/sessions`: who is signed in, and an end to it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use broker_api::List;
use broker_api::admin::{EndedSessions, SignedInSession};
use broker_core::id::SessionId;
use broker_core::name::DirectoryName;
use broker_core::permission::{Auditor, Operator};
use broker_core::session::{Session, Username, Whose};
use serde::Deserialize;

use super::etag::{ETag, IfMatch};
use super::page::{Cursor, Limit, Paging};
use super::path::ById;
use crate::api::query::{NoParams, Params};
use crate::api::session::identity_of;
use crate::app::App;
use crate::caller::Permitted;
use crate::problem::{Code, Problem};

/// Which page, of whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    after: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    directory: Option<DirectoryName>,
    #[serde(default)]
    person: Option<Username>,
}

/// Whose sessions are to end. Both must be said: two directories may each have somebody of that name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whom {
    directory: DirectoryName,
    person: Username,
}

/// `GET /v1/admin/sessions`
#[utoipa::path(
    get,
    path = "/v1/admin/sessions",
    tag = "Administration",
    operation_id = "list_sessions",
    summary = "Who is signed in",
    description = "Role auditor.",
    params(
        Paging,
        ("directory" = Option<String>, Query, description = "Only of people of this directory"),
        ("person" = Option<String>, Query, description = "Only of whoever is called so, as the list itself spells it"),
    ),
    responses(
        (status = 200, description = "A page, newest first", body = List<SignedInSession>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(Wanted { after, limit, directory, person }): Params<Wanted>,
) -> Result<Json<List<SignedInSession>>, Problem> {
    let (whose, after) = (Whose { directory, person }, after.as_ref().map(Cursor::place));
    let page = app.sign_in.sessions(&permission, &whose, after, limit.get()).await?;
    let items = page.items.into_iter().map(|session| shown(&app, session)).collect();
    Ok(Json(List { items, next: page.next.map(|place| Cursor::of(place).to_text()) }))
}

/// `DELETE /v1/admin/sessions`
#[utoipa::path(
    delete,
    path = "/v1/admin/sessions",
    tag = "Administration",
    operation_id = "end_sessions_of_person",
    summary = "End all sessions of one person",
    description = "Role operator; a sign-in less than 15 minutes old. Whatever the person let in by them ends with them. Each is recorded. Where nobody of that \
        name is signed in it says so (404), so that a slip of the pen is not taken for success.",
    params(
        ("directory" = String, Query, description = "The person's directory"),
        ("person" = String, Query, description = "The user name, as the list spells it"),
    ),
    responses(
        (status = 200, description = "Over, on every node", body = EndedSessions),
    ),
)]
pub(crate) async fn end_all(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    Params(Whom { directory, person }): Params<Whom>,
) -> Result<Json<EndedSessions>, Problem> {
    match app.sign_in.end_sessions_of(&directory, &person, &permission).await? {
        0 => Err(Problem::new(Code::NotFound, "nobody of that name and directory is signed in")),
        ended => Ok(Json(EndedSessions { ended })),
    }
}

/// `DELETE /v1/admin/sessions/{id}`
#[utoipa::path(
    delete,
    path = "/v1/admin/sessions/{id}",
    tag = "Administration",
    operation_id = "end_session",
    summary = "End somebody's session",
    description = "Role operator; a sign-in less than 15 minutes old.",
    params(
        ("id" = String, Path, description = "Of the session"),
        IfMatch,
    ),
    responses(
        (status = 204, description = "Over, on every node"),
    ),
)]
pub(crate) async fn end(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(id): ById,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let no_such_session = || Problem::new(Code::NotFound, "no such session");
    let id = id.parse().map_err(|_| no_such_session())?;
    if_match.seen(&tag_of(id), || ())?;
    let there = app.sign_in.end_session(id, &permission).await?;
    if there { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_session()) }
}

/// Whose a session is never changes.
fn tag_of(id: SessionId) -> ETag {
    ETag::of(id, 1)
}

fn shown(app: &App, session: Session) -> SignedInSession {
    let Session { id, person, created_at, expires_at, checked_at, last_seen_at, .. } = session;
    let role = app.sign_in.role_of(&person);
    SignedInSession {
        id: id.to_string(),
        etag: tag_of(id).to_text(),
        identity: identity_of(&person, role),
        created_at,
        expires_at,
        last_seen_at,
        checked_at,
    }
}
