//! `ListUsers`, `GetUser`, `ListRoles`, `GetRole`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CREATED, Request, no_such_entity};
use crate::refusal::Refusal;
use crate::world::{RoleRecord, UserRecord};
use crate::xml::Xml;

pub(super) fn list_users(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let prefix = path_prefix(request)?;
    let account = request.caller.account();
    request.allow("iam:ListUsers", &format!("arn:{}:iam::{account}:user{prefix}", request.world.partition))?;
    let users = request.world.users.values().filter(|user| user.account == account && user.path.starts_with(&prefix));
    xml.element("Users", |xml| {
        for user in users {
            xml.element("member", |xml| write_user(xml, user));
        }
    });
    xml.text("IsTruncated", "false");
    Ok(true)
}

pub(super) fn get_user(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let name = request.params.take("UserName");
    request.params.nothing_left()?;
    request.allow("iam:GetUser", &request.user_arn(name.as_deref()))?;
    let user = request.user(name.as_deref())?;
    xml.element("User", |xml| write_user(xml, user));
    Ok(true)
}

pub(super) fn list_roles(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let prefix = path_prefix(request)?;
    let account = request.caller.account();
    request.allow("iam:ListRoles", &format!("arn:{}:iam::{account}:role{prefix}", request.world.partition))?;
    let roles = request.world.roles.values().filter(|role| role.account == account && role.path.starts_with(&prefix));
    xml.element("Roles", |xml| {
        for role in roles {
            xml.element("member", |xml| write_role(xml, role));
        }
    });
    xml.text("IsTruncated", "false");
    Ok(true)
}

pub(super) fn get_role(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let name = request.params.take("RoleName").unwrap_or_default();
    request.params.nothing_left()?;
    let account = request.caller.account();
    let role = request.world.roles.values().find(|role| role.account == account && role.name == name);
    let arn = role
        .map_or_else(|| format!("arn:{}:iam::{account}:role/{name}", request.world.partition), |role| role.arn.clone());
    request.allow("iam:GetRole", &arn)?;
    let role = role.ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))?;
    xml.element("Role", |xml| write_role(xml, role));
    Ok(true)
}

/// The sim gives everything on one page.
fn path_prefix(request: &mut Request<'_>) -> Result<String, Refusal> {
    let prefix = request.params.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    request.params.take("MaxItems");
    request.params.nothing_left()?;
    Ok(prefix)
}

fn write_user(xml: &mut Xml, user: &UserRecord) {
    xml.text("Path", &user.path);
    xml.text("UserName", &user.name);
    xml.text("UserId", &user.id);
    xml.text("Arn", &user.arn);
    xml.text("CreateDate", CREATED);
}

fn write_role(xml: &mut Xml, role: &RoleRecord) {
    xml.text("Path", &role.path);
    xml.text("RoleName", &role.name);
    xml.text("RoleId", &role.id);
    xml.text("Arn", &role.arn);
    xml.text("CreateDate", CREATED);
    xml.text("AssumeRolePolicyDocument", &utf8_percent_encode(&role.trust_text, NON_ALPHANUMERIC).to_string());
    xml.text("MaxSessionDuration", &role.max_session_seconds.to_string());
}
