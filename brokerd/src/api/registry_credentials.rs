//! `POST /v1/connectors/{name}/ecr-credentials` and `…/codeartifact-credentials`: passwords for docker and for packages.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use broker_api::{CodeartifactCredentials, CodeartifactRequest, EcrCredentials, EcrRequest};
use broker_core::registry::{DomainName, TokenLife};
use broker_core::vend::{RegistryGiven, RegistryKind, RegistryWanted};

use super::query::{NoParams, Params};
use super::{Named, secret};
use crate::app::App;
use crate::body::{Body, OptionalBody};
use crate::caller::Asker;
use crate::problem::Problem;

#[utoipa::path(
    post,
    path = "/v1/connectors/{name}/ecr-credentials",
    tag = "Vending",
    operation_id = "vend_ecr_credentials",
    summary = "A password for docker (ECR)",
    description = "AWS is asked with credentials that are vended for it, which need `ecr:GetAuthorizationToken`. The password lives for twelve hours, \
                   however short the credentials do.",
    params(("name" = String, Path, description = "Of the connector")),
    request_body(content = Option<EcrRequest>, description = "An empty body is fine"),
    responses((status = 200, description = "The password, and where it is good for", body = EcrCredentials)),
)]
pub(crate) async fn ecr(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
    OptionalBody(EcrRequest { region, reason, mfa_code, fresh }): OptionalBody<EcrRequest>,
) -> Result<Response, Problem> {
    let (reason, mfa_code) = (super::reason(reason.as_deref())?, super::mfa_code(mfa_code.as_ref())?);
    let wanted = RegistryWanted { region: parsed("region", region)?, kind: RegistryKind::Ecr, reason, mfa_code, fresh };
    let given = app.broker.registry_password(&asker.asking(&app)?, &name, &wanted).await?;
    let RegistryGiven { region, password, arn, account } = given.value();
    Ok(secret(Json(EcrCredentials {
        username: password.username.to_owned(),
        password: given.password().clone(),
        registry: password.url.clone(),
        region: region.to_string(),
        expiration: password.expires_at,
        connector: name.to_string(),
        arn: arn.clone(),
        account_id: account.clone().map(String::from),
        vend_id: given.id().to_string(),
    })))
}

#[utoipa::path(
    post,
    path = "/v1/connectors/{name}/codeartifact-credentials",
    tag = "Vending",
    operation_id = "vend_codeartifact_credentials",
    summary = "A password for packages (CodeArtifact)",
    description = "AWS is asked with credentials that are vended for it, which need `codeartifact:GetAuthorizationToken` and \
                   `sts:GetServiceBearerToken`. The password lives as long as they do, or as long as is asked.",
    params(("name" = String, Path, description = "Of the connector")),
    request_body = CodeartifactRequest,
    responses((status = 200, description = "The password, and where it is good for", body = CodeartifactCredentials)),
)]
pub(crate) async fn codeartifact(
    State(app): State<App>,
    Named(name): Named,
    asker: Asker,
    Params(NoParams {}): Params<NoParams>,
    Body(request): Body<CodeartifactRequest>,
) -> Result<Response, Problem> {
    let CodeartifactRequest { domain, domain_owner, region, duration_seconds, reason, mfa_code, fresh } = request;
    let domain = DomainName::try_from(domain).map_err(|error| Problem::field("domain", error.to_string()))?;
    let kind = RegistryKind::CodeArtifact {
        domain: domain.clone(),
        owner: parsed("domain_owner", domain_owner)?,
        life: duration_seconds.map_or(TokenLife::AsTheCredentials, TokenLife::Seconds),
    };
    let (reason, mfa_code) = (super::reason(reason.as_deref())?, super::mfa_code(mfa_code.as_ref())?);
    let wanted = RegistryWanted { region: parsed("region", region)?, kind, reason, mfa_code, fresh };
    let given = app.broker.registry_password(&asker.asking(&app)?, &name, &wanted).await?;
    let RegistryGiven { region, password, arn, account } = given.value();
    Ok(secret(Json(CodeartifactCredentials {
        username: password.username.to_owned(),
        password: given.password().clone(),
        endpoint: password.url.clone(),
        domain: domain.as_str().to_owned(),
        domain_owner: password.owner.as_str().to_owned(),
        region: region.to_string(),
        expiration: password.expires_at,
        connector: name.to_string(),
        arn: arn.clone(),
        account_id: account.clone().map(String::from),
        vend_id: given.id().to_string(),
    })))
}

fn parsed<T: TryFrom<String, Error: std::fmt::Display>>(
    field: &str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    text.map(T::try_from).transpose().map_err(|error| Problem::field(field, error.to_string()))
}
