//! `/sign-in/second-factor`: what is asked for once the password has proved right, and what comes of it.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use broker_core::second_factor::{Answer, Asked};
use broker_core::sign_in::{ByPasskey, HalfWay, SessionKind, SignInError, Ways};
use secrecy::SecretString;

use super::form::{Fields, OwnForm};
use super::next::Next;
use super::page::{instead_of, page, page_with_script};
use super::pre_session;
use super::sign_in::{self, STALE, Way, forms_lead, sentence, welcome};
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage<'a> {
    trouble: Option<String>,
    csrf: &'a str,
    next: &'a Next,
    asked: &'a str,
    /// Who has shown their password, for this browser and five minutes.
    half_way: &'a str,
    authenticator: bool,
    passkey: Option<Asked>,
    /// They have passkeys, which cannot be shown to this broker.
    passkeys_are_off: bool,
}

/// What somebody sends.
struct Sent {
    proof: Proof,
    half_way: String,
    way: Way,
    csrf: String,
}

/// Typed, or given by the browser.
enum Proof {
    Code(SecretString),
    Passkey(Answer),
}

/// `POST /sign-in/second-factor`
#[utoipa::path(
    post,
    path = "/sign-in/second-factor",
    tag = "Pages",
    operation_id = "submit_second_factor",
    summary = "What the page sends that asks for a code, or a passkey, after the password",
    description = "A form of the page's own, with its token, within five minutes of the password.",
    responses(
        (status = 303, description = "Signed in"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    headers: HeaderMap,
    OwnForm(fields): OwnForm,
) -> Result<Response, Problem> {
    let Sent { proof, half_way, way, csrf } = Sent::read(fields)?;
    let again = |trouble: &str| {
        let form = sign_in::ask(&app, &headers, &way, "", Some(trouble.to_owned()))?;
        Ok(instead_of(Problem::new(Code::Forbidden, trouble), form, meta.origin.request_id))
    };
    if !pre_session::proves(&app, &headers, &csrf) {
        return again(STALE);
    }
    let browser = pre_session::value_of(&headers, &app.settings.public_url).unwrap_or_default();
    let Some(who) = app.sign_in.carried(&half_way, browser.as_bytes()) else { return again(TOO_LATE) };
    let (kind, from) = (SessionKind::Browser, (meta.address, &meta.origin));
    let (finished, wrong) = match &proof {
        Proof::Code(otp) => (app.sign_in.finish(who.clone(), otp, kind, from).await, WRONG_CODE),
        Proof::Passkey(answer) => {
            let answer = (answer, browser.as_bytes());
            (app.sign_in.finish_by_passkey(who.clone(), answer, kind, from).await, WRONG_PASSKEY)
        }
    };
    let error = match finished {
        Ok(signed_in) => {
            let leads = way.leads(&app, &headers);
            return welcome(&app, &meta, &headers, &signed_in.token, &leads).await;
        }
        Err(error) => error,
    };
    let trouble = match &error {
        SignInError::InvalidCredentials => Some(wrong.to_owned()),
        other => sentence(other),
    };
    let problem = Problem::from(error);
    let Some(trouble) = trouble else { return Err(problem) };
    let form = ask(&app, &headers, &way, (&who, &half_way), Some(trouble)).await?;
    Ok(instead_of(problem, form, meta.origin.request_id))
}

impl Sent {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let proof = match fields.take_given("credential") {
            Some(credential) => Proof::Passkey(Answer { credential, question: fields.take("question")?.to_string() }),
            None => Proof::Code(SecretString::from(fields.take("otp")?.as_str())),
        };
        let sent = Self {
            proof,
            half_way: fields.take("half_way")?.to_string(),
            way: Way::take(&mut fields),
            csrf: fields.take_given("csrf").unwrap_or_default(),
        };
        fields.nothing_left()?;
        Ok(sent)
    }
}

/// The page, for somebody who is half way in: as who they are, and as the page carries them.
pub(super) async fn ask(
    app: &App,
    headers: &HeaderMap,
    way: &Way,
    (who, half_way): (&HalfWay, &str),
    trouble: Option<String>,
) -> Result<Response, Problem> {
    let pre_session = pre_session::begin(app, headers)?;
    let browser = pre_session::value_of(headers, &app.settings.public_url).unwrap_or_default();
    let Ways { authenticator, passkey } = app.sign_in.ways_on(who, browser.as_bytes()).await?;
    let passkeys_are_off = passkey == ByPasskey::Off;
    let passkey = passkey.asked();
    let (csrf, next, asked, forms) =
        (pre_session.token.as_str(), &way.next, way.asked.as_str(), forms_lead(app, &way.next));
    let has_script = passkey.is_some();
    let template = SecondFactorPage { trouble, csrf, next, asked, half_way, authenticator, passkey, passkeys_are_off };
    if has_script { page_with_script(&template, &forms) } else { page(&template, &forms) }
}

const TOO_LATE: &str = "That took too long. Please sign in again.";
const WRONG_CODE: &str =
    "That is not the right code. A code is good once, and for half a minute: wait for the next one.";
pub(super) const WRONG_PASSKEY: &str = "That passkey was not taken. Try again.";
