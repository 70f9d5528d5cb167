//! `/v1/authorize`: `aws login` asks for credentials of the person at the browser, who picks the connector, or says no.

pub(crate) mod confirmation;

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use broker_core::entitlement::Entitlement;
use broker_core::name::ConnectorName;
use broker_core::oauth::{AuthorizeError, Challenge, DeviceError, LoginAsked, LoginClient, LoginRedirect, Stranger};
use broker_core::reason::Reason;
use broker_core::trail::{Action, Actor, Entry, Origin, Outcome, RefusalKind};
use secrecy::ExposeSecret;

use super::authorize::back;
use super::done::Done;
use super::form::{Fields, SessionForm};
use super::home::Shown;
use super::next::{ClientAsks, Door, Next};
use super::page::{FormsLead, instead_of, page, see_other, sign_in_first};
use super::visitor::Visitor;
use crate::app::App;
use crate::aws::login_must_be_on;
use crate::caller::csrf_token;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    /// Where it listens; nowhere, for one on another machine.
    listens: Option<String>,
    identity: String,
    until_shown: String,
    csrf: String,
    fields: &'a [(&'static str, String)],
    connectors: Vec<Shown>,
    /// Whether one of those shown can be picked.
    can_pick: bool,
    more: usize,
    /// Whether there are so many that one may look for some of them.
    many: bool,
    given: &'a Given,
    trouble: Option<&'a str>,
    may_say_why: bool,
    help: &'a str,
}

/// What the person has typed and picked.
#[derive(Debug, Default)]
struct Given {
    filter: String,
    connector: String,
    reason: String,
}

/// `GET /v1/authorize`
#[utoipa::path(
    get,
    path = "/v1/authorize",
    tag = "Pages",
    operation_id = "login_page",
    summary = "The page on which a connector is picked for aws login",
    description = "What the AWS CLI opens in a browser (Sign-In, authorization code with PKCE). It never goes on by itself.",
    params(
        ("response_type" = String, Query, description = "`code`"),
        ("client_id" = String, Query, description = "`arn:aws:signin:::devtools/same-device` or `…/cross-device`"),
        ("redirect_uri" = String, Query, description = "`/oauth/callback` on this machine, or `/v1/sessions/confirmation` here"),
        ("state" = String, Query, description = "Given back as it is"),
        ("code_challenge" = String, Query, description = "SHA-256 of the verifier"),
        ("code_challenge_method" = String, Query, description = "`SHA-256`"),
        ("scope" = Option<String>, Query, description = "`openid`"),
        ("filter" = Option<String>, Query, description = "Words that the connectors shown must have"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page; for another machine also where the sign-in is older than 5 minutes"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes())?;
    let filter = fields.take_given("filter").unwrap_or_default();
    let asks = ClientAsks::take(Door::Login, &mut fields);
    let asked = asked(&app, &asks, &meta.origin)?;
    match welcome(&app, visitor, &asked, &meta.origin)? {
        Some(visitor) => shown(&app, &visitor, &asks, &asked, &Given { filter, ..Given::default() }, None),
        None => Ok(sign_in_first(&Next::Authorize(asks))),
    }
}

/// `POST /v1/authorize`
#[utoipa::path(
    post,
    path = "/v1/authorize",
    tag = "Pages",
    operation_id = "submit_login",
    summary = "What that page sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 303, description = "Back to the client, or to the page that shows the code, which holds for a minute; or with `access_denied`; or to *My account*, where the connector wants a second factor that was not shown"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    SessionForm { visitor, mut fields }: SessionForm,
) -> Result<Response, Problem> {
    let mut take = |name| fields.take_given(name).unwrap_or_default();
    let (decision, given) =
        (take("decision"), Given { connector: take("connector"), reason: take("reason"), filter: take("filter") });
    let asks = ClientAsks::take(Door::Login, &mut fields);
    fields.nothing_left()?;
    let asked = asked(&app, &asks, &meta.origin)?;
    let Some(visitor) = welcome(&app, visitor, &asked, &meta.origin)? else {
        return Ok(sign_in_first(&Next::Authorize(asks)));
    };
    let redirect = asked.redirect().to_string();
    let answer = match decision.as_str() {
        "allow" => match picked(&app, &visitor, &given, &meta.origin) {
            Ok((entitlement, reason)) => {
                let allowed = app.clients.authorize_login(&visitor.person, &asked, &entitlement, reason, &meta.origin);
                back(&redirect, "code", allowed.await?.into_value().0.expose_secret(), &asks.state)?
            }
            // Whoever comes in with a second factor alone is led to where they show theirs, or set one up, and back to the choice.
            Err(problem) if problem.code() == Code::SecondFactorRequired => {
                return Ok(see_other(&Next::Authorize(asks).account_first()));
            }
            Err(problem) => {
                let again = shown(&app, &visitor, &asks, &asked, &given, Some(problem.detail()))?;
                return Ok(instead_of(problem, again, meta.origin.request_id));
            }
        },
        "deny" => {
            app.clients.decline_login(&visitor.person, &asked, &meta.origin);
            let mut answer = back(&redirect, "error", "access_denied", &asks.state)?;
            if let LoginRedirect::Confirmation(_) = asked.redirect() {
                let proof = Done::ProgramRefused.proof(&app, visitor.person.session);
                answer.query_pairs_mut().append_pair(confirmation::REFUSED, &proof);
            }
            answer
        }
        _ => return Err(Problem::field("decision", "the page's own buttons say `allow` or `deny`")),
    };
    Ok(see_other(answer.as_str()))
}

/// What is asked, if it is what `aws login` may ask. Until then nobody is led anywhere: the page says what is wrong.
fn asked(app: &App, asks: &ClientAsks, origin: &Origin) -> Result<LoginAsked, Problem> {
    login_must_be_on(app)?;
    let wrong = |field: &str, text: &str| Problem::field(field, text);
    if asks.response_type != "code" {
        return Err(wrong("response_type", "only codes are given here (response_type=code)"));
    }
    if asks.code_challenge_method != "SHA-256" {
        let text = "a client proves itself by PKCE with SHA-256 (code_challenge_method=SHA-256)";
        return Err(wrong("code_challenge_method", text));
    }
    if asks.scopes.split(' ').any(|scope| !scope.is_empty() && scope != "openid") {
        return Err(wrong("scope", "the only scope here is openid"));
    }
    let refused = |what: Stranger, field: &str, text: &str| {
        app.clients.note_stranger(what, origin);
        wrong(field, text)
    };
    let client = LoginClient::parse(&asks.client_id).ok_or_else(|| {
        refused(Stranger::UnknownLogin, "client_id", "this page is for `aws login`, and knows no other client")
    })?;
    let confirmation = format!("{}{}", app.settings.public_url.origin(), confirmation::PATH);
    let redirect = LoginRedirect::parse(client, &asks.redirect_uri, &confirmation).ok_or_else(|| {
        let listens = match client {
            LoginClient::SameDevice => {
                "http://127.0.0.1/oauth/callback or http://[::1]/oauth/callback, with or without a port,"
            }
            LoginClient::CrossDevice => &confirmation,
        };
        let text = format!("a code goes to {listens} and nowhere else");
        refused(Stranger::LoginElsewhere, "redirect_uri", &text)
    })?;
    let challenge = Challenge::parse(&asks.code_challenge);
    let challenge = challenge.map_err(|error| wrong("code_challenge", &error.to_string()))?;
    Ok(LoginAsked::new(client, redirect, challenge))
}

/// The visitor, if they may let in such a client. Nobody, where they have to sign in first, or once more.
fn welcome(
    app: &App,
    visitor: Option<Visitor>,
    asked: &LoginAsked,
    origin: &Origin,
) -> Result<Option<Visitor>, Problem> {
    let Some(visitor) = visitor else { return Ok(None) };
    match app.clients.may_login(&visitor.person, asked.client()) {
        Ok(()) => Ok(Some(visitor)),
        Err(AuthorizeError::Elsewhere(DeviceError::SignInTooOld)) => Ok(None),
        Err(error) => {
            let entry =
                Entry::new(Actor::of(&visitor.as_client()), Action::ClientRefused, Outcome::Refused, origin.clone());
            app.trail.note_refusal(RefusalKind::Client, entry.reason(&error));
            Err(error.into())
        }
    }
}

/// The connector that was picked, if the person may use it by their groups, and why they want it, where it wants to know. Whoever tries names
/// that are not theirs stands in the trail, as they would at the API.
fn picked(
    app: &App,
    visitor: &Visitor,
    given: &Given,
    origin: &Origin,
) -> Result<(Entitlement, Option<Reason>), Problem> {
    let name = ConnectorName::try_from(given.connector.clone());
    let name = name.map_err(|_| Problem::field("connector", "pick a connector"))?;
    let caller = visitor.as_client();
    let entitlement = app.broker.prove(&caller, &name).inspect_err(|error| {
        let entry = Entry::new(Actor::of(&caller), Action::Vend, Outcome::Refused, origin.clone());
        app.trail.note_refusal(RefusalKind::Vend, entry.connector(&name).reason(error));
    })?;
    if let Some(serial) = entitlement.connector().spec.mfa_serial() {
        let device = serial.as_str();
        return Err(Problem::field(
            "connector",
            format!(
                "{name} wants a code of the MFA device {device} each time, and `aws login` renews credentials by itself: pick another one, or use `broker exec {name}` or `broker creds {name}`"
            ),
        ));
    }
    let reason = Reason::parse(&given.reason)?;
    if reason.is_none() && entitlement.connector().spec.require_reason() {
        return Err(Problem::field("reason", format!("{name} wants to know why it is used: say so below")));
    }
    Ok((entitlement, reason))
}

fn shown(
    app: &App,
    visitor: &Visitor,
    asks: &ClientAsks,
    asked: &LoginAsked,
    given: &Given,
    trouble: Option<&str>,
) -> Result<Response, Problem> {
    let usable = app.broker.usable_by(&visitor.as_client());
    let many = usable.len() > MANY;
    let all = usable.iter().map(|connector| Shown::of(app, connector));
    let fitting: Vec<Shown> = all.filter(|connector| given.fits(connector)).collect();
    let more = fitting.len().saturating_sub(MAX_SHOWN);
    let connectors: Vec<Shown> = fitting.into_iter().take(MAX_SHOWN).collect();
    let (listens, forms) = match asked.redirect() {
        LoginRedirect::Callback(callback) => (Some(callback.origin()), FormsLead::to_callback(callback)),
        LoginRedirect::Confirmation(_) => (None, FormsLead::home()),
    };
    let help = app.settings.aws_clients.access_help.as_deref();
    let template = LoginPage {
        listens,
        identity: visitor.identity(),
        until_shown: visitor.person.expires_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        csrf: csrf_token(app, &visitor.person),
        fields: &asks.fields(),
        may_say_why: connectors.iter().any(|connector| can_be_picked(connector) && connector.require_reason),
        can_pick: connectors.iter().any(can_be_picked),
        connectors,
        more,
        many,
        given,
        trouble,
        help: help.unwrap_or("Ask an administrator of the broker for the group you need."),
    };
    page(&template, &forms)
}

/// Whether `aws login`, which asks nobody for a code of an MFA device, can renew its credentials.
fn can_be_picked(connector: &Shown) -> bool {
    connector.mfa_serial.is_none()
}

impl Given {
    /// Whether a connector has each word that is looked for.
    fn fits(&self, connector: &Shown) -> bool {
        let text = [&connector.name, &connector.description, &connector.account, &connector.acts_as];
        let text = text.map(|part| part.to_lowercase()).join("\n");
        self.filter.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    fn picked(&self, connector: &Shown) -> bool {
        self.connector == connector.name
    }
}

/// Nobody reads more at once.
const MAX_SHOWN: usize = 100;
const MANY: usize = 8;
