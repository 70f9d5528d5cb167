//! `/authorize`: one of AWS's own clients asks to sign in as the person at the browser, who says yes or no by a click, always.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use broker_core::oauth::{Asked, AuthorizeError, Callback, Challenge, Stranger};
use broker_core::trail::Origin;
use secrecy::ExposeSecret;
use url::Url;

use super::form::{Fields, SessionForm};
use super::next::{ClientAsks, Door, Next};
use super::page::{FormsLead, page, see_other, sign_in_first};
use super::visitor::{FactorFirst, Visitor};
use crate::app::App;
use crate::aws::scopes_are_known;
use crate::caller::csrf_token;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "authorize.html")]
struct AuthorizePage<'a> {
    client: &'a str,
    listens: String,
    identity: String,
    until_shown: String,
    connectors: usize,
    factor_first: Option<FactorFirst>,
    csrf: String,
    fields: &'a [(&'static str, String)],
}

/// `GET /authorize`
#[utoipa::path(
    get,
    path = "/authorize",
    tag = "Pages",
    operation_id = "authorize_page",
    summary = "The page that asks whether a client may sign in",
    description = "What the AWS CLI opens in a browser (authorization code with PKCE). It never goes on by itself.",
    params(
        ("response_type" = String, Query, description = "`code`"),
        ("client_id" = String, Query, description = "Of a registered client"),
        ("redirect_uri" = String, Query, description = "One that the client registered, with any port"),
        ("state" = String, Query, description = "Given back as it is"),
        ("code_challenge" = String, Query, description = "SHA-256 of the verifier"),
        ("code_challenge_method" = String, Query, description = "`S256`"),
        ("scopes" = Option<String>, Query, description = "`sso:account:access`"),
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
    let asks = ClientAsks::take(Door::Sso, &mut Fields::parse(query.unwrap_or_default().as_bytes())?);
    let asked = asked(&app, &asks, &meta.origin)?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Authorize(asks))) };
    let usable = app.broker.usable_by(&visitor.as_client());
    let fields = asks.fields();
    let template = AuthorizePage {
        client: &asked.client().name,
        listens: asked.callback().origin(),
        identity: visitor.identity(),
        until_shown: visitor.person.expires_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        connectors: usable.len(),
        factor_first: visitor.factor_first(&usable, &Next::Authorize(asks)),
        csrf: csrf_token(&app, &visitor.person),
        fields: &fields,
    };
    page(&template, &FormsLead::to_callback(asked.callback()))
}

/// `POST /authorize`
#[utoipa::path(
    post,
    path = "/authorize",
    tag = "Pages",
    operation_id = "submit_authorize",
    summary = "What that page sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 303, description = "Back to the client, with a code that holds for a minute, or with `access_denied`"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    SessionForm { visitor, mut fields }: SessionForm,
) -> Result<Response, Problem> {
    let decision = fields.take_given("decision");
    let asks = ClientAsks::take(Door::Sso, &mut fields);
    fields.nothing_left()?;
    let asked = asked(&app, &asks, &meta.origin)?;
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Authorize(asks))) };
    let answer = match decision.as_deref() {
        Some("allow") => {
            let code = app.clients.authorize(&visitor.person, &asked, &meta.origin).await?.into_value();
            back(&asked.callback().to_string(), "code", code.0.expose_secret(), &asks.state)?
        }
        Some("deny") => {
            app.clients.decline(&visitor.person, &asked, &meta.origin);
            back(&asked.callback().to_string(), "error", "access_denied", &asks.state)?
        }
        _ => return Err(Problem::field("decision", "the page's own buttons say `allow` or `deny`")),
    };
    Ok(see_other(answer.as_str()))
}

/// What is asked, if it is what a client of ours may ask. Until then nobody is led anywhere: the page says what is wrong.
fn asked(app: &App, asks: &ClientAsks, origin: &Origin) -> Result<Asked, Problem> {
    let wrong = |field: &str, text: &str| Problem::field(field, text);
    if asks.response_type != "code" {
        return Err(wrong("response_type", "only codes are given here (response_type=code)"));
    }
    if asks.code_challenge_method != "S256" {
        return Err(wrong(
            "code_challenge_method",
            "a client proves itself by PKCE with SHA-256 (code_challenge_method=S256)",
        ));
    }
    let scopes = asks.scopes.split(' ').filter(|scope| !scope.is_empty());
    scopes_are_known(scopes).map_err(|_| wrong("scopes", "the only scope here is sso:account:access"))?;
    let client = app.clients.client(&asks.client_id, origin).map_err(|error| {
        wrong("client_id", &format!("{error}. Delete ~/.aws/sso/cache and run `aws sso login` again"))
    })?;
    let callback = Callback::parse(&asks.redirect_uri).map_err(|error| {
        app.clients.note_stranger(Stranger::RedirectsElsewhere, origin);
        wrong("redirect_uri", &error.to_string())
    })?;
    let challenge = Challenge::parse(&asks.code_challenge);
    let challenge = challenge.map_err(|error| wrong("code_challenge", &error.to_string()))?;
    Asked::new(client, callback, challenge).map_err(|_| {
        app.clients.note_stranger(Stranger::RedirectNotRegistered, origin);
        wrong("redirect_uri", "the client has not registered this redirect")
    })
}

/// Where a client listens, or looks, told what was decided.
pub(super) fn back(redirect: &str, name: &str, value: &str, state: &str) -> Result<Url, Problem> {
    let mut url =
        Url::parse(redirect).map_err(|_| Problem::new(Code::Internal, "the redirect could not be written"))?;
    url.query_pairs_mut().append_pair(name, value).append_pair("state", state);
    Ok(url)
}

impl From<AuthorizeError> for Problem {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::NotAPerson => Self::new(Code::Forbidden, error.to_string()),
            AuthorizeError::SessionOver => Self::unauthenticated(),
            AuthorizeError::Elsewhere(error) => error.into(),
            AuthorizeError::Store(error) => error.into(),
            AuthorizeError::Seal(error) => broker_core::sign_in::SignInError::from(error).into(),
            AuthorizeError::Trail(error) => error.into(),
        }
    }
}
