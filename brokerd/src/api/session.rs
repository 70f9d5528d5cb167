//! `/v1/sessions` and `/v1/session`: signing in, who one is, signing out.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use broker_api::{
    ChangePasswordRequest, FactorUsed, Identity, IdentityKind, SecondFactorRequest, Session, ShownFactor,
    SignInRequest, SignedIn,
};
use broker_core::administration::OwnPassword;
use broker_core::assurance;
use broker_core::caller::{AdminRole, Caller, Person, PersonCaller};
use broker_core::sign_in::{Credentials, SessionKind};

use super::query::{NoParams, Params};
use super::secret;
use crate::app::App;
use crate::body::{Body, SecretBody};
use crate::caller::{Asker, InPerson, Leaver};
use crate::cookie;
use crate::problem::Problem;
use crate::request::Meta;

/// `POST /v1/sessions`
#[utoipa::path(
    post,
    path = "/v1/sessions",
    tag = "Signing in",
    operation_id = "sign_in",
    summary = "Sign in with name and password",
    description = "Every failure before the password is proved right is one answer, after one time. Attempts are counted by person, by name and by address. Whoever has a second factor is told `otp_required` once the password has proved right, and sends the same again with `otp`: a code that is wrong, or was used before, is `invalid_credentials` and counts as a wrong password does. Whoever has nothing but passkeys is told `passkey_required`: they sign in by a browser, or send a recovery code as `otp`.",
    request_body(content = SignInRequest),
    responses(
        (status = 201, description = "Signed in; the token is shown here and nowhere else", body = SignedIn),
    ),
)]
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    Params(NoParams {}): Params<NoParams>,
    Body(SignInRequest { username, password, otp, directory }): Body<SignInRequest>,
) -> Result<Response, Problem> {
    let credentials = Credentials {
        username: &username,
        password,
        directory: directory.as_deref(),
        address: meta.address,
        origin: &meta.origin,
    };
    let signed_in = app.sign_in.sign_in_with(credentials, otp.as_ref(), SessionKind::Api).await?;
    let expires_at = signed_in.caller.expires_at;
    let answer = SignedIn { token: signed_in.token, expires_at, identity: person(&signed_in.caller) };
    Ok(secret((StatusCode::CREATED, Json(answer))))
}

/// `GET /v1/session`
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "Signing in",
    operation_id = "show_session",
    summary = "Who one is",
    description = "",
    responses(
        (status = 200, description = "Who the token belongs to", body = Session),
    ),
)]
pub(crate) async fn show(asker: Asker, Params(NoParams {}): Params<NoParams>) -> Json<Session> {
    let of_job = |name: &str, expires_at| Session { identity: workload(name), expires_at, second_factor: None };
    Json(match &asker.caller {
        Caller::Person(caller) => session_of(caller),
        Caller::Service(caller) => of_job(caller.name.as_str(), caller.expires_at),
        Caller::Workload(caller) => of_job(&caller.name, caller.expires_at),
    })
}

/// `POST /v1/session/second-factor`
#[utoipa::path(
    post,
    path = "/v1/session/second-factor",
    tag = "Signing in",
    operation_id = "show_second_factor",
    summary = "Show one's second factor, once more or for the first time in this session",
    description = "A code is good once. A passkey is shown on the page My account. In a browser the session goes on under another cookie; a token stays the same.",
    request_body(content = SecondFactorRequest),
    responses(
        (status = 200, description = "The session counts as proved by it, from now on", body = Session),
    ),
)]
pub(crate) async fn step_up(
    State(app): State<App>,
    asker: InPerson,
    Params(NoParams {}): Params<NoParams>,
    Body(SecondFactorRequest { otp }): Body<SecondFactorRequest>,
) -> Result<Response, Problem> {
    let InPerson { person, shown, address, origin } = asker;
    let raised = app.sign_in.step_up(&person, &shown, &otp, (address, &origin)).await?;
    let mut response = Json(session_of(&raised.caller)).into_response();
    let token = raised.token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    Ok(secret(response))
}

fn session_of(caller: &PersonCaller) -> Session {
    let second_factor = caller.assurance.proved.map(|proved| ShownFactor {
        by: match proved.by {
            assurance::FactorUsed::Totp => FactorUsed::Totp,
            assurance::FactorUsed::Passkey => FactorUsed::Passkey,
            assurance::FactorUsed::RecoveryCode => FactorUsed::RecoveryCode,
        },
        at: proved.at,
    });
    Session { identity: person(caller), expires_at: caller.expires_at, second_factor }
}

/// `DELETE /v1/session`
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "Signing in",
    operation_id = "sign_out",
    summary = "Sign out",
    description = "The directory is not asked: whoever cannot be looked up at this moment can leave all the same.",
    responses(
        (status = 204, description = "The token is dead, on every node"),
    ),
)]
pub(crate) async fn sign_out(
    State(app): State<App>,
    leaver: Leaver,
    Params(NoParams {}): Params<NoParams>,
) -> Response {
    let ended = app.sign_in.sign_out(&leaver.leaving, &leaver.origin).await.map_err(Problem::from);
    let mut response = ended.map_or_else(IntoResponse::into_response, |()| StatusCode::NO_CONTENT.into_response());
    if leaver.by_cookie {
        let ended = cookie::end_session(&app.settings.public_url, app.sign_in.takes_single_sign_on());
        cookie::attach(response.headers_mut(), ended);
    }
    response
}

/// `POST /v1/session/password`
#[utoipa::path(
    post,
    path = "/v1/session/password",
    tag = "Signing in",
    operation_id = "change_own_password",
    summary = "Change one's own password",
    description = "For users whom the broker itself keeps. The present password is counted as at a sign-in; whoever has a second factor has shown it less than 15 minutes ago. All other sessions of the user end, and whatever clients got by any of them. In a browser this one goes on under another cookie; a token stays the same.",
    request_body(content = ChangePasswordRequest),
    responses(
        (status = 204, description = "The password before is good for nothing"),
    ),
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    InPerson { person, shown, address, origin }: InPerson,
    Params(NoParams {}): Params<NoParams>,
    SecretBody(ChangePasswordRequest { current_password, new_password }): SecretBody<ChangePasswordRequest>,
) -> Result<Response, Problem> {
    let (current, new) = (current_password, new_password);
    let asked = OwnPassword { current, new, address, origin: &origin };
    let token = app.users.change_own_password(&app.sign_in, (&person, &shown), asked).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let token = token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    Ok(secret(response))
}

fn person(caller: &PersonCaller) -> Identity {
    identity_of(&caller.person, caller.role)
}

/// Somebody and their role, as the API shows them everywhere.
pub(crate) fn identity_of(person: &Person, role: Option<AdminRole>) -> Identity {
    Identity {
        kind: IdentityKind::Person,
        name: person.username.clone(),
        display_name: person.display_name.clone(),
        email: person.email.clone(),
        directory: Some(person.subject.directory.to_string()),
        groups: person.groups.iter().map(ToString::to_string).collect(),
        admin: role == Some(AdminRole::Administrator),
        role: role.map(shown_role),
    }
}

pub(crate) fn shown_role(role: AdminRole) -> broker_api::AdminRole {
    match role {
        AdminRole::Auditor => broker_api::AdminRole::Auditor,
        AdminRole::Operator => broker_api::AdminRole::Operator,
        AdminRole::Administrator => broker_api::AdminRole::Administrator,
    }
}

fn workload(name: &str) -> Identity {
    Identity {
        kind: IdentityKind::Workload,
        name: name.to_owned(),
        display_name: None,
        email: None,
        directory: None,
        groups: Vec::new(),
        admin: false,
        role: None,
    }
}
