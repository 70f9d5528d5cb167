//! One call of the container registry's: a password for docker.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Wish, invalid, may};
use crate::caller::Caller;
use crate::chance;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::policy::Context;
use crate::refusal::Refusal;
use crate::world::Snapshot;

/// The action that a header names, if it is one of this service.
pub(crate) fn action(parts: &Parts) -> Option<&str> {
    parts.headers.get("x-amz-target")?.to_str().ok()?.strip_prefix("AmazonEC2ContainerRegistry_V20150921.")
}

pub(crate) fn answer(
    cloud: &Cloud,
    world: &Snapshot,
    caller: &Caller,
    action: &str,
    errand: &Errand,
) -> Result<Answer, Refusal> {
    if action != "GetAuthorizationToken" {
        return Err(invalid("UnknownOperationException", ""));
    }
    // `registryIds` is deprecated: here it is an error, so that no mistake goes unseen.
    let is_empty = serde_json::from_slice::<Value>(&errand.body).is_ok_and(|body| body == json!({}));
    if !is_empty {
        return Err(invalid("InvalidParameterException", "an empty object is expected"));
    }
    let (action, context) = ("ecr:GetAuthorizationToken", Context::default());
    may(cloud, world, caller, errand, Wish { action, resource: "*", account: caller.account(), context })?;
    let region = errand.claim.region.as_deref().unwrap_or_default();
    let expires_at = cloud.clock.now().as_second() + TWELVE_HOURS;
    let body = json!({ "authorizationData": [{
        "authorizationToken": STANDARD.encode(format!("AWS:{}", chance::secret())),
        "expiresAt": expires_at,
        "proxyEndpoint": format!("https://{}.dkr.ecr.{region}.amazonaws.com", caller.account()),
    }] });
    Ok(Answer { content_type: CONTENT_TYPE, body: body.to_string().into() })
}

pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TWELVE_HOURS: i64 = 12 * 3_600;
