//! `POST /v1/connectors/{name}/console-url`: a link that opens the console signed in.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use broker_api::{ConsoleUrl, ConsoleUrlRequest};
use broker_core::vend::LinkWanted;
use secrecy::SecretString;

use super::query::{NoParams, Params};
use super::{Named, secret};
use crate::app::App;
use crate::body::OptionalBody;
use crate::caller::Asker;
use crate::problem::{Problem, console_duration};

#[utoipa::path(
    post,
    path = "/v1/connectors/{name}/console-url",
    tag = "Vending",
    operation_id = "make_console_url",
    summary = "A link that opens AWS's console signed in",
    description = "",
    params(
        ("name" = String, Path, description = "Of the connector"),
    ),
    request_body(content = Option<ConsoleUrlRequest>, description = "An empty body is fine"),
    responses(
        (status = 200, description = "The link: a bearer secret", body = ConsoleUrl),
    ),
)]
pub(crate) async fn make(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
    OptionalBody(request): OptionalBody<ConsoleUrlRequest>,
) -> Result<Response, Problem> {
    let ConsoleUrlRequest { destination, session_duration_seconds, reason, mfa_code } = request;
    console_duration(session_duration_seconds)?;
    let wanted = LinkWanted {
        destination: destination.as_deref(),
        session_duration_seconds,
        reason: super::reason(reason.as_deref())?,
        mfa_code: super::mfa_code(mfa_code.as_ref())?,
    };
    let asking = asker.asking(&app)?;
    let link = app.broker.console_link(&asking, &name, &wanted).await?;
    let answer = ConsoleUrl { url: SecretString::from(link.expose()), expires_at: link.value().expires_at };
    Ok(secret(Json(answer)))
}
