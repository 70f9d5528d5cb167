//! As much of IAM as it takes to try out rights, to rotate an access key, and to end a role's sessions.

mod keys;
mod listing;
mod role_policies;

use http::StatusCode;

use crate::authorize::{ResourcePolicy, Target, authorize, not_authorized};
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::params::Params;
use crate::policy::{Ask, Context};
use crate::refusal::Refusal;
use crate::session::Actor;
use crate::sts::{describe_errand, error_document};
use crate::world::{Snapshot, UserRecord};
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
    may_use_iam(caller)?;
    let mut params = errand.params.clone();
    let action = params.take("Action").unwrap_or_default();
    params.take("Version");
    let mut context = Context::default();
    caller.describe(world, &mut context);
    describe_errand(cloud, errand, &mut context);
    let mut request = Request { cloud, world, caller, params, context };
    let mut result = Xml::default();
    let has_result = match action.as_str() {
        "ListUsers" => listing::list_users(&mut request, &mut result)?,
        "GetUser" => listing::get_user(&mut request, &mut result)?,
        "ListRoles" => listing::list_roles(&mut request, &mut result)?,
        "GetRole" => listing::get_role(&mut request, &mut result)?,
        "ListAccessKeys" => keys::list(&mut request, &mut result)?,
        "CreateAccessKey" => keys::create(&mut request, &mut result)?,
        "UpdateAccessKey" => keys::update(&mut request)?,
        "DeleteAccessKey" => keys::delete(&mut request)?,
        "GetAccessKeyLastUsed" => keys::last_used(&mut request, &mut result)?,
        "PutRolePolicy" => role_policies::put(&mut request)?,
        "GetRolePolicy" => role_policies::get(&mut request, &mut result)?,
        "ListRolePolicies" => role_policies::list(&mut request, &mut result)?,
        "DeleteRolePolicy" => role_policies::delete(&mut request)?,
        _ => {
            let message = format!("Could not find operation {action} for version {VERSION}");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidAction", message));
        }
    };
    let mut xml = Xml::default();
    xml.root(&format!("{action}Response"), NAMESPACE, |xml| {
        if has_result {
            xml.element(&format!("{action}Result"), |xml| xml.append(&result));
        }
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", &errand.request_id));
    });
    Ok(Answer::xml(xml.into_string()))
}

pub(crate) fn refusal(refusal: &Refusal, request_id: &str) -> Answer {
    Answer::xml(error_document(refusal, request_id, NAMESPACE))
}

/// To IAM, some temporary credentials do not exist.
fn may_use_iam(caller: &Caller) -> Result<(), Refusal> {
    let refused = caller.session().is_some_and(|session| match session.actor {
        Actor::Role { .. } => false,
        Actor::Federated { .. } => true,
        Actor::User { .. } => !session.mfa,
    });
    if refused { Err(Refusal::bad_token()) } else { Ok(()) }
}

impl Request<'_> {
    fn allow(&self, action: &str, resource: &str) -> Result<(), Refusal> {
        let ask = Ask { action, resource, context: &self.context };
        let target = Target { account: self.caller.account(), policy: ResourcePolicy::None };
        authorize(self.caller, self.world, ask, target).map_err(|denial| {
            let sentence = not_authorized(self.caller, action, resource);
            Refusal::access_denied(format!("{sentence} {}", denial.because(action)))
        })
    }

    /// The user that `UserName` names; without it, the caller.
    fn user(&self, name: Option<&str>) -> Result<&UserRecord, Refusal> {
        let identity = self.caller.identities().identity;
        let account = self.caller.account();
        let found = match name {
            Some(name) => self.world.users.values().find(|user| user.account == account && user.name == name),
            None => self.world.users.get(identity),
        };
        found.ok_or_else(|| match name {
            Some(name) => no_such_entity(format!("The user with name {name} cannot be found.")),
            None => Refusal::validation("Must specify userName when calling with non-User credentials"),
        })
    }

    /// The ARN that a user of this name has or would have, for asking rights before looking.
    fn user_arn(&self, name: Option<&str>) -> String {
        match (self.user(name), name) {
            (Ok(user), _) => user.arn.clone(),
            (Err(_), Some(name)) => {
                format!("arn:{}:iam::{}:user/{name}", self.world.partition, self.caller.account())
            }
            (Err(_), None) => self.caller.identities().identity.to_owned(),
        }
    }
}

fn no_such_entity(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "NoSuchEntity", message)
}

/// The version that tells IAM's calls from STS's.
pub(crate) const VERSION: &str = "2010-05-08";
const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// When everything was made that the world began with.
const CREATED: &str = "2026-01-01T00:00:00Z";
