//! `/v1/admin/service-tokens`: tokens for jobs, shown once and taken away at once.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use broker_api::List;
use broker_api::admin::{CreatedServiceToken, NewServiceToken, ServiceToken};
use broker_core::administration::{self, TokenIdentifier};
use broker_core::id::ServiceTokenId;
use broker_core::inventory::Snapshot;
use broker_core::permission::{Administrator, Auditor, Operator};
use broker_core::session;
use ipnet::IpNet;
use jiff::Timestamp;

use super::etag::{ETag, IfMatch};
use super::page::Paging;
use super::path::ById;
use crate::api::query::{NoParams, Params};
use crate::api::secret;
use crate::app::App;
use crate::body::Body;
use crate::caller::Permitted;
use crate::problem::{Code, Problem};

/// `GET /v1/admin/service-tokens`
#[utoipa::path(
    get,
    path = "/v1/admin/service-tokens",
    tag = "Administration",
    operation_id = "list_service_tokens",
    summary = "The tokens of jobs",
    description = "Role auditor.",
    params(Paging),
    responses(
        (status = 200, description = "A page; the tokens themselves are kept nowhere", body = List<ServiceToken>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(paging): Params<Paging>,
) -> Result<Json<List<ServiceToken>>, Problem> {
    app.inventory.refresh().await?;
    let (snapshot, now) = (app.inventory.snapshot(), app.clock.now());
    let tokens = app.administration.service_tokens(&permission).await?;
    let page = paging.page(tokens, |token| token.name.to_string());
    let items = page.items.into_iter().map(|token| shown(token, &snapshot, now)).collect();
    Ok(Json(List { items, next: page.next }))
}

/// `POST /v1/admin/service-tokens`
#[utoipa::path(
    post,
    path = "/v1/admin/service-tokens",
    tag = "Administration",
    operation_id = "create_service_token",
    summary = "Make a token for a job",
    description = "Role operator; a sign-in less than 15 minutes old.",
    request_body(content = NewServiceToken),
    responses(
        (status = 201, description = "Made; `token` is in this answer alone", body = CreatedServiceToken, headers(("ETag" = String, description = "Which one this is, for `If-Match`"))),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    Params(NoParams {}): Params<NoParams>,
    Body(asked): Body<NewServiceToken>,
) -> Result<Response, Problem> {
    let (token, made) = app.administration.create_service_token(wanted(asked)?, &permission).await?;
    app.inventory.refresh().await?;
    let tag = tag_of(made.id);
    let service_token = shown(made, &app.inventory.snapshot(), app.clock.now());
    Ok(secret(tag.on(StatusCode::CREATED, Json(CreatedServiceToken { token, service_token }))))
}

/// `DELETE /v1/admin/service-tokens/{id}`
#[utoipa::path(
    delete,
    path = "/v1/admin/service-tokens/{id}",
    tag = "Administration",
    operation_id = "revoke_service_token",
    summary = "Revoke a token",
    description = "Role operator; a sign-in less than 15 minutes old.",
    params(
        ("id" = String, Path, description = "Of the service token"),
        IfMatch,
    ),
    responses(
        (status = 204, description = "Good for nothing, on every node"),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Operator>,
    ById(id): ById,
    Params(NoParams {}): Params<NoParams>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::new(Code::NotFound, "there is no such service token"))?;
    if_match.seen(&tag_of(id), || ())?;
    app.administration.revoke_service_token(&TokenIdentifier::Id(id), &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/admin/service-tokens/{id}/confirm`: it counts again after a backup was restored. Nothing happens to one that counts.
#[utoipa::path(
    post,
    path = "/v1/admin/service-tokens/{id}/confirm",
    tag = "Administration",
    operation_id = "confirm_service_token",
    summary = "Let a token count again after a backup was restored",
    description = "Role administrator; a sign-in less than 15 minutes old.",
    params(
        ("id" = String, Path, description = "Of the service token"),
    ),
    responses(
        (status = 204, description = "It counts"),
    ),
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Administrator>,
    ById(id): ById,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::new(Code::NotFound, "there is no such service token"))?;
    app.administration.confirm_service_tokens(&[id], &permission).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a token is good for never changes.
fn tag_of(id: ServiceTokenId) -> ETag {
    ETag::of(id, 1)
}

fn wanted(asked: NewServiceToken) -> Result<administration::NewServiceToken, Problem> {
    let NewServiceToken { name, connectors, expires_at, networks } = asked;
    let connector = |(number, name): (usize, String)| {
        name.try_into().map_err(|error| Problem::field(&format!("connectors[{number}]"), format!("{error}")))
    };
    let network = |(number, text): (usize, String)| {
        let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)));
        network.map(|network| network.trunc()).map_err(|_| {
            let detail = "write a network such as 203.0.113.0/24, or one address";
            Problem::field(&format!("networks[{number}]"), detail)
        })
    };
    if networks.len() > MOST_NETWORKS {
        return Err(Problem::field("networks", format!("at most {MOST_NETWORKS} networks")));
    }
    Ok(administration::NewServiceToken {
        name: name.try_into().map_err(|error| Problem::field("name", format!("{error}")))?,
        connectors: connectors.into_iter().enumerate().map(connector).collect::<Result<_, _>>()?,
        expires_at,
        networks: networks.into_iter().enumerate().map(network).collect::<Result<_, _>>()?,
    })
}

fn shown(token: session::ServiceToken, snapshot: &Snapshot, now: Timestamp) -> ServiceToken {
    let named = snapshot.connectors().filter(|connector| token.terms.connectors.contains(&connector.id));
    ServiceToken {
        id: token.id.to_string(),
        etag: tag_of(token.id).to_text(),
        name: token.name.to_string(),
        connectors: named.map(|connector| connector.name.to_string()).collect(),
        networks: token.terms.networks.iter().map(ToString::to_string).collect(),
        created_at: token.created_at,
        created_by: token.terms.created_by,
        created_by_id: token.terms.created_by_id,
        expires_at: token.expires_at,
        expired: token.expires_at <= now,
        awaits_confirmation: token.awaits_confirmation,
        last_used_at: token.last_used_at,
    }
}

const MOST_NETWORKS: usize = 100;
