//! `PutRolePolicy`, `GetRolePolicy`, `ListRolePolicies`, `DeleteRolePolicy`: a role's inline policies.

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Request, no_such_entity};
use crate::refusal::Refusal;
use crate::world::{RoleRecord, WorldError};
use crate::xml::Xml;

pub(super) fn put(request: &mut Request<'_>) -> Result<bool, Refusal> {
    let document = request.params.take("PolicyDocument").unwrap_or_default();
    let name = policy_name(request)?;
    let arn = modifiable(request, "iam:PutRolePolicy")?.arn.clone();
    let others = policies_of(request, &arn).filter(|(other, _)| *other != name).map(|(_, text)| measured(text));
    if others.sum::<usize>() + measured(&document) > MAX_POLICIES {
        let message = format!("Maximum policy size of {MAX_POLICIES} bytes exceeded for role {}", last_part(&arn));
        return Err(Refusal::new(StatusCode::CONFLICT, "LimitExceeded", message));
    }
    request.cloud.world.put_policy(&arn, &name, &document).map_err(|error| match error {
        WorldError::Policy { complaint, .. } => Refusal::malformed_policy(complaint),
        other => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ServiceFailure", other.to_string()),
    })?;
    Ok(false)
}

pub(super) fn get(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let name = policy_name(request)?;
    let arn = role(request, "iam:GetRolePolicy")?.arn.clone();
    let found = policies_of(request, &arn).find(|(other, _)| *other == name);
    let (_, text) = found.ok_or_else(|| no_such_policy(&name))?;
    xml.text("RoleName", last_part(&arn));
    xml.text("PolicyName", &name);
    xml.text("PolicyDocument", &utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
    Ok(true)
}

pub(super) fn list(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    request.params.take("MaxItems");
    let arn = role(request, "iam:ListRolePolicies")?.arn.clone();
    xml.element("PolicyNames", |xml| {
        for (name, _) in policies_of(request, &arn) {
            xml.text("member", name);
        }
    });
    xml.text("IsTruncated", "false");
    Ok(true)
}

pub(super) fn delete(request: &mut Request<'_>) -> Result<bool, Refusal> {
    let name = policy_name(request)?;
    let arn = modifiable(request, "iam:DeleteRolePolicy")?.arn.clone();
    request.cloud.world.remove_policy(&arn, &name).map_err(|_| no_such_policy(&name))?;
    Ok(false)
}

/// The role that `RoleName` names, if the caller may do this to it; the last parameter to be taken.
fn role<'a>(request: &mut Request<'a>, action: &str) -> Result<&'a RoleRecord, Refusal> {
    let name = request.params.take("RoleName").unwrap_or_default();
    request.params.nothing_left()?;
    let (world, account) = (request.world, request.caller.account());
    let found = world.roles.values().find(|role| role.account == account && role.name == name);
    let arn = found.map_or_else(|| format!("arn:{}:iam::{account}:role/{name}", world.partition), |it| it.arn.clone());
    request.allow(action, &arn)?;
    found.ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))
}

/// The same for changes, which AWS's own roles do not suffer.
fn modifiable<'a>(request: &mut Request<'a>, action: &str) -> Result<&'a RoleRecord, Refusal> {
    let role = role(request, action)?;
    if ["/aws-service-role/", "/aws-reserved/"].iter().any(|path| role.path.starts_with(path)) {
        let message = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "UnmodifiableEntity", message));
    }
    Ok(role)
}

fn policy_name(request: &mut Request<'_>) -> Result<String, Refusal> {
    let name = request.params.take("PolicyName").unwrap_or_default();
    let fits = (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    fits.then_some(name).ok_or_else(|| {
        Refusal::validation(
            "The specified value for policyName is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-",
        )
    })
}

fn policies_of<'a>(request: &Request<'a>, arn: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let world = request.world;
    let role = world.world.roles.iter().find(|role| role.arn(world.partition) == arn);
    role.into_iter().flat_map(|role| &role.inline_policies).map(|(name, text)| (name.as_str(), text.as_str()))
}

/// IAM does not count white space.
fn measured(document: &str) -> usize {
    document.chars().filter(|char| !char.is_whitespace()).count()
}

fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn no_such_policy(name: &str) -> Refusal {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

/// All inline policies of a role together.
const MAX_POLICIES: usize = 10_240;
