//! The REST paths of Identity Federation for AWS (IFAWS) 2.2, so that scripts of people who move over go on: connectors go by their id, names are
//! in camel case, times are milliseconds since 1970.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use broker_api::ifaws::{
    IfawsCallerIdentity, IfawsConnector, IfawsConnectors, IfawsConsoleUrl, IfawsCredentials, IfawsScope, IfawsType,
};
use broker_core::connector::{Connector, Scope};
use broker_core::id::ConnectorId;
use broker_core::name::ConnectorName;
use broker_core::principal::PrincipalType;
use broker_core::trail::{Action, Actor, Entry, Outcome};
use broker_core::vend::{Asking, VendError, VendRequest};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller_identity::without_code;
use super::query::{NoParams, Params};
use super::secret;
use crate::app::App;
use crate::caller::Asker;
use crate::problem::{Problem, no_such_connector};

/// The routes, and what the document says of them.
pub(crate) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(credentials))
        .routes(routes!(caller_identity))
        .routes(routes!(console_url))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Why, in the caller's words, for the audit trail.
    #[serde(default)]
    reason: Option<String>,
}

/// The connector that a path names by its id.
#[derive(Debug)]
struct Identified(ConnectorId);

impl FromRequestParts<App> for Identified {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| no_such_connector())?;
        id.parse().map(Self).map_err(|_| no_such_connector())
    }
}

impl Identified {
    /// The name is what all else goes by.
    fn name(&self, app: &App) -> Option<ConnectorName> {
        app.inventory.snapshot().connector_by_id(self.0).map(|connector| connector.name.clone())
    }

    /// For whoever wants something of it. What is not there is recorded as what is not the caller's, and answered alike.
    async fn wanted(&self, app: &App, asking: &Asking<'_>, action: Action) -> Result<ConnectorName, Problem> {
        if let Some(name) = self.name(app) {
            return Ok(name);
        }
        let entry = Entry::new(Actor::of(asking.caller), action, Outcome::Refused, asking.origin.clone());
        let entry = Entry { connector: Some(self.0.to_string()), ..entry.reason(&VendError::NoSuchConnector) };
        app.trail.record_refusal(entry).await.map_err(VendError::from)?;
        Err(no_such_connector())
    }

    fn seen(&self, app: &App, asker: &Asker) -> Result<Arc<Connector>, Problem> {
        let name = self.name(app).ok_or_else(no_such_connector)?;
        Ok(app.broker.seen_by(&asker.caller, &name)?)
    }
}

#[utoipa::path(
    get,
    path = "/rest/identity-federation-for-aws/2.2/connectors",
    tag = "IFAWS",
    operation_id = "ifaws_list_connectors",
    summary = "The connectors that one may use, as IFAWS lists them",
    description = "",
    responses((status = 200, description = "Those, and no others", body = IfawsConnectors)),
)]
async fn list(State(app): State<App>, asker: Asker, Params(NoParams {}): Params<NoParams>) -> Json<IfawsConnectors> {
    let usable = app.broker.usable_by(&asker.caller);
    let values: Vec<IfawsConnector> = usable.iter().map(|connector| shown(connector)).collect();
    Json(IfawsConnectors { size: values.len(), values })
}

#[utoipa::path(
    get,
    path = "/rest/identity-federation-for-aws/2.2/connectors/{id}",
    tag = "IFAWS",
    operation_id = "ifaws_show_connector",
    summary = "One connector, as IFAWS shows it",
    description = "",
    params(("id" = String, Path, description = "Of the connector")),
    responses((status = 200, description = "The connector; 404 whether it is missing or not granted", body = IfawsConnector)),
)]
async fn show(
    State(app): State<App>,
    id: Identified,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<IfawsConnector>, Problem> {
    let connector = id.seen(&app, &asker)?;
    Ok(Json(shown(&connector)))
}

#[utoipa::path(
    get,
    path = "/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials",
    tag = "IFAWS",
    operation_id = "ifaws_vend_credentials",
    summary = "Temporary credentials, as IFAWS gives them",
    description = "",
    params(
        ("id" = String, Path, description = "Of the connector"),
        ("reason" = Option<String>, Query, description = "Why, in the caller's words, for the audit trail"),
    ),
    responses((status = 200, description = "The credentials", body = IfawsCredentials)),
)]
async fn credentials(
    State(app): State<App>,
    id: Identified,
    asker: Asker,
    Params(Options { reason }): Params<Options>,
) -> Result<Response, Problem> {
    let ask = VendRequest { reason: super::reason(reason.as_deref())?, ..VendRequest::default() };
    let asking = asker.asking(&app)?;
    let name = id.wanted(&app, &asking, Action::Vend).await?;
    let vended = app.broker.vend(&asking, &name, &ask).await?;
    Ok(secret(Json(IfawsCredentials {
        access_key_id: vended.value().credentials.access_key_id.clone(),
        secret_access_key: vended.secret_access_key().clone(),
        session_token: vended.session_token().clone(),
        expiration: vended.value().credentials.expires_at.as_millisecond(),
    })))
}

#[utoipa::path(
    get,
    path = "/rest/identity-federation-for-aws/2.2/connectors/{id}/caller-identity",
    tag = "IFAWS",
    operation_id = "ifaws_show_caller_identity",
    summary = "Whom the credentials act as, by AWS's own word",
    description = "",
    params(
        ("id" = String, Path, description = "Of the connector"),
        ("reason" = Option<String>, Query, description = "Why, in the caller's words, for the audit trail"),
    ),
    responses((status = 200, description = "What GetCallerIdentity says of credentials that are vended for it", body = IfawsCallerIdentity)),
)]
async fn caller_identity(
    State(app): State<App>,
    id: Identified,
    asker: Asker,
    Params(Options { reason }): Params<Options>,
) -> Result<Json<IfawsCallerIdentity>, Problem> {
    let reason = super::reason(reason.as_deref())?;
    let asking = asker.asking(&app)?;
    let name = id.wanted(&app, &asking, Action::CallerIdentity).await?;
    let identity = app.broker.caller_identity(&asking, &name, reason).await.map_err(without_code)?.into_value();
    let (account, arn, user_id) = (identity.account.into(), identity.arn, identity.user_id);
    Ok(Json(IfawsCallerIdentity { account, arn, user_id }))
}

#[utoipa::path(
    get,
    path = "/rest/identity-federation-for-aws/2.2/connectors/{id}/console/url",
    tag = "IFAWS",
    operation_id = "ifaws_show_console_url",
    summary = "Where the console is opened",
    description = "An address of the broker, where the browser's own session counts. It is no secret and does not expire.",
    params(("id" = String, Path, description = "Of the connector")),
    responses((status = 200, description = "The address", body = IfawsConsoleUrl)),
)]
async fn console_url(
    State(app): State<App>,
    id: Identified,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<IfawsConsoleUrl>, Problem> {
    let connector = id.seen(&app, &asker)?;
    app.broker.destination(&connector, None)?;
    let (origin, name) = (app.settings.public_url.origin(), &connector.name);
    Ok(Json(IfawsConsoleUrl { url: format!("{origin}/console/{name}") }))
}

fn shown(connector: &Connector) -> IfawsConnector {
    IfawsConnector {
        id: connector.id.to_string(),
        name: connector.name.to_string(),
        r#type: match connector.spec.principal().kind() {
            PrincipalType::FederatedUser => IfawsType::FederationToken,
            PrincipalType::AssumeRole => IfawsType::AssumeRole,
            PrincipalType::SessionToken => IfawsType::SessionToken,
        },
        scope: match connector.spec.scope() {
            Scope::User => None,
            Scope::System => Some(IfawsScope::System),
        },
    }
}
