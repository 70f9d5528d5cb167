//! `/v1/admin/users`: users of local directories, and changes to those that the API manages.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use broker_api::List;
use broker_api::admin::{self, LocalUser, NewLocalUser, NewPassword};
use broker_core::administration::{self, ListedUser, LocalUserError, SeenUser, UserForm};
use broker_core::connector::ManagedBy;
use broker_core::local_user::NotAField;
use broker_core::permission::{Auditor, Operator, Permission};
use broker_core::vault::digest;

use super::etag::{ETag, IfMatch};
use super::page::Paging;
use super::path::ById;
use crate::api::query::{NoParams, Params};
use crate::api::session::shown_role;
use crate::app::App;
use crate::body::{Body, SecretBody};
use crate::caller::Permitted;
use crate::problem::Problem;

/// `GET /v1/admin/users`
#[utoipa::path(
    get,
    path = "/v1/admin/users",
    tag = "Administration",
    operation_id = "list_local_users",
    summary = "Users of local directories",
    description = "Role auditor.",
    params(Paging),
    responses(
        (status = 200, description = "A page", body = List<LocalUser>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<LocalUser>>, Problem> {
    let users = app.users.users(&permission).await?;
    let page = paging.page(users, |user| place(&user.person.username.to_lowercase(), &user.person.subject.to_string()));
    Ok(Json(List { items: page.items.iter().map(shown).collect(), next: page.next }))
}

/// `POST /v1/admin/users`
#[utoipa::path(
    post,
    path = "/v1/admin/users",
    tag = "Administration",
    operation_id = "add_local_user",
    summary = "Add a user to a local directory",
    description = "Role operator; administrator where the user would have a role in the administration, be for emergencies, have a mail address, be in a group of which a second factor is wanted, or stand in a directory that is asked before another; a sign-in less than 15 minutes old.",
    request_body(content = NewLocalUser),
    responses(
        (status = 201, description = "Added", body = LocalUser, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn add(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    Params(NoParams {}): Params<NoParams>,
    SecretBody(asked): SecretBody<NewLocalUser>,
) -> Result<Response, Problem> {
    let NewLocalUser { name, directory, password, display_name, email, groups, disabled, break_glass } = asked;
    let new = administration::NewLocalUser {
        name: name.try_into().map_err(|error: NotAField| Problem::field("name", error.to_string()))?,
        directory,
        password,
        form: form(display_name, email, (groups, disabled, break_glass))?,
    };
    Ok(answer(StatusCode::CREATED, &app.users.add_user(new, &permission).await?))
}

/// `GET /v1/admin/users/{name}`
#[utoipa::path(
    get,
    path = "/v1/admin/users/{name}",
    tag = "Administration",
    operation_id = "show_local_user",
    summary = "One user of a local directory",
    description = "Role auditor.",
    params(
        ("name" = String, Path, description = "Of the user, or the id"),
    ),
    responses(
        (status = 200, description = "What PUT takes", body = LocalUser, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, &app.users.user(&name, &permission).await?))
}

/// `PUT /v1/admin/users/{name}`
#[utoipa::path(
    put,
    path = "/v1/admin/users/{name}",
    tag = "Administration",
    operation_id = "replace_local_user",
    summary = "Change what is known of a user, disable them or let them in again",
    description = "Role operator; administrator where the user has a role in the administration or would have one, is for emergencies, or gets another mail address or comes or goes in a group of which a second factor is wanted; a sign-in less than 15 minutes old. Who is disabled is signed out at once, on every node.",
    params(
        ("name" = String, Path, description = "Of the user, or the id"),
        IfMatch,
    ),
    request_body(content = LocalUser),
    responses(
        (status = 200, description = "Changed", body = LocalUser, headers(("ETag" = String, description = "Which version this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
    Body(asked): Body<LocalUser>,
) -> Result<Response, Problem> {
    let (stored, seen) = stored(&app, &name, &if_match, &permission).await?;
    if asked.name.as_deref().is_some_and(|asked| asked != stored.name.as_str()) {
        return Err(Problem::field("name", "a user keeps their name: make another one, and remove this one"));
    }
    let LocalUser { display_name, email, groups, disabled, break_glass, .. } = asked;
    let form = form(display_name, email, (groups, disabled, break_glass))?;
    let (user, _) = app.users.change_user(stored.id, form, seen, &permission).await?;
    Ok(answer(StatusCode::OK, &user))
}

/// `PUT /v1/admin/users/{name}/password`
#[utoipa::path(
    put,
    path = "/v1/admin/users/{name}/password",
    tag = "Administration",
    operation_id = "set_local_users_password",
    summary = "Give a user another password",
    description = "Role operator; administrator where the user has a role in the administration, or is for emergencies; a sign-in less than 15 minutes old. All sessions of the user end. No answer ever has the password.",
    params(
        ("name" = String, Path, description = "Of the user, or the id"),
    ),
    request_body(content = NewPassword),
    responses(
        (status = 204, description = "The password before is good for nothing"),
    ),
)]
pub(crate) async fn set_password(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(name): ById,
    Params(NoParams {}): Params<NoParams>,
    SecretBody(NewPassword { password }): SecretBody<NewPassword>,
) -> Result<StatusCode, Problem> {
    let (stored, _) = stored(&app, &name, &IfMatch::Whatever, &permission).await?;
    app.users.set_password(stored.id, password, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/admin/users/{name}`
#[utoipa::path(
    delete,
    path = "/v1/admin/users/{name}",
    tag = "Administration",
    operation_id = "remove_local_user",
    summary = "Remove a user",
    description = "Role operator; administrator where the user has a role in the administration, or is for emergencies; a sign-in less than 15 minutes old. All sessions of the user end; whoever gets the name later is somebody else.",
    params(
        ("name" = String, Path, description = "Of the user, or the id"),
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
    let (stored, seen) = stored(&app, &name, &if_match, &permission).await?;
    app.users.remove_user(stored.id, seen, &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The user who is meant, where the API manages them, and the form that was seen.
async fn stored(
    app: &App,
    name: &str,
    if_match: &IfMatch,
    by: &impl Permission,
) -> Result<(broker_core::local_user::LocalUser, Option<SeenUser>), Problem> {
    let listed = app.users.user(name, by).await?;
    let read_only = || LocalUserError::ReadOnly(listed.person.username.clone());
    let user = listed.stored.clone().ok_or_else(read_only)?;
    let seen = if_match.seen(&tag_of(&user), || SeenUser::of(&user))?;
    Ok((user, seen))
}

fn form(
    display_name: Option<String>,
    email: Option<String>,
    (groups, disabled, break_glass): (Vec<String>, bool, bool),
) -> Result<UserForm, Problem> {
    let wrong = |field: &'static str| move |error: NotAField| Problem::field(field, error.to_string());
    Ok(UserForm {
        display_name: display_name.map(TryInto::try_into).transpose().map_err(wrong("display_name"))?,
        email: email.map(TryInto::try_into).transpose().map_err(wrong("email"))?,
        groups,
        disabled,
        break_glass,
    })
}

/// In the order of names, which may be too long for a page's place, or in two places: then a digest of what is its own tells them apart.
pub(super) fn place(name: &str, own: &str) -> String {
    let begin: Vec<u8> = name.bytes().take(64).collect();
    format!("{}/{}", hex::encode(begin), hex::encode(digest(&[own.as_bytes()])))
}

fn answer(status: StatusCode, user: &ListedUser) -> Response {
    let body = Json(shown(user));
    match &user.stored {
        Some(stored) => tag_of(stored).on(status, body),
        // What the configuration has changes with it, and never here.
        None => (status, body).into_response(),
    }
}

fn tag_of(user: &broker_core::local_user::LocalUser) -> ETag {
    ETag::of(user.id, user.revision)
}

fn shown(user: &ListedUser) -> LocalUser {
    let (person, stored) = (&user.person, user.stored.as_ref());
    LocalUser {
        id: Some(person.subject.id.clone()),
        name: Some(person.username.clone()),
        directory: Some(person.subject.directory.to_string()),
        display_name: person.display_name.clone(),
        email: person.email.clone(),
        groups: person.groups.iter().map(ToString::to_string).collect(),
        disabled: user.disabled,
        break_glass: user.break_glass,
        role: user.role.map(shown_role),
        managed_by: Some(managed_by(user.managed_by())),
        shadowed: user.shadowed,
        created_at: stored.map(|it| it.details.created_at),
        password_changed_at: stored.map(|it| it.password_changed_at),
        etag: stored.map(|it| tag_of(it).to_text()),
    }
}

pub(super) fn managed_by(managed_by: ManagedBy) -> admin::ManagedBy {
    match managed_by {
        ManagedBy::File => admin::ManagedBy::File,
        ManagedBy::Api => admin::ManagedBy::Api,
    }
}
