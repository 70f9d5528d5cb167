//! `/v1/sessions/confirmation`: the code that a person carries over to the machine on which `aws login --remote` waits.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use url::form_urlencoded::Serializer;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request::Meta;
use crate::web::done::Done;
use crate::web::form::Fields;
use crate::web::next::Next;
use crate::web::page::{FormsLead, page, sign_in_first};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "confirmation.html")]
struct ConfirmationPage {
    /// What is to be pasted; nothing where the person said no.
    code: Option<String>,
    identity: String,
}

/// `GET /v1/sessions/confirmation`
#[utoipa::path(
    get,
    path = "/v1/sessions/confirmation",
    tag = "Pages",
    operation_id = "login_confirmation_page",
    summary = "The page with the code for aws login --remote",
    description = "It shows a code to the browser that it was made for, for as long as nobody has shown it.",
    params(
        ("code" = Option<String>, Query, description = "The code"),
        ("state" = Option<String>, Query, description = "What the client asked with"),
        ("error" = Option<String>, Query, description = "`access_denied`, where the person said no"),
        ("refused" = Option<String>, Query, description = "The proof of that, from this very session just now"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let (code, state) = (fields.take_given("code"), fields.take_given("state"));
    // What programs are told; it proves nothing.
    fields.take_given("error");
    let refused = fields.take_given(REFUSED);
    fields.nothing_left()?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Home)) };
    let identity = visitor.identity();
    // Nobody is told that a program got nothing by an address that somebody else wrote.
    if refused.is_some_and(|proof| Done::ProgramRefused.is_proved(&app, visitor.person.session, &proof)) {
        return page(&ConfirmationPage { code: None, identity }, &FormsLead::home());
    }
    let (code, state) = (code.unwrap_or_default(), state.unwrap_or_default());
    // Nobody is shown, and pastes, what somebody else wrote into an address.
    if !app.clients.is_to_carry_over(&visitor.person, &SecretString::from(code.clone())).await? {
        app.clients.note_no_code_to_carry_over(&visitor.person, &meta.origin);
        return Err(Problem::new(
            Code::NotFound,
            "there is no such code for you, or it is over: run `aws login --remote` again",
        ));
    }
    let pasted = Serializer::new(String::new()).append_pair("state", &state).append_pair("code", &code).finish();
    page(&ConfirmationPage { code: Some(STANDARD.encode(pasted)), identity }, &FormsLead::home())
}

/// In the query: the proof that the person said no.
pub(super) const REFUSED: &str = "refused";
pub(super) const PATH: &str = "/v1/sessions/confirmation";
