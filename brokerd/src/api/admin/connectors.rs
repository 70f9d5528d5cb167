//! `/v1/admin/connectors`: every connector in service, and changes to those that the API manages.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use broker_api::{AdminConnector, List};
use broker_core::administration::SeenConnector;
use broker_core::connector::{Connector, ManagedBy};
use broker_core::permission::{Administrator, Auditor};
use serde_json::{Map, Value};

use super::etag::{ETag, IfMatch};
use super::page::Paging;
use super::query::{NoParams, Params};
use crate::api::Named;
use crate::app::App;
use crate::caller::Permitted;
use crate::problem::{Problem, no_such_connector};

/// `GET /v1/admin/connectors`
pub(crate) async fn list(
    State(app): State<App>,
    _: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<AdminConnector>>, Problem> {
    app.inventory.refresh().await?;
    let snapshot = app.inventory.snapshot();
    let all = snapshot.connectors().collect();
    Ok(Json(paging.page(all, |connector| connector.name.to_string(), |connector| shown(connector))))
}

/// `GET /v1/admin/connectors/{name}`
pub(crate) async fn show(
    State(app): State<App>,
    _: Permitted<Auditor>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    app.inventory.refresh().await?;
    let snapshot = app.inventory.snapshot();
    let connector = snapshot.connector(&name).ok_or_else(no_such_connector)?;
    Ok(tag_of(connector).on(StatusCode::OK, Json(shown(connector))))
}

/// `DELETE /v1/admin/connectors/{name}`
pub(crate) async fn remove(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    Named(name): Named,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    app.inventory.refresh().await?;
    let seen = match app.inventory.snapshot().connector(&name) {
        Some(connector) => if_match.seen(&tag_of(connector), || seen(connector))?,
        None => return Err(no_such_connector()),
    };
    app.administration.remove_connector(&name, seen, &permission).await?;
    app.inventory.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tag_of(connector: &Connector) -> ETag {
    ETag::of(connector.id, connector.revision)
}

fn seen(connector: &Connector) -> SeenConnector {
    SeenConnector { id: connector.id, revision: connector.revision }
}

fn shown(connector: &Connector) -> AdminConnector {
    let spec = match serde_json::to_value(&connector.spec) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    let managed_by = match connector.managed_by {
        ManagedBy::File => broker_api::ManagedBy::File,
        ManagedBy::Api => broker_api::ManagedBy::Api,
    };
    AdminConnector { name: connector.name.to_string(), managed_by, spec }
}
