//! `/device`: a program on another machine asks to sign in as the person at the browser, who compares a code and says yes or no.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use broker_core::oauth::{DeviceError, UserCode};

use super::form::{Fields, SessionForm};
use super::next::Next;
use super::page::{FormsLead, instead_of, page, sign_in_first};
use super::visitor::Visitor;
use crate::app::App;
use crate::caller::csrf_token;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage<'a> {
    sheet: Sheet<'a>,
    identity: String,
    csrf: String,
}

enum Sheet<'a> {
    /// Asks for the code.
    Enter {
        trouble: Option<&'a str>,
    },
    /// Asks whether it is the one.
    Compare {
        code: String,
        client: String,
        address: String,
        connectors: usize,
    },
    Done {
        allowed: bool,
    },
}

/// `GET /device?user_code=`
#[utoipa::path(
    get,
    path = "/device",
    tag = "Pages",
    operation_id = "device_page",
    summary = "The page on which a code is compared",
    description = "",
    params(
        ("user_code" = Option<String>, Query, description = "The code that the program shows"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page, also for somebody whose sign-in is older than 5 minutes"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let typed = fields.take_given("user_code");
    fields.nothing_left()?;
    let code = typed.as_deref().map(UserCode::parse);
    let next = Next::Device { code: code.clone().and_then(Result::ok) };
    let Some(visitor) = visitor else { return Ok(sign_in_first(&next)) };
    match app.clients.may_allow_devices(&visitor.person) {
        Err(DeviceError::SignInTooOld) => return Ok(sign_in_first(&next)),
        outcome => outcome?,
    }
    let Some(code) = code else { return sheet(&app, &visitor, Sheet::Enter { trouble: None }) };
    app.allow_code(&visitor.caller())?;
    let found = match code {
        Ok(code) => app.clients.device(&visitor.person, &code).await.map(|found| (code, found)),
        Err(_) => Err(DeviceError::NoSuchCode),
    };
    match found {
        Ok((code, found)) => {
            let connectors = app.broker.usable_by(&visitor.as_client()).len();
            let (client, address) = (found.client.name, found.client.address);
            sheet(&app, &visitor, Sheet::Compare { code: code.to_string(), client, address, connectors })
        }
        Err(DeviceError::NoSuchCode) => {
            app.clients.note_wrong_code(&visitor.person, &meta.origin);
            let trouble = DeviceError::NoSuchCode.to_string();
            let again = sheet(&app, &visitor, Sheet::Enter { trouble: Some(&trouble) })?;
            Ok(instead_of(DeviceError::NoSuchCode.into(), again, meta.origin.request_id))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /device`
#[utoipa::path(
    post,
    path = "/device",
    tag = "Pages",
    operation_id = "submit_device",
    summary = "What that page sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 200, description = "The program hears what was decided", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    SessionForm { visitor, mut fields }: SessionForm,
) -> Result<Response, Problem> {
    let decision = fields.take_given("decision");
    let code = UserCode::parse(&fields.take("user_code")?).map_err(|_| DeviceError::NoSuchCode)?;
    fields.nothing_left()?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Device { code: Some(code) })) };
    app.allow_code(&visitor.caller())?;
    let allowed = match decision.as_deref() {
        Some("allow") => {
            app.clients.allow_device(&visitor.person, &code, &meta.origin).await?;
            true
        }
        Some("deny") => {
            app.clients.deny_device(&visitor.person, &code, &meta.origin).await?;
            false
        }
        _ => return Err(Problem::field("decision", "the page's own buttons say `allow` or `deny`")),
    };
    sheet(&app, &visitor, Sheet::Done { allowed })
}

fn sheet(app: &App, visitor: &Visitor, sheet: Sheet<'_>) -> Result<Response, Problem> {
    let (identity, csrf) = (visitor.identity(), csrf_token(app, &visitor.person));
    page(&DevicePage { sheet, identity, csrf }, &FormsLead::home())
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::SwitchedOff | DeviceError::NotYourGroups | DeviceError::SignInTooOld => {
                Self::new(Code::Forbidden, error.to_string())
            }
            DeviceError::NoSuchCode => Self::new(Code::NotFound, error.to_string()),
            DeviceError::TooMany => Self::new(Code::Overloaded, error.to_string()).retry(60),
            DeviceError::Directory(error) => broker_core::sign_in::AuthenticateError::from(error).into(),
            DeviceError::Store(error) => error.into(),
            DeviceError::Seal(error) => broker_core::sign_in::SignInError::from(error).into(),
            DeviceError::Trail(error) => error.into(),
        }
    }
}
