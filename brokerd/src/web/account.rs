//! `/account`: one's own second factors. One page, and forms that each say what they are for.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use broker_core::second_factor::{Answer, Asked, Enrolled, FactorKind, FactorLabel};
use broker_core::sign_in::{Added, ByPasskey, FactorError, Made, Raised, Shown, SignInError, StepUpError};
use qrcode::{Color, EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};

use super::form::{Fields, SessionForm};
use super::next::Next;
use super::page::{FormsLead, instead_of, page, page_with_script, see_other, sign_in_first};
use super::second_factor::WRONG_PASSKEY;
use super::visitor::Visitor;
use crate::app::App;
use crate::caller::csrf_token;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    identity: String,
    csrf: String,
    trouble: Option<String>,
    factors: Vec<Listed>,
    damaged: usize,
    codes_left: u32,
    required: bool,
    /// Where nothing may be changed before the second factor is shown once more.
    proves_first: bool,
    /// What may be typed then.
    typed: &'static str,
    passkey: Option<Asked>,
    /// Whether people can have passkeys here.
    takes_passkeys: bool,
    enrolment: Option<Begun<'a>>,
    /// A passkey that is to be made.
    new_passkey: Option<Asked>,
    /// Shown now and never again.
    recovery_codes: Vec<SecretString>,
}

/// Something enrolled, in words.
struct Listed {
    id: String,
    label: String,
    kind: &'static str,
    created: String,
    used: String,
}

/// An enrolment that has begun.
struct Begun<'a> {
    made: &'a Made,
    qr: Picture,
    label: String,
}

/// A QR code as one path of an SVG picture.
struct Picture {
    side: usize,
    path: String,
}

/// What a form asks for.
enum Wanted {
    Begin,
    Add { enrolment: SecretString, otp: SecretString, label: String },
    BeginPasskey,
    AddPasskey { answer: Answer, label: String },
    Remove { id: String },
    Codes,
    Prove { otp: SecretString },
    ProveByPasskey { answer: Answer },
}

/// What the page shows beside the list.
#[derive(Default)]
struct Beside {
    trouble: Option<Problem>,
    made: Option<Made>,
    new_passkey: Option<Asked>,
    label: String,
    recovery_codes: Vec<SecretString>,
}

/// `GET /account`
#[utoipa::path(
    get,
    path = "/account",
    tag = "Pages",
    operation_id = "account_page",
    summary = "One's own second factors, as a page",
    description = "",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(State(app): State<App>, visitor: Option<Visitor>) -> Result<Response, Problem> {
    match visitor {
        Some(visitor) => shown(&app, &visitor, Beside::default()).await,
        None => Ok(sign_in_first(&Next::Account)),
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
    let wanted = Wanted::read(fields)?;
    let token = cookie::session_of(&headers, &app.settings.public_url);
    let (Some(visitor), Some(token)) = (visitor, token) else { return Ok(sign_in_first(&Next::Account)) };
    let label = wanted.label();
    let enrolment = wanted.enrolment();
    match change(&app, &meta, &visitor, &token, wanted).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            // Whoever mistypes a code goes on with the same enrolment.
            let made = enrolment.filter(|_| problem.is_about("otp") || problem.is_about("label"));
            let made = made.and_then(|enrolment| app.sign_in.begun(&visitor.person, &enrolment).ok());
            let beside = Beside { trouble: Some(problem.clone()), made, label, ..Beside::default() };
            let page = shown(&app, &visitor, beside).await?;
            Ok(instead_of(problem, page, meta.origin.request_id))
        }
    }
}

async fn change(app: &App, meta: &Meta, visitor: &Visitor, token: &Shown, wanted: Wanted) -> Result<Response, Problem> {
    let (person, origin) = (&visitor.person, &meta.origin);
    let raised = match wanted {
        Wanted::Begin => {
            let made = Some(app.sign_in.begin_enrolment(person).await?);
            return shown(app, visitor, Beside { made, ..Beside::default() }).await;
        }
        Wanted::Add { enrolment, otp, label } => {
            let label = FactorLabel::try_from(label).map_err(|error| Problem::field("label", error.to_string()))?;
            let added = app.sign_in.add_second_factor(person, token, (&enrolment, &otp), label, origin).await?;
            return enrolled(app, visitor, added).await;
        }
        Wanted::BeginPasskey => {
            let new_passkey = Some(app.sign_in.begin_passkey(person).await?);
            return shown(app, visitor, Beside { new_passkey, ..Beside::default() }).await;
        }
        Wanted::AddPasskey { answer, label } => {
            let label = FactorLabel::try_from(label).map_err(|error| Problem::field("label", error.to_string()))?;
            return enrolled(app, visitor, app.sign_in.add_passkey(person, token, &answer, label, origin).await?).await;
        }
        Wanted::Remove { id } => {
            let id = id.parse().map_err(|_| Problem::from(FactorError::NoSuchFactor))?;
            app.sign_in.remove_second_factor(person, id, origin).await?;
            None
        }
        Wanted::Codes => {
            let recovery_codes = app.sign_in.make_recovery_codes(person, origin).await?;
            return shown(app, visitor, Beside { recovery_codes, ..Beside::default() }).await;
        }
        Wanted::Prove { otp } => Some(app.sign_in.step_up(person, token, &otp, (meta.address, origin)).await?),
        Wanted::ProveByPasskey { answer } => {
            let raised = app.sign_in.step_up_by_passkey(person, token, &answer, (meta.address, origin)).await;
            Some(raised.map_err(|error| match error {
                StepUpError::Refused(SignInError::InvalidCredentials) => {
                    Problem::new(Code::InvalidCredentials, WRONG_PASSKEY)
                }
                error => error.into(),
            })?)
        }
    };
    Ok(going_on(app, see_other("/account"), raised))
}

/// The page after something was enrolled: with recovery codes, where it was the first.
async fn enrolled(app: &App, visitor: &Visitor, added: Added) -> Result<Response, Problem> {
    let Added { recovery_codes, raised, .. } = added;
    if recovery_codes.is_empty() {
        return Ok(going_on(app, see_other("/account"), Some(raised)));
    }
    let visitor = Visitor { person: raised.caller.clone(), ..visitor.clone() };
    let page = shown(app, &visitor, Beside { recovery_codes, ..Beside::default() }).await?;
    Ok(going_on(app, page, Some(raised)))
}

/// With the cookie under which the session goes on, if that is another one.
fn going_on(app: &App, mut response: Response, raised: Option<Raised>) -> Response {
    let token = raised.and_then(|raised| raised.token);
    let token = token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    response
}

async fn shown(app: &App, visitor: &Visitor, beside: Beside) -> Result<Response, Problem> {
    let enrolled = app.sign_in.second_factors_of(&visitor.person).await?;
    let Beside { trouble, made, new_passkey, label, recovery_codes } = beside;
    let enrolment = match &made {
        Some(made) => Some(Begun { qr: Picture::of(&made.uri)?, made, label }),
        None => None,
    };
    let is_fresh = visitor.person.assurance.proved.is_some_and(|proved| proved.is_fresh(app.clock.now()));
    let proves_first = enrolled.is_enrolled() && !is_fresh;
    let passkey = if proves_first { app.sign_in.ways_of(&visitor.person).await?.passkey } else { ByPasskey::None };
    let passkey = passkey.asked();
    let has_script = passkey.is_some() || new_passkey.is_some();
    let template = AccountPage {
        identity: visitor.identity(),
        csrf: csrf_token(app, &visitor.person),
        trouble: trouble.map(|problem| problem.detail().to_owned()),
        proves_first,
        typed: if enrolled.has(FactorKind::Totp) { "Code, or a recovery code" } else { "Recovery code" },
        passkey,
        takes_passkeys: app.sign_in.takes_passkeys(),
        damaged: enrolled.damaged,
        codes_left: enrolled.recovery_codes,
        required: visitor.person.assurance.required,
        factors: listed(enrolled),
        enrolment,
        new_passkey,
        recovery_codes,
    };
    let forms = FormsLead::home();
    if has_script { page_with_script(&template, &forms) } else { page(&template, &forms) }
}

fn listed(enrolled: Enrolled) -> Vec<Listed> {
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let of = |factor: broker_core::second_factor::SecondFactor| Listed {
        id: factor.id.to_string(),
        label: factor.label.as_str().to_owned(),
        kind: match factor.kind {
            FactorKind::Totp => "Authenticator",
            FactorKind::Passkey => "Passkey",
        },
        created: day(factor.created_at),
        used: factor.last_used_at.map_or_else(|| "not since".to_owned(), day),
    };
    enrolled.factors.into_iter().map(of).collect()
}

impl Wanted {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let secret = |fields: &mut Fields, name| fields.take(name).map(|text| SecretString::from(text.as_str()));
        let answer = |fields: &mut Fields| -> Result<Answer, Problem> {
            let (question, credential) = (fields.take("question")?, fields.take("credential")?);
            Ok(Answer { question: question.to_string(), credential: credential.to_string() })
        };
        let wanted = match fields.take("what")?.as_str() {
            "begin" => Self::Begin,
            "add" => Self::Add {
                enrolment: secret(&mut fields, "enrolment")?,
                otp: secret(&mut fields, "otp")?,
                label: fields.take("label")?.to_string(),
            },
            "begin-passkey" => Self::BeginPasskey,
            "add-passkey" => {
                Self::AddPasskey { answer: answer(&mut fields)?, label: fields.take("label")?.to_string() }
            }
            "remove" => Self::Remove { id: fields.take("id")?.to_string() },
            "codes" => Self::Codes,
            "prove" => Self::Prove { otp: secret(&mut fields, "otp")? },
            "prove-by-passkey" => Self::ProveByPasskey { answer: answer(&mut fields)? },
            _ => return Err(Problem::new(Code::InvalidRequest, "this page has no such form")),
        };
        fields.nothing_left()?;
        Ok(wanted)
    }

    fn label(&self) -> String {
        match self {
            Self::Add { label, .. } => label.clone(),
            _ => String::new(),
        }
    }

    fn enrolment(&self) -> Option<SecretString> {
        match self {
            Self::Add { enrolment, .. } => Some(enrolment.clone()),
            _ => None,
        }
    }
}

impl Picture {
    /// Drawn here, so that no other host and no script has a part in it. With the quiet zone of four modules that cameras want (ISO/IEC 18004).
    fn of(uri: &SecretString) -> Result<Self, Problem> {
        let code = QrCode::with_error_correction_level(uri.expose_secret(), EcLevel::M);
        let code = code.map_err(|_| Problem::new(Code::Internal, "the picture could not be drawn"))?;
        let width = code.width();
        let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
        let squares = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET));
        Ok(Self { side: width + 2 * QUIET, path: squares.collect() })
    }
}

const QUIET: usize = 4;
