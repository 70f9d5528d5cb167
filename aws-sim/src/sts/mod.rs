//! The Security Token Service: four calls, each with every rule that AWS documents for it.

mod assume_role;
mod caller_identity;
mod federation_token;
mod fields;
mod issue;
mod mfa;
mod packed;
mod session_policy;
mod session_token;
mod tags;

use http::StatusCode;

pub(crate) use self::mfa::UsedCodes;

use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::params::Params;
use crate::policy::Context;
use crate::refusal::Refusal;
use crate::server::Peer;
use crate::session::Actor;
use crate::world::Snapshot;
use crate::xml::Xml;

/// A call whose signature is proven.
struct Request<'a> {
    cloud: &'a Cloud,
    world: &'a Snapshot,
    caller: &'a Caller,
    params: Params,
    context: Context,
}

pub(crate) fn answer(cloud: &Cloud, world: &Snapshot, caller: &Caller, errand: &Errand) -> Result<Answer, Refusal> {
    let mut params = errand.params.clone();
    let action = params.take("Action").unwrap_or_default();
    let version = params.take("Version").unwrap_or_default();
    let call = match (action.as_str(), version.as_str()) {
        ("AssumeRole", VERSION) => assume_role::call,
        ("GetFederationToken", VERSION) => federation_token::call,
        ("GetSessionToken", VERSION) => session_token::call,
        ("GetCallerIdentity", VERSION) => caller_identity::call,
        _ => {
            let message = format!("Could not find operation {action} for version {version}");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidAction", message));
        }
    };
    check_region(world, caller, errand, &action)?;
    let mut context = Context::default();
    caller.describe(world, &mut context);
    describe_errand(cloud, errand, &mut context);
    let mut request = Request { cloud, world, caller, params, context };
    let result = call(&mut request)?;
    Ok(Answer::xml(enclose(&action, &errand.request_id, result)))
}

/// What policies may ask about the request itself.
pub(crate) fn describe_errand(cloud: &Cloud, errand: &Errand, context: &mut Context) {
    let now = cloud.clock.now();
    context.set("aws:CurrentTime", now.to_string());
    context.set("aws:EpochTime", now.as_second().to_string());
    context.set("aws:SecureTransport", "false");
    if let Some(Peer(address)) = errand.parts.extensions.get() {
        context.set("aws:SourceIp", address.to_string());
    }
    if let Some(region) = &errand.claim.region {
        context.set("aws:RequestedRegion", region.clone());
    }
}

/// The error document of the query protocol.
pub(crate) fn refusal(refusal: &Refusal, request_id: &str) -> Answer {
    Answer::xml(error_document(refusal, request_id, NAMESPACE))
}

pub(crate) fn error_document(refusal: &Refusal, request_id: &str, namespace: &str) -> String {
    let mut xml = Xml::default();
    xml.root("ErrorResponse", namespace, |xml| {
        xml.element("Error", |xml| {
            xml.text("Type", refusal.blame());
            xml.text("Code", refusal.code);
            xml.text("Message", &refusal.message);
        });
        xml.text("RequestId", request_id);
    });
    xml.into_string()
}

/// Writes the inside of `<ActionResult>`.
type Writer = Box<dyn FnOnce(&mut Xml)>;

fn enclose(action: &str, request_id: &str, result: Writer) -> String {
    let mut xml = Xml::default();
    xml.root(&format!("{action}Response"), NAMESPACE, |xml| {
        xml.element(&format!("{action}Result"), result);
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    });
    xml.into_string()
}

/// Credentials cannot be had where the account has switched STS off.
fn check_region(world: &Snapshot, caller: &Caller, errand: &Errand, action: &str) -> Result<(), Refusal> {
    let region = errand.claim.region.as_deref().unwrap_or_default();
    if action == "GetCallerIdentity" || !world.world.disabled_regions.contains(region) {
        return Ok(());
    }
    let message = format!(
        "STS is not activated in this region for account:{}. Your account administrator can activate STS in this \
         region using the IAM Console.",
        caller.account()
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, "RegionDisabledException", message))
}

/// `GetFederationToken` and `GetSessionToken` want an IAM user's long-term key, and give its user's ARN.
fn long_term_user<'a>(caller: &'a Caller, action: &str) -> Result<&'a str, Refusal> {
    match caller {
        Caller::User { arn, .. } => Ok(arn),
        Caller::Session(_) => Err(Refusal::access_denied(format!("Cannot call {action} with session credentials"))),
        // AWS lets root call both, for an hour. Nobody should, so the sim does not.
        Caller::Root { .. } => Err(Refusal::access_denied(format!("Cannot call {action} with root credentials"))),
    }
}

/// Federated users may ask STS who they are, and nothing else.
fn may_assume_roles(caller: &Caller) -> Result<(), Refusal> {
    match caller {
        Caller::Root { .. } => Err(Refusal::access_denied("Roles may not be assumed by root accounts.")),
        Caller::User { .. } => Ok(()),
        Caller::Session(session) => match session.actor {
            Actor::Role { .. } | Actor::User { .. } => Ok(()),
            Actor::Federated { .. } => {
                Err(Refusal::access_denied("Cannot call AssumeRole with federated user credentials"))
            }
        },
    }
}

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
