//! AWS's registries of packages, as far as passwords for them go: ECR and CodeArtifact.

pub(crate) mod codeartifact;
pub(crate) mod ecr;

use http::StatusCode;
use serde_json::json;

use crate::authorize::{ResourcePolicy, Target, authorize, not_authorized};
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::policy::{Ask, Context};
use crate::refusal::Refusal;
use crate::sts::describe_errand;
use crate::world::Snapshot;

/// What somebody wants to do.
struct Wish<'a> {
    action: &'a str,
    resource: &'a str,
    /// The account that owns the resource.
    account: &'a str,
    context: Context,
}

/// Whether they may, in the words of AWS's JSON services where they may not.
fn may(cloud: &Cloud, world: &Snapshot, caller: &Caller, errand: &Errand, wish: Wish<'_>) -> Result<(), Refusal> {
    let Wish { action, resource, account, mut context } = wish;
    caller.describe(world, &mut context);
    describe_errand(cloud, errand, &mut context);
    let ask = Ask { action, resource, context: &context };
    authorize(caller, world, ask, Target { account, policy: ResourcePolicy::None }).map_err(|denial| {
        let sentence = not_authorized(caller, ask.action, ask.resource);
        invalid("AccessDeniedException", format!("{sentence} {}", denial.because(ask.action)))
    })
}

fn invalid(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

/// As both protocols of JSON say no, of which one has its code in the body and the other in a header.
pub(crate) fn refusal(refusal: &Refusal, content_type: &'static str) -> Answer {
    let code = match refusal.code {
        "InvalidClientTokenId" => "UnrecognizedClientException",
        "ExpiredToken" => "ExpiredTokenException",
        code => code,
    };
    let body = json!({ "__type": code, "message": refusal.message });
    Answer { content_type, body: body.to_string().into() }
}
