//! `/console/{name}`: on to AWS's console. By itself only where the person typed the address or one of our own pages led here.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use broker_core::mfa::MfaCode;
use broker_core::name::ConnectorName;
use broker_core::reason::Reason;
use broker_core::vend::{Asking, LinkWanted};
use secrecy::SecretString;

use super::form::{Fields, SessionForm};
use super::home::Shown;
use super::meant::{is_meant, sign_in_once_asked};
use super::next::{ASK, Next};
use super::page::{FormsLead, instead_of, page, see_other, sign_in_first};
use super::visitor::Visitor;
use crate::api::{Named, mfa_code};
use crate::app::App;
use crate::caller::csrf_token;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "console.html")]
struct ConsolePage<'a> {
    connector: Shown,
    /// Whether the person is known to have asked for this.
    meant: bool,
    /// What was wrong with the form that was sent.
    trouble: Option<&'a str>,
    /// What was given as a reason before.
    reason: &'a str,
    destination: &'a str,
    /// What the request named, for the form to name again.
    asked: Option<&'a str>,
    identity: String,
    csrf: String,
}

/// `GET /console/{name}?destination=`
#[utoipa::path(
    get,
    path = "/console/{name}",
    tag = "Vending",
    operation_id = "open_console",
    summary = "AWS's console, in this browser",
    description = "",
    params(
        ("name" = String, Path, description = "Of the connector"),
        ("destination" = Option<String>, Query, description = "A page of AWS's console"),
    ),
    responses(
        (status = 200, description = "A page that asks first, where another site led here", body = String, content_type = "text/html"),
        (status = 303, description = "On to AWS, or to the sign-in page"),
    ),
)]
pub(crate) async fn open(
    State(app): State<App>,
    Named(name): Named,
    visitor: Option<Visitor>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let asks = fields.take_given(ASK).is_some();
    let destination = destination(fields)?;
    let meant = !asks && is_meant(&method, &headers);
    match visitor {
        None if meant => sign_in_once_asked(&app, &headers, &Next::Console { name, destination }),
        None => Ok(sign_in_first(&Next::Console { name, destination })),
        Some(visitor) => {
            let seen = app.broker.seen_by(&visitor.caller(), &name);
            let must_be_asked = seen.is_ok_and(|it| it.spec.require_reason() || it.spec.mfa_serial().is_some());
            if meant && !must_be_asked {
                go_on(&app, &visitor, &name, destination.as_deref(), Said::default()).await
            } else {
                Sheet { meant, ..Sheet::default() }.shown(&app, &visitor, &name, destination.as_deref())
            }
            .or_else(|problem| second_factor_first(problem, name, destination))
        }
    }
}

/// `POST /console/{name}`
#[utoipa::path(
    post,
    path = "/console/{name}",
    tag = "Vending",
    operation_id = "confirm_console",
    summary = "What that page sends",
    description = "A form of the page's own, with its token.",
    params(
        ("name" = String, Path, description = "Of the connector"),
    ),
    responses(
        (status = 303, description = "On to AWS"),
    ),
)]
pub(crate) async fn confirmed(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    Named(name): Named,
    SessionForm { visitor, mut fields }: SessionForm,
) -> Result<Response, Problem> {
    let given = fields.take_given("reason").unwrap_or_default();
    let code = fields.take_secret("mfa_code");
    let destination = destination(fields)?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Console { name, destination })) };
    let opened = match Said::parse(&given, code.as_ref()) {
        Ok(said) => go_on(&app, &visitor, &name, destination.as_deref(), said).await,
        Err(problem) => Err(problem),
    };
    match opened {
        Err(problem) if may_be_said_again(&problem) => {
            let sheet = Sheet { meant: true, trouble: Some(problem.detail()), reason: &given };
            let again = sheet.shown(&app, &visitor, &name, destination.as_deref())?;
            Ok(instead_of(problem, again, meta.origin.request_id))
        }
        opened => opened.or_else(|problem| second_factor_first(problem, name, destination)),
    }
}

/// Whoever may come in with a second factor alone is led to where they show theirs, or set one up, and back.
fn second_factor_first(
    problem: Problem,
    name: ConnectorName,
    destination: Option<String>,
) -> Result<Response, Problem> {
    match problem.code() {
        Code::SecondFactorRequired => Ok(see_other(&Next::Console { name, destination }.account_first())),
        _ => Err(problem),
    }
}

/// Whether the person can put it right on the same page.
fn may_be_said_again(problem: &Problem) -> bool {
    let of_code = matches!(problem.code(), Code::MfaCodeRequired | Code::MfaCodeRefused | Code::TooManyAttempts);
    of_code || problem.is_about("reason") || problem.is_about("mfa_code")
}

/// The one field that a link may have.
fn destination(mut fields: Fields) -> Result<Option<String>, Problem> {
    let destination = fields.take_given("destination");
    fields.nothing_left()?;
    Ok(destination)
}

async fn go_on(
    app: &App,
    visitor: &Visitor,
    name: &ConnectorName,
    destination: Option<&str>,
    Said { reason, mfa_code }: Said,
) -> Result<Response, Problem> {
    let caller = visitor.caller();
    app.allow_vend(&caller, &visitor.origin)?;
    let asking = Asking { caller: &caller, by_memory: None, origin: &visitor.origin, deadline: visitor.deadline };
    let wanted = LinkWanted { destination, session_duration_seconds: None, reason, mfa_code };
    let link = app.broker.console_link(&asking, name, &wanted).await?;
    let mut response = see_other(link.expose());
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// What was typed into the page.
#[derive(Debug, Default)]
struct Said {
    reason: Option<Reason>,
    mfa_code: Option<MfaCode>,
}

impl Said {
    fn parse(reason: &str, code: Option<&SecretString>) -> Result<Self, Problem> {
        Ok(Self { reason: Reason::parse(reason)?, mfa_code: mfa_code(code)? })
    }
}

/// The page that asks: whether the person means it, why where the connector wants to know, and for the code of its MFA device.
#[derive(Clone, Copy, Debug, Default)]
struct Sheet<'a> {
    meant: bool,
    trouble: Option<&'a str>,
    reason: &'a str,
}

impl Sheet<'_> {
    fn shown(
        self,
        app: &App,
        visitor: &Visitor,
        name: &ConnectorName,
        asked: Option<&str>,
    ) -> Result<Response, Problem> {
        let entitlement = app.broker.prove(&visitor.caller(), name)?;
        let destination = app.broker.destination(entitlement.connector(), asked)?;
        let template = ConsolePage {
            connector: Shown::of(app, entitlement.connector()),
            meant: self.meant,
            trouble: self.trouble,
            reason: self.reason,
            destination: destination.as_str(),
            asked,
            identity: visitor.identity(),
            csrf: csrf_token(app, &visitor.person),
        };
        page(&template, &FormsLead::to_console(&[destination.partition()], app.settings.federation_origin.as_deref()))
    }
}
