//! `/account/password`: whoever's password the broker keeps changes it, by the present one.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use broker_core::administration::{OwnPassword, OwnPasswordError};
use broker_core::directory::local::MIN_CHARACTERS;
use broker_core::sign_in::{FactorError, SignInError};
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::caller::csrf_token;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::Meta;
use crate::web::done::Done;
use crate::web::form::{Fields, SessionForm};
use crate::web::next::Next;
use crate::web::page::{FormsLead, instead_of, page, see_other, sign_in_first};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    identity: String,
    /// For the browser's own store of passwords.
    username: String,
    csrf: String,
    trouble: Option<String>,
    state: State,
    /// Characters of a new password.
    least: usize,
}

/// What the page is about.
enum State {
    Asked,
    /// Whoever has a second factor shows it first, on *My account*.
    ProvesFirst,
    Changed,
}

/// What somebody typed.
struct Typed {
    current: SecretString,
    new: SecretString,
    again: SecretString,
}

/// `GET /account/password`
#[utoipa::path(
    get,
    path = "/account/password",
    tag = "Pages",
    operation_id = "password_page",
    summary = "Where somebody changes their own password, as a page",
    description = "For users whom the broker itself keeps.",
    params(
        ("changed" = Option<String>, Query, description = "The proof that it was changed just now, in this very session"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(
    Shared(app): Shared<App>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let changed = fields.take_given(CHANGED);
    fields.nothing_left()?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Account)) };
    if !app.users.keeps_password_of(&visitor.person).await? {
        return Err(OwnPasswordError::KeptElsewhere(visitor.person.person.subject.directory.to_string()).into());
    }
    // Whoever follows a link that somebody else wrote is not told so.
    if changed.is_some_and(|proof| Done::PasswordChanged.is_proved(&app, visitor.person.session, &proof)) {
        return shown(&app, &visitor, None, State::Changed);
    }
    let proved = visitor.person.assurance.proved;
    let is_fresh = proved.is_some_and(|proved| proved.is_fresh(app.clock.now()));
    let proves_first = !is_fresh && app.sign_in.second_factors_of(&visitor.person).await?.is_enrolled();
    shown(&app, &visitor, None, if proves_first { State::ProvesFirst } else { State::Asked })
}

/// `POST /account/password`
#[utoipa::path(
    post,
    path = "/account/password",
    tag = "Pages",
    operation_id = "submit_password",
    summary = "What that page sends",
    description = "A form of the page's own, with its token. All other sessions of the user end, and whatever clients got by any of them; this one goes on under another cookie.",
    responses(
        (status = 303, description = "The password before is good for nothing; or to the sign-in page"),
    ),
)]
pub(crate) async fn submit(
    Shared(app): Shared<App>,
    Extension(meta): Extension<Meta>,
    headers: HeaderMap,
    SessionForm { visitor, fields }: SessionForm,
) -> Result<Response, Problem> {
    let Typed { current, new, again } = Typed::read(fields)?;
    let token = cookie::session_of(&headers, &app.settings.public_url);
    let (Some(visitor), Some(token)) = (visitor, token) else { return Ok(sign_in_first(&Next::Account)) };
    let changed = if new.expose_secret() == again.expose_secret() {
        let asked = OwnPassword { current, new, address: meta.address, origin: &meta.origin };
        let changed = app.users.change_own_password(&app.sign_in, (&visitor.person, &token), asked).await;
        changed.map_err(asked_again)
    } else {
        Err((
            Problem::field("new_password_again", "the new password does not stand there twice: type it again"),
            State::Asked,
        ))
    };
    // Whoever loads the page again sends nothing again.
    let (problem, state) = match changed {
        Ok(token) => {
            let mut response = see_other(&format!(
                "/account/password?{CHANGED}={}",
                Done::PasswordChanged.proof(&app, visitor.person.session)
            ));
            let token = token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
            cookie::attach(response.headers_mut(), token);
            return Ok(response);
        }
        Err(refused) => refused,
    };
    let page = shown(&app, &visitor, Some(problem.detail().to_owned()), state)?;
    Ok(instead_of(problem, page, meta.origin.request_id))
}

/// What was wrong, and what is asked for next.
fn asked_again(error: OwnPasswordError) -> (Problem, State) {
    match error {
        OwnPasswordError::NotProved(FactorError::SignIn(SignInError::InvalidCredentials)) => {
            (Problem::new(Code::InvalidCredentials, "that is not your present password"), State::Asked)
        }
        OwnPasswordError::NotProved(FactorError::OldProof) => (error.into(), State::ProvesFirst),
        error => (error.into(), State::Asked),
    }
}

fn shown(app: &App, visitor: &Visitor, trouble: Option<String>, state: State) -> Result<Response, Problem> {
    let template = PasswordPage {
        identity: visitor.identity(),
        username: visitor.person.person.username.clone(),
        csrf: csrf_token(app, &visitor.person),
        trouble,
        state,
        least: MIN_CHARACTERS,
    };
    page(&template, &FormsLead::home())
}

impl Typed {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let mut secret = |name| fields.take(name).map(|text| SecretString::from(text.as_str()));
        let typed = Self {
            current: secret("current_password")?,
            new: secret("new_password")?,
            again: secret("new_password_again")?,
        };
        // There for the browser's store of passwords alone.
        fields.take_given("username");
        fields.nothing_left()?;
        Ok(typed)
    }
}

/// In the query of the page that says so: the proof that it is so.
const CHANGED: &str = "changed";
