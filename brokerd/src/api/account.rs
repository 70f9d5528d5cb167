//! `/v1/account`: what people change about their own second factors.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use broker_api::account::{
    AddSecondFactor, AddedSecondFactor, Enrolment, FactorKind, RecoveryCodes, RenameSecondFactor, SecondFactor,
    SecondFactors,
};
use broker_core::id::SecondFactorId;
use broker_core::second_factor::{self, FactorLabel};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admin::ById;
use super::query::{NoParams, Params};
use super::secret;
use crate::app::App;
use crate::body::Body;
use crate::caller::InPerson;
use crate::cookie;
use crate::problem::{Code, Problem};

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(rename, remove))
        .routes(routes!(begin))
        .routes(routes!(make_recovery_codes))
}

/// `GET /v1/account/second-factors`
#[utoipa::path(
    get,
    path = "/v1/account/second-factors",
    tag = "Account",
    operation_id = "list_second_factors",
    summary = "One's own second factors",
    description = "",
    responses(
        (status = 200, description = "All of them", body = SecondFactors),
    ),
)]
async fn list(
    State(app): State<App>,
    InPerson { person, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<SecondFactors>, Problem> {
    let enrolled = app.sign_in.second_factors_of(&person).await?;
    Ok(Json(SecondFactors {
        items: enrolled.factors.iter().map(shown).collect(),
        damaged: u32::try_from(enrolled.damaged).unwrap_or(u32::MAX),
        recovery_codes_left: enrolled.recovery_codes,
        required: person.assurance.required,
    }))
}

/// `POST /v1/account/enrolments`
#[utoipa::path(
    post,
    path = "/v1/account/enrolments",
    tag = "Account",
    operation_id = "begin_enrolment",
    summary = "Begin to enrol an authenticator",
    description = "Nothing is kept: it counts once a code of it has come back. A sign-in less than 15 minutes old; where a second factor is enrolled, one shown within that time.",
    responses(
        (status = 200, description = "What the authenticator is told, for this session and a quarter of an hour", body = Enrolment),
    ),
)]
async fn begin(
    State(app): State<App>,
    InPerson { person, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let made = app.sign_in.begin_enrolment(&person).await?;
    Ok(secret(Json(Enrolment { enrolment: made.enrolment, secret: made.secret, uri: made.uri })))
}

/// `POST /v1/account/second-factors`
#[utoipa::path(
    post,
    path = "/v1/account/second-factors",
    tag = "Account",
    operation_id = "add_second_factor",
    summary = "Enrol an authenticator by its first code",
    description = "All one's other sessions end, and what AWS's own clients had from any of them, this one too; this one counts as proved by it, in a browser under another cookie.",
    request_body(content = AddSecondFactor),
    responses(
        (status = 201, description = "Enrolled. Recovery codes come with the first one, and are shown here alone", body = AddedSecondFactor),
    ),
)]
async fn add(
    State(app): State<App>,
    InPerson { person, shown: token, origin, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
    Body(AddSecondFactor { enrolment, otp, label }): Body<AddSecondFactor>,
) -> Result<Response, Problem> {
    let label = label_of(label)?;
    let added = app.sign_in.add_second_factor(&person, &token, (&enrolment, &otp), label, &origin).await?;
    let answer = AddedSecondFactor { second_factor: shown(&added.factor), recovery_codes: added.recovery_codes };
    let mut response = (StatusCode::CREATED, Json(answer)).into_response();
    let token = added.raised.token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    Ok(secret(response))
}

/// `PUT /v1/account/second-factors/{id}`
#[utoipa::path(
    put,
    path = "/v1/account/second-factors/{id}",
    tag = "Account",
    operation_id = "rename_second_factor",
    summary = "Call a second factor something else",
    description = "A second factor shown less than 15 minutes ago.",
    params(("id" = String, Path, description = "Of the second factor")),
    request_body(content = RenameSecondFactor),
    responses(
        (status = 200, description = "As it is called now", body = SecondFactor),
    ),
)]
async fn rename(
    State(app): State<App>,
    ById(id): ById,
    InPerson { person, origin, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
    Body(RenameSecondFactor { label }): Body<RenameSecondFactor>,
) -> Result<Json<SecondFactor>, Problem> {
    let label = label_of(label)?;
    Ok(Json(shown(&app.sign_in.rename_second_factor(&person, id_of(&id)?, label, &origin).await?)))
}

/// `DELETE /v1/account/second-factors/{id}`
#[utoipa::path(
    delete,
    path = "/v1/account/second-factors/{id}",
    tag = "Account",
    operation_id = "remove_second_factor",
    summary = "Take a second factor away",
    description = "A second factor shown less than 15 minutes ago. All one's other sessions end, and what AWS's own clients had from any of them, this one too. With the last one the recovery codes go, and this session counts as one without a second factor. Whose groups may do nothing without one keeps the last.",
    params(("id" = String, Path, description = "Of the second factor")),
    responses(
        (status = 204, description = "Gone"),
    ),
)]
async fn remove(
    State(app): State<App>,
    ById(id): ById,
    InPerson { person, shown, origin, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    app.sign_in.remove_second_factor(&person, &shown, id_of(&id)?, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/account/recovery-codes`
#[utoipa::path(
    post,
    path = "/v1/account/recovery-codes",
    tag = "Account",
    operation_id = "make_recovery_codes",
    summary = "New recovery codes in the place of all before",
    description = "A second factor shown less than 15 minutes ago.",
    responses(
        (status = 200, description = "Each good once; shown here alone", body = RecoveryCodes),
    ),
)]
async fn make_recovery_codes(
    State(app): State<App>,
    InPerson { person, origin, .. }: InPerson,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let recovery_codes = app.sign_in.make_recovery_codes(&person, &origin).await?;
    Ok(secret(Json(RecoveryCodes { recovery_codes })))
}

fn shown(factor: &second_factor::SecondFactor) -> SecondFactor {
    SecondFactor {
        id: factor.id.to_string(),
        kind: match factor.kind {
            second_factor::FactorKind::Totp => FactorKind::Totp,
            second_factor::FactorKind::Passkey => FactorKind::Passkey,
        },
        label: factor.label.as_str().to_owned(),
        created_at: factor.created_at,
        last_used_at: factor.last_used_at,
    }
}

fn label_of(text: String) -> Result<FactorLabel, Problem> {
    FactorLabel::try_from(text).map_err(|error| Problem::field("label", error.to_string()))
}

fn id_of(text: &str) -> Result<SecondFactorId, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, "there is no such second factor of yours"))
}
