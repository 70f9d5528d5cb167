//! `/account`: one's own second factors. One page, and forms that each say what they are for.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use broker_core::second_factor::{Enrolled, FactorLabel};
use broker_core::sign_in::{FactorError, Made, Shown};
use qrcode::{Color, EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};

use super::form::{Fields, SessionForm};
use super::next::Next;
use super::page::{FormsLead, instead_of, page, see_other, sign_in_first};
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
    enrolment: Option<Begun<'a>>,
    /// Shown now and never again.
    recovery_codes: Vec<SecretString>,
}

/// Something enrolled, in words.
struct Listed {
    id: String,
    label: String,
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
    Remove { id: String },
    Codes,
    Prove { otp: SecretString },
}

/// What the page shows beside the list.
#[derive(Default)]
struct Beside {
    trouble: Option<Problem>,
    made: Option<Made>,
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
            if !added.recovery_codes.is_empty() {
                let visitor = Visitor { person: added.raised.caller, ..visitor.clone() };
                let beside = Beside { recovery_codes: added.recovery_codes, ..Beside::default() };
                let mut response = shown(app, &visitor, beside).await?;
                let token =
                    added.raised.token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
                cookie::attach(response.headers_mut(), token);
                return Ok(response);
            }
            Some(added.raised)
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
    };
    let mut response = see_other("/account");
    let token = raised.and_then(|raised| raised.token);
    let token = token.and_then(|token| cookie::begin_session(&token, &app.settings.public_url));
    cookie::attach(response.headers_mut(), token);
    Ok(response)
}

async fn shown(app: &App, visitor: &Visitor, beside: Beside) -> Result<Response, Problem> {
    let enrolled = app.sign_in.second_factors_of(&visitor.person).await?;
    let Beside { trouble, made, label, recovery_codes } = beside;
    let enrolment = match &made {
        Some(made) => Some(Begun { qr: Picture::of(&made.uri)?, made, label }),
        None => None,
    };
    let is_fresh = visitor.person.assurance.proved.is_some_and(|proved| proved.is_fresh(app.clock.now()));
    let template = AccountPage {
        identity: visitor.identity(),
        csrf: csrf_token(app, &visitor.person),
        trouble: trouble.map(|problem| problem.detail().to_owned()),
        proves_first: enrolled.is_enrolled() && !is_fresh,
        damaged: enrolled.damaged,
        codes_left: enrolled.recovery_codes,
        required: visitor.person.assurance.required,
        factors: listed(enrolled),
        enrolment,
        recovery_codes,
    };
    page(&template, &FormsLead::home())
}

fn listed(enrolled: Enrolled) -> Vec<Listed> {
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let of = |factor: broker_core::second_factor::SecondFactor| Listed {
        id: factor.id.to_string(),
        label: factor.label.as_str().to_owned(),
        created: day(factor.created_at),
        used: factor.last_used_at.map_or_else(|| "not since".to_owned(), day),
    };
    enrolled.factors.into_iter().map(of).collect()
}

impl Wanted {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let secret = |fields: &mut Fields, name| fields.take(name).map(|text| SecretString::from(text.as_str()));
        let wanted = match fields.take("what")?.as_str() {
            "begin" => Self::Begin,
            "add" => Self::Add {
                enrolment: secret(&mut fields, "enrolment")?,
                otp: secret(&mut fields, "otp")?,
                label: fields.take("label")?.to_string(),
            },
            "remove" => Self::Remove { id: fields.take("id")?.to_string() },
            "codes" => Self::Codes,
            "prove" => Self::Prove { otp: secret(&mut fields, "otp")? },
            _ => return Err(Problem::new(Code::InvalidRequest, "this page has no such form")),
        };
        fields.nothing_left()?;
        Ok(wanted)
    }

    fn label(&self) -> String {
        match self {
            Self::Add { label, .. } => label.clone(),
            Self::Begin | Self::Remove { .. } | Self::Codes | Self::Prove { .. } => String::new(),
        }
    }

    fn enrolment(&self) -> Option<SecretString> {
        match self {
            Self::Add { enrolment, .. } => Some(enrolment.clone()),
            Self::Begin | Self::Remove { .. } | Self::Codes | Self::Prove { .. } => None,
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
