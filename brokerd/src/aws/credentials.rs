//! `GET /federation/credentials`: the credentials of one account and role, which is a connector.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use broker_core::arn::AccountId;
use broker_core::name::ConnectorName;
use broker_core::trail::{Action, Actor, Entry, Outcome, RefusalKind};
use broker_core::vend::{RenderError, VendError, VendRequest};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{AwsError, TOLD, Told};
use crate::api::query::Params;
use crate::api::secret;
use crate::app::App;
use crate::caller::Borrower;
use crate::problem::Problem;

#[derive(Debug, Deserialize)]
pub(crate) struct Which {
    role_name: String,
    account_id: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FederationAnswer {
    role_credentials: RoleCredentials,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleCredentials {
    access_key_id: String,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    secret_access_key: SecretString,
    #[serde(serialize_with = "broker_api::secret::expose")]
    #[schema(value_type = String)]
    session_token: SecretString,
    /// Milliseconds since 1970.
    expiration: i64,
}

#[utoipa::path(
    get,
    path = "/federation/credentials",
    tag = "AWS's own clients",
    operation_id = "show_role_credentials",
    summary = "Temporary credentials (SSO GetRoleCredentials)",
    description = "The role is a connector's name, the account the one that it acts in. What is missing and what is not granted are the same `ForbiddenException`.",
    params(
        ("role_name" = String, Query, description = "A connector"),
        ("account_id" = String, Query, description = "The account that it acts in"),
    ),
    responses(
        (status = 200, description = "The credentials", body = FederationAnswer),
        (status = "default", description = TOLD, body = Told),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    borrower: Borrower,
    Params(Which { role_name, account_id }): Params<Which>,
) -> Result<Response, AwsError> {
    let asking = borrower.asking(&app)?;
    let (Ok(name), Ok(account)) = (ConnectorName::try_from(role_name), AccountId::try_from(account_id)) else {
        return Err(no_such_names(borrower, &app).await);
    };
    let ask = VendRequest { account: Some(account), ..VendRequest::default() };
    let vended = app.broker.vend(&asking, &name, &ask).await.map_err(|error| match error {
        VendError::NoSuchConnector | VendError::NotEntitled(_) | VendError::OtherAccount => not_for_you(&app),
        VendError::Request(RenderError::ReasonRequired) => AwsError::forbidden(
            "this connector wants to know why it is used, and the AWS CLI cannot say: open its console from the broker's start page, or ask its API with a `reason`",
        ),
        VendError::Request(error @ RenderError::MfaCodeRequired(_)) => AwsError::forbidden(format!(
            "{error}, and the AWS CLI cannot ask for it here: open its console from the broker's start page, or run `broker creds {name}` or `broker exec {name}` on a terminal",
        )),
        error => Problem::from(error).into(),
    })?;
    let credentials = &vended.value().credentials;
    Ok(secret(Json(FederationAnswer {
        role_credentials: RoleCredentials {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: vended.secret_access_key().clone(),
            session_token: vended.session_token().clone(),
            expiration: credentials.expires_at.as_millisecond(),
        },
    })))
}

/// What no connector or account can be called is refused as one that is not there.
async fn no_such_names(borrower: Borrower, app: &App) -> AwsError {
    let asker = match borrower.read_now(app).await {
        Ok(asker) => asker,
        Err(problem) => return problem.into(),
    };
    let entry = Entry::new(Actor::of(&asker.caller), Action::Vend, Outcome::Refused, asker.origin);
    app.trail.note_refusal(RefusalKind::Vend, entry.reason(&"no such role in that account, for this person"));
    not_for_you(app)
}

/// Says whom to ask, and not whether there is such a thing.
pub(super) fn not_for_you(app: &App) -> AwsError {
    let help = app.settings.aws_clients.help();
    AwsError::forbidden(format!("There is no such role in that account, or none of your groups is granted it. {help}"))
}
