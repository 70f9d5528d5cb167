//! One call of CodeArtifact's: a password for the repositories of a domain. Every domain that is named well is there.

use http::Method;
use http::request::Parts;
use serde_json::json;

use super::{Wish, invalid, may};
use crate::caller::Caller;
use crate::chance;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::policy::Context;
use crate::refusal::Refusal;
use crate::world::Snapshot;

/// This service's call goes by its path.
pub(crate) fn is_it(parts: &Parts) -> bool {
    parts.method == Method::POST && parts.uri.path() == "/v1/authorization-token"
}

/// <https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_GetAuthorizationToken.html>
pub(crate) fn answer(cloud: &Cloud, world: &Snapshot, caller: &Caller, errand: &Errand) -> Result<Answer, Refusal> {
    let mut params = errand.params.clone();
    let domain = params.take("domain").ok_or_else(|| unfit("domain is missing"))?;
    let owner = params.take("domain-owner").unwrap_or_else(|| caller.account().to_owned());
    let duration =
        params.take("duration").map_or(Ok(LONGEST), |seconds| seconds.parse()).map_err(|_| unfit("duration"))?;
    params.nothing_left().map_err(|left| unfit(&left.message))?;
    let named = domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !named || !(2..=50).contains(&domain.len()) || !errand.body.is_empty() {
        return Err(unfit("domain, or a body that nobody asked for"));
    }
    if duration != 0 && !(900..=LONGEST).contains(&duration) {
        return Err(unfit("duration must be 0, or from 900 to 43200"));
    }
    let region = errand.claim.region.as_deref().unwrap_or_default();
    let resource = format!("arn:aws:codeartifact:{region}:{owner}:domain/{domain}");
    let (action, context) = ("codeartifact:GetAuthorizationToken", Context::default());
    may(cloud, world, caller, errand, Wish { action, resource: &resource, account: &owner, context })?;
    // AWS asks for a second right, and says in the request for which service.
    let mut context = Context::default();
    context.set("sts:AWSServiceName", "codeartifact.amazonaws.com");
    let action = "sts:GetServiceBearerToken";
    may(cloud, world, caller, errand, Wish { action, resource: "*", account: caller.account(), context })?;
    let expiration = cloud.clock.now().as_second() + if duration == 0 { LONGEST } else { duration };
    // As long as AWS's are.
    let token: String = (0..24).map(|_| chance::secret()).collect();
    let body = json!({ "authorizationToken": token, "expiration": expiration });
    Ok(Answer { content_type: CONTENT_TYPE, body: body.to_string().into() })
}

fn unfit(what: &str) -> Refusal {
    invalid("ValidationException", what)
}

pub(crate) const CONTENT_TYPE: &str = "application/json";
const LONGEST: i64 = 43_200;
