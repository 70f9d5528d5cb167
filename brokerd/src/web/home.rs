//! `GET /`: who one is, and what one may use.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use broker_core::connector::Connector;
use broker_core::principal::Principal;

use super::next::Next;
use super::page::{FormsLead, page, sign_in_first};
use super::visitor::Visitor;
use crate::app::App;
use crate::caller::csrf_token;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    name: String,
    identity: String,
    admin: bool,
    until: String,
    until_shown: String,
    csrf: String,
    connectors: Vec<Shown>,
    more: usize,
}

/// A connector, in words.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) account: String,
    pub(crate) acts_as: String,
    pub(crate) console: bool,
    pub(crate) require_reason: bool,
    pub(crate) require_second_factor: bool,
    /// The MFA device whose code it wants, where it wants one.
    pub(crate) mfa_serial: Option<String>,
}

#[utoipa::path(
    get,
    path = "/",
    tag = "Pages",
    operation_id = "home_page",
    summary = "The connectors that one may use, as a page",
    description = "",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "To the sign-in page"),
    ),
)]
pub(crate) async fn show(State(app): State<App>, visitor: Option<Visitor>) -> Result<Response, Problem> {
    let Some(visitor) = visitor else { return Ok(sign_in_first(&Next::Home)) };
    let usable = app.broker.usable_by(&visitor.caller());
    let person = &visitor.person.person;
    let home = HomePage {
        name: person.display_name.clone().unwrap_or_else(|| person.username.clone()),
        identity: visitor.identity(),
        admin: visitor.person.is_administrator(),
        until: visitor.person.expires_at.to_string(),
        until_shown: visitor.person.expires_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        csrf: csrf_token(&app, &visitor.person),
        connectors: usable.iter().take(MAX_SHOWN).map(|connector| Shown::of(&app, connector)).collect(),
        more: usable.len().saturating_sub(MAX_SHOWN),
    };
    page(&home, &FormsLead::home())
}

impl Shown {
    pub(crate) fn of(app: &App, connector: &Connector) -> Self {
        Self {
            name: connector.name.to_string(),
            description: connector.spec.description().to_owned(),
            account: app.broker.account_of(connector).map_or_else(|| "not known yet".to_owned(), String::from),
            acts_as: match connector.spec.principal() {
                Principal::AssumeRole(role) => role.role_arn.as_str().to_owned(),
                Principal::FederatedUser(_) => "a federated user of your name".to_owned(),
                Principal::SessionToken(_) => "the IAM user behind the connector".to_owned(),
            },
            console: connector.spec.has_console(),
            require_reason: connector.spec.require_reason(),
            require_second_factor: connector.spec.require_second_factor(),
            mfa_serial: connector.spec.mfa_serial().map(|serial| serial.as_str().to_owned()),
        }
    }

    /// What whoever asks must give or have shown, beside being granted it; empty where that is nothing.
    pub(crate) fn wants(&self) -> String {
        let wanted = [
            (self.require_reason, "a reason"),
            (self.require_second_factor, "a second factor"),
            (self.mfa_serial.is_some(), "a code of an MFA device"),
        ];
        let words: Vec<&str> = wanted.into_iter().filter_map(|(is_wanted, words)| is_wanted.then_some(words)).collect();
        words.join(", ")
    }
}

/// Nobody reads more, and an administrator of a large installation has a hundred thousand.
const MAX_SHOWN: usize = 500;
