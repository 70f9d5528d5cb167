//! `/device`: a program on another machine asks to sign in as the person at the browser, who compares a code and says yes or no.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use broker_core::oauth::{DeviceError, UserCode};

use super::form::{Fields, SessionForm};
use super::meant::{is_meant, sign_in_once_asked};
use super::next::Next;
use super::page::{FormsLead, instead_of, page};
use super::visitor::{FactorFirst, Visitor};
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
        factor_first: Option<FactorFirst>,
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
        ("user_code" = Option<String>, Query, description = "The code that the program shows; left out where another site's link has it"),
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
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let typed = fields.take_given("user_code");
    fields.nothing_left()?;
    // A link of somebody else's must not lead straight to the question: the person reads the code from the program that shows it.
    let code = typed.filter(|_| is_meant(&method, &headers)).as_deref().map(UserCode::parse);
    let next = Next::Device { code: code.clone().and_then(Result::ok) };
    let Some(visitor) = visitor else { return sign_in_once_asked(&app, &headers, &next) };
    match app.clients.may_allow_devices(&visitor.person) {
        Err(DeviceError::SignInTooOld) => return sign_in_once_asked(&app, &headers, &next),
        outcome => outcome.map_err(|error| refused(&app, &visitor, error))?,
    }
    let Some(code) = code else { return sheet(&app, &visitor, Sheet::Enter { trouble: None }) };
    app.allow_code(&visitor.caller(), &meta.origin)?;
    let found = match code {
        Ok(code) => app.clients.device(&visitor.person, &code).await.map(|found| (code, found)),
        Err(_) => Err(DeviceError::NoSuchCode),
    };
    match found {
        Ok((code, found)) => {
            let usable = app.broker.usable_by(&visitor.as_client());
            let factor_first = visitor.factor_first(&usable, &Next::Device { code: None });
            let connectors = usable.len();
            let (client, address) = (found.client.name, found.client.address);
            sheet(&app, &visitor, Sheet::Compare { code: code.to_string(), client, address, connectors, factor_first })
        }
        Err(DeviceError::NoSuchCode) => {
            let trouble = DeviceError::NoSuchCode.to_string();
            let again = sheet(&app, &visitor, Sheet::Enter { trouble: Some(&trouble) })?;
            Ok(instead_of(refused(&app, &visitor, DeviceError::NoSuchCode), again, meta.origin.request_id))
        }
        Err(error) => Err(refused(&app, &visitor, error)),
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
    headers: HeaderMap,
    SessionForm { visitor, mut fields }: SessionForm,
) -> Result<Response, Problem> {
    let decision = fields.take_given("decision");
    let code = UserCode::parse(&fields.take("user_code")?);
    fields.nothing_left()?;
    let Some(visitor) = visitor else {
        return sign_in_once_asked(&app, &headers, &Next::Device { code: code.ok() });
    };
    app.allow_code(&visitor.caller(), &meta.origin)?;
    let code = code.map_err(|_| refused(&app, &visitor, DeviceError::NoSuchCode))?;
    let allowed = match decision.as_deref() {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Err(Problem::field("decision", "the page's own buttons say `allow` or `deny`")),
    };
    let decided = if allowed {
        app.clients.allow_device(&visitor.person, &code, &meta.origin).await
    } else {
        app.clients.deny_device(&visitor.person, &code, &meta.origin).await
    };
    decided.map_err(|error| refused(&app, &visitor, error))?;
    sheet(&app, &visitor, Sheet::Done { allowed })
}

/// Whoever is not let get on stands in the trail.
fn refused(app: &App, visitor: &Visitor, error: DeviceError) -> Problem {
    app.clients.note_refused_code(&visitor.person, &error, &visitor.origin);
    error.into()
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
