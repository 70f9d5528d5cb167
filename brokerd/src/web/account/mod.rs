//! `/account`: one's own second factors. One page, and forms that each say what they are for.

mod forms;
pub(crate) mod password;
mod picture;
mod sheet;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use broker_core::second_factor::FactorLabel;
use broker_core::sign_in::{Added, FactorError, Raised, Shown, SignInError, StepUpError};

use self::forms::{Sent, Wanted};
use self::sheet::{Beside, shown};
use super::form::{Fields, SessionForm};
use super::next::Next;
use super::page::{instead_of, see_other, sign_in_first};
use super::second_factor::WRONG_PASSKEY;
use super::visitor::Visitor;
use crate::app::App;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// Who changes something, by what, and where they were on their way.
struct Desk<'a> {
    visitor: &'a Visitor,
    token: &'a Shown,
    meta: &'a Meta,
    onward: Option<Next>,
}

/// `GET /account?next=`
#[utoipa::path(
    get,
    path = "/account",
    tag = "Pages",
    operation_id = "account_page",
    summary = "One's own second factors, as a page",
    description = "",
    params(
        ("next" = Option<String>, Query, description = "The way to a console, or to where a program signs in, that wants a second factor; on this host"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let onward = Next::onward(&mut fields);
    fields.nothing_left()?;
    match visitor {
        Some(visitor) => shown(&app, &visitor, Beside { onward, ..Beside::default() }).await,
        None => Ok(sign_in_first(&onward.unwrap_or(Next::Account))),
    }
}

/// `POST /account`
#[utoipa::path(
    post,
    path = "/account",
    tag = "Pages",
    operation_id = "submit_account",
    summary = "What that page sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 200, description = "The page, with what is shown once", body = String, content_type = "text/html"),
        (status = 303, description = "Done; or to the sign-in page"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    headers: HeaderMap,
    SessionForm { visitor, fields }: SessionForm,
) -> Result<Response, Problem> {
    let Sent { wanted, onward } = Sent::read(fields)?;
    let token = cookie::session_of(&headers, &app.settings.public_url);
    let (Some(visitor), Some(token)) = (visitor, token) else {
        return Ok(sign_in_first(&onward.unwrap_or(Next::Account)));
    };
    let label = wanted.label();
    let enrolment = wanted.enrolment();
    let desk = Desk { visitor: &visitor, token: &token, meta: &meta, onward: onward.clone() };
    match desk.change(&app, wanted).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            // Whoever mistypes a code goes on with the same enrolment.
            let made = enrolment.filter(|_| problem.is_about("otp") || problem.is_about("label"));
            let made = made.and_then(|enrolment| app.sign_in.begun(&visitor.person, &enrolment).ok());
            let beside = Beside { trouble: Some(problem.clone()), made, label, onward, ..Beside::default() };
            let page = shown(&app, &visitor, beside).await?;
            Ok(instead_of(problem, page, meta.origin.request_id))
        }
    }
}

impl Desk<'_> {
    async fn change(self, app: &App, wanted: Wanted) -> Result<Response, Problem> {
        let (person, token, origin) = (&self.visitor.person, self.token, &self.meta.origin);
        let raised = match wanted {
            Wanted::Begin => {
                let made = Some(app.sign_in.begin_enrolment(person).await?);
                return self.shown(app, Beside { made, ..Beside::default() }).await;
            }
            Wanted::Add { enrolment, otp, label } => {
                let label = named(label)?;
                let added = app.sign_in.add_second_factor(person, token, (&enrolment, &otp), label, origin).await?;
                return self.enrolled(app, added).await;
            }
            Wanted::BeginPasskey => {
                let new_passkey = Some(app.sign_in.begin_passkey(person).await?);
                return self.shown(app, Beside { new_passkey, ..Beside::default() }).await;
            }
            Wanted::AddPasskey { answer, label } => {
                let added = app.sign_in.add_passkey(person, token, &answer, named(label)?, origin).await?;
                return self.enrolled(app, added).await;
            }
            Wanted::Remove { id } => {
                let id = id.parse().map_err(|_| Problem::from(FactorError::NoSuchFactor))?;
                app.sign_in.remove_second_factor(person, token, id, origin).await?;
                return Ok(see_other("/account"));
            }
            Wanted::Codes => {
                let recovery_codes = app.sign_in.make_recovery_codes(person, origin).await?;
                return self.shown(app, Beside { recovery_codes, ..Beside::default() }).await;
            }
            Wanted::Prove { otp } => app.sign_in.step_up(person, token, &otp, (self.meta.address, origin)).await?,
            Wanted::ProveByPasskey { answer } => {
                let raised = app.sign_in.step_up_by_passkey(person, token, &answer, (self.meta.address, origin)).await;
                raised.map_err(|error| match error {
                    StepUpError::Refused(SignInError::InvalidCredentials) => {
                        Problem::new(Code::InvalidCredentials, WRONG_PASSKEY)
                    }
                    error => error.into(),
                })?
            }
        };
        Ok(self.onward(app, raised))
    }

    async fn shown(self, app: &App, beside: Beside) -> Result<Response, Problem> {
        shown(app, self.visitor, Beside { onward: self.onward, ..beside }).await
    }

    /// The page after something was enrolled: with recovery codes, where it was the first.
    async fn enrolled(self, app: &App, added: Added) -> Result<Response, Problem> {
        let Added { recovery_codes, raised, .. } = added;
        if recovery_codes.is_empty() {
            return Ok(self.onward(app, raised));
        }
        let visitor = Visitor { person: raised.caller.clone(), ..self.visitor.clone() };
        let page = shown(app, &visitor, Beside { recovery_codes, onward: self.onward, ..Beside::default() }).await?;
        Ok(going_on(app, page, raised))
    }

    /// On to where they were on their way, which asks once; else back to the page.
    fn onward(self, app: &App, raised: Raised) -> Response {
        let place = self.onward.as_ref().map_or_else(|| "/account".to_owned(), Next::after_sign_in);
        going_on(app, see_other(&place), raised)
    }
}

/// With the cookie under which the session goes on, if that is another one.
fn going_on(app: &App, mut response: Response, raised: Raised) -> Response {
    let token = raised.token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    response
}

fn named(label: String) -> Result<FactorLabel, Problem> {
    FactorLabel::try_from(label).map_err(|error| Problem::field("label", error.to_string()))
}
