//! `/v1/connectors`: what the caller may use.

use axum::Json;
use axum::extract::State;
use broker_api::{Connector, Connectors, PrincipalType, Scope};
use broker_core::principal::Principal;
use broker_core::{connector, principal};

use super::Named;
use super::query::{NoParams, Params};
use crate::app::App;
use crate::caller::Asker;
use crate::problem::Problem;

/// `GET /v1/connectors`
#[utoipa::path(
    get,
    path = "/v1/connectors",
    tag = "Vending",
    operation_id = "list_connectors",
    summary = "The connectors that one may use",
    description = "",
    responses(
        (status = 200, description = "Those, and no others", body = Connectors),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
) -> Json<Connectors> {
    let usable = app.broker.usable_by(&asker.caller);
    Json(Connectors { connectors: usable.iter().map(|connector| shown(&app, connector)).collect() })
}

/// `GET /v1/connectors/{name}`
#[utoipa::path(
    get,
    path = "/v1/connectors/{name}",
    tag = "Vending",
    operation_id = "show_connector",
    summary = "One connector",
    description = "",
    params(
        ("name" = String, Path, description = "Of the connector"),
    ),
    responses(
        (status = 200, description = "The connector; 404 whether it is missing or not granted", body = Connector),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Connector>, Problem> {
    let connector = app.broker.seen_by(&asker.caller, &name)?;
    Ok(Json(shown(&app, &connector)))
}

fn shown(app: &App, connector: &connector::Connector) -> Connector {
    let spec = &connector.spec;
    let (default_duration_seconds, max_duration_seconds) = spec.principal().durations();
    Connector {
        id: connector.id.to_string(),
        name: connector.name.to_string(),
        description: spec.description().to_owned(),
        principal: match spec.principal().kind() {
            principal::PrincipalType::FederatedUser => PrincipalType::FederatedUser,
            principal::PrincipalType::AssumeRole => PrincipalType::AssumeRole,
            principal::PrincipalType::SessionToken => PrincipalType::SessionToken,
        },
        account_id: app.broker.account_of(connector).map(String::from),
        role_arn: match spec.principal() {
            Principal::AssumeRole(role) => Some(role.role_arn.as_str().to_owned()),
            Principal::FederatedUser(_) | Principal::SessionToken(_) => None,
        },
        partition: app.broker.partition_of(connector).to_string(),
        scope: match spec.scope() {
            connector::Scope::User => Scope::User,
            connector::Scope::System => Scope::System,
        },
        max_duration_seconds,
        default_duration_seconds,
        console: spec.has_console(),
        require_reason: spec.require_reason(),
        require_second_factor: spec.require_second_factor(),
        mfa_serial: spec.mfa_serial().map(|serial| serial.as_str().to_owned()),
    }
}
