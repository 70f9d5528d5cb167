//! `GET /v1/admin/audit`: the trail, the newest first.

use axum::Json;
use axum::extract::State;
use broker_api::List;
use broker_api::admin::AuditRecord;
use broker_core::administration::ProvedRecord;
use broker_core::name::ConnectorName;
use broker_core::permission::Auditor;
use broker_core::store::TrailFilter;
use broker_core::trail::{Action, Outcome};
use serde::Deserialize;

use super::page::{Cursor, Limit, Paging};
use crate::api::query::Params;
use crate::app::App;
use crate::caller::Permitted;
use crate::problem::Problem;

/// What is looked for; nothing means everything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    after: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
    /// As the records have it, such as `person:corp/ada`.
    #[serde(default)]
    actor: Option<String>,
    #[serde(default)]
    connector: Option<ConnectorName>,
    #[serde(default)]
    action: Option<Action>,
    #[serde(default)]
    outcome: Option<Outcome>,
}

#[utoipa::path(
    get,
    path = "/v1/admin/audit",
    tag = "Administration",
    operation_id = "list_audit_records",
    summary = "The audit trail, newest first",
    description = "Role auditor.",
    params(
        Paging,
        ("actor" = Option<String>, Query, description = "As records have it, such as `person:corp/ada`"),
        ("connector" = Option<String>, Query, description = "By name"),
        ("action" = Option<String>, Query, description = "One of the words of docs/audit.md, such as `vend`"),
        ("outcome" = Option<String>, Query, description = "`success`, `refused` or `failed`"),
    ),
    responses(
        (status = 200, description = "A page of records that prove to be ours", body = List<AuditRecord>),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Permitted { permission, .. }: Permitted<Auditor>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<List<AuditRecord>>, Problem> {
    let Wanted { after, limit, actor, connector, action, outcome } = wanted;
    if actor.as_ref().is_some_and(|actor| actor.len() > LONGEST_ACTOR || actor.chars().any(char::is_control)) {
        return Err(Problem::field("actor", "an actor is what a record has, such as person:DIRECTORY/NAME"));
    }
    let filter = TrailFilter {
        actor: actor.filter(|actor| !actor.is_empty()),
        action: action.map(|action| action.as_str().to_owned()),
        outcome: outcome.map(|outcome| outcome.as_str().to_owned()),
        connector: connector.map(String::from),
    };
    let after = after.as_ref().map(Cursor::place);
    let page = app.administration.records(&permission, &filter, after, limit.get()).await?;
    let next = page.next.map(|place| Cursor::of(place).to_text());
    Ok(Json(List { items: page.items.into_iter().map(shown).collect(), next }))
}

fn shown(ProvedRecord { record, hash }: ProvedRecord) -> AuditRecord {
    AuditRecord {
        id: record.id.to_string(),
        at: record.at,
        node: record.node,
        chain: record.chain.to_string(),
        sequence: record.sequence,
        actor: record.actor,
        actor_id: record.actor_id,
        action: record.action.as_str().to_owned(),
        outcome: record.outcome.as_str().to_owned(),
        about: record.about,
        connector: record.connector,
        reason: record.reason,
        request_id: record.request_id.to_string(),
        client_address: record.client_address,
        access_key_id: record.access_key_id,
        session_name: record.session_name,
        role_arn: record.role_arn,
        source_identity: record.source_identity,
        reused: record.reused,
        count: record.count,
        changes: record.changes,
        previous_hash: record.previous_hash,
        hash: hex::encode(hash),
    }
}

/// A directory's name, and the longest word that the trail keeps.
const LONGEST_ACTOR: usize = 2_048;
