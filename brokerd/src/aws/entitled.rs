//! `GET /assignment/accounts` and `GET /assignment/roles`: what the person may use, as accounts with roles.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use broker_core::arn::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{AwsError, TOLD, Told};
use super::page::{MaxResult, page};
use crate::api::query::Params;
use crate::app::App;
use crate::caller::Asker;

#[derive(Debug, Deserialize)]
pub(crate) struct AccountsAsked {
    next_token: Option<String>,
    #[serde(default)]
    max_result: MaxResult,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RolesAsked {
    account_id: String,
    next_token: Option<String>,
    #[serde(default)]
    max_result: MaxResult,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accounts {
    account_list: Vec<Account>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    account_id: String,
    /// As the configuration calls it, or its number.
    account_name: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Roles {
    role_list: Vec<Role>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Role {
    /// A connector's name.
    role_name: String,
    account_id: String,
}

#[utoipa::path(
    get,
    path = "/assignment/accounts",
    tag = "AWS's own clients",
    operation_id = "list_accounts",
    summary = "The accounts of the connectors that one may use (SSO ListAccounts)",
    description = "",
    params(
        ("next_token" = Option<String>, Query, description = "Of the page before"),
        ("max_result" = Option<u32>, Query, description = "1 to 100 in a page; 100 where nothing is said"),
    ),
    responses(
        (status = 200, description = "A page of them", body = Accounts),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn accounts(
    State(app): State<App>,
    asker: Asker,
    Params(wanted): Params<AccountsAsked>,
) -> Result<Json<Accounts>, AwsError> {
    let accounts: BTreeSet<AccountId> = usable(&app, &asker).map(|(account, _)| account).collect();
    let (accounts, next_token) =
        page(accounts.iter(), AccountId::as_str, wanted.next_token.as_deref(), wanted.max_result);
    let shown = |account: &AccountId| Account {
        account_id: account.as_str().to_owned(),
        account_name: app
            .settings
            .aws_clients
            .account_names
            .get(account)
            .cloned()
            .unwrap_or_else(|| account.clone().into()),
    };
    Ok(Json(Accounts { account_list: accounts.into_iter().map(shown).collect(), next_token }))
}

#[utoipa::path(
    get,
    path = "/assignment/roles",
    tag = "AWS's own clients",
    operation_id = "list_roles",
    summary = "The connectors of one account that one may use (SSO ListAccountRoles)",
    description = "",
    params(
        ("account_id" = String, Query, description = "The account"),
        ("next_token" = Option<String>, Query, description = "Of the page before"),
        ("max_result" = Option<u32>, Query, description = "1 to 100 in a page; 100 where nothing is said"),
    ),
    responses(
        (status = 200, description = "A page of them", body = Roles),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn roles(
    State(app): State<App>,
    asker: Asker,
    Params(wanted): Params<RolesAsked>,
) -> Result<Json<Roles>, AwsError> {
    let names = usable(&app, &asker).filter(|(account, _)| account.as_str() == wanted.account_id).map(|(_, name)| name);
    let names: BTreeSet<String> = names.collect();
    let (names, next_token) = page(names.iter(), String::as_str, wanted.next_token.as_deref(), wanted.max_result);
    let shown = |name: &String| Role { role_name: name.clone(), account_id: wanted.account_id.clone() };
    Ok(Json(Roles { role_list: names.into_iter().map(shown).collect(), next_token }))
}

/// Each connector that the caller may use, with the account that it acts in. One whose account AWS has not told yet is left out.
fn usable(app: &App, asker: &Asker) -> impl Iterator<Item = (AccountId, String)> {
    app.broker
        .usable_by(&asker.caller)
        .into_iter()
        .filter_map(|connector| Some((app.broker.account_of(&connector)?, connector.name.to_string())))
}
