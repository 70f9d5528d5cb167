//! `ListAccessKeys`, `CreateAccessKey`, `UpdateAccessKey`, `DeleteAccessKey`, `GetAccessKeyLastUsed`.

use http::StatusCode;
use jiff::Timestamp;

use super::{CREATED, Request, no_such_entity};
use crate::refusal::Refusal;
use crate::world::{AccessKey, Holder, KeyRecord, KeyStatus, WorldError};
use crate::xml::Xml;

pub(super) fn list(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let (user_arn, user_name) = user_of(request, "iam:ListAccessKeys", &["MaxItems"])?;
    let keys = request.world.world.users.iter().find(|user| user.arn(request.world.partition) == user_arn);
    xml.element("AccessKeyMetadata", |xml| {
        for key in keys.map_or(&[][..], |user| &user.keys) {
            xml.element("member", |xml| {
                xml.text("UserName", &user_name);
                xml.text("AccessKeyId", key.id());
                xml.text("Status", status_name(key.status));
                xml.text("CreateDate", &create_date(key));
            });
        }
    });
    xml.text("IsTruncated", "false");
    Ok(true)
}

pub(super) fn create(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let (user_arn, user_name) = user_of(request, "iam:CreateAccessKey", &[])?;
    let key = AccessKey::random().made_at(request.cloud.clock.now());
    request.cloud.world.add_key(&user_arn, key.clone()).map_err(failed)?;
    note(request, key.id());
    xml.element("AccessKey", |xml| {
        xml.text("UserName", &user_name);
        xml.text("AccessKeyId", key.id());
        xml.text("Status", "Active");
        xml.text("SecretAccessKey", key.secret());
        xml.text("CreateDate", &create_date(&key));
    });
    Ok(true)
}

pub(super) fn update(request: &mut Request<'_>) -> Result<bool, Refusal> {
    let id = request.params.take("AccessKeyId").unwrap_or_default();
    let status = request.params.take("Status").unwrap_or_default();
    let (user_arn, _) = user_of(request, "iam:UpdateAccessKey", &[])?;
    check_holder(request, &user_arn, &id)?;
    match status.as_str() {
        "Active" => request.cloud.world.activate_key(&id),
        "Inactive" => request.cloud.world.deactivate_key(&id),
        _ => {
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value '{status}' at 'status' failed to satisfy constraint: Member must \
                 satisfy enum value set: [Active, Inactive]"
            )));
        }
    }
    .map_err(failed)?;
    note(request, &id);
    Ok(false)
}

pub(super) fn delete(request: &mut Request<'_>) -> Result<bool, Refusal> {
    let id = request.params.take("AccessKeyId").unwrap_or_default();
    let (user_arn, _) = user_of(request, "iam:DeleteAccessKey", &[])?;
    check_holder(request, &user_arn, &id)?;
    request.cloud.world.delete_key(&id).map_err(failed)?;
    note(request, &id);
    Ok(false)
}

pub(super) fn last_used(request: &mut Request<'_>, xml: &mut Xml) -> Result<bool, Refusal> {
    let id = request.params.take("AccessKeyId").unwrap_or_default();
    request.params.nothing_left()?;
    let account = request.caller.account();
    let holders = request.world.users.values().filter(|user| user.account == account);
    let held = |arn: &str| matches!(request.world.keys.get(&id), Some(KeyRecord { holder: Holder::User { arn: holder }, .. }) if holder == arn);
    let user = holders.into_iter().find(|user| held(&user.arn)).ok_or_else(|| no_such_key(&id))?;
    request.allow("iam:GetAccessKeyLastUsed", &user.arn)?;
    xml.text("UserName", &user.name);
    let last = request.cloud.last_used.of(&id);
    xml.element("AccessKeyLastUsed", |xml| {
        if let Some(last) = &last {
            xml.text("LastUsedDate", &to_the_second(last.at));
        }
        xml.text("ServiceName", last.as_ref().map_or("N/A", |last| last.service));
        xml.text("Region", last.as_ref().map_or("N/A", |last| &last.region));
    });
    Ok(true)
}

/// The rest of AWS may hear of it later.
fn note(request: &Request<'_>, id: &str) {
    let before = request.world.keys.get(id).cloned();
    request.cloud.consistency.note(id, before, request.cloud.clock.now());
}

/// The user that the call is about, if the caller may do this to them: ARN and name.
fn user_of(request: &mut Request<'_>, action: &str, ignored: &[&str]) -> Result<(String, String), Refusal> {
    let name = request.params.take("UserName");
    for parameter in ignored {
        request.params.take(parameter);
    }
    request.params.nothing_left()?;
    request.allow(action, &request.user_arn(name.as_deref()))?;
    let user = request.user(name.as_deref())?;
    Ok((user.arn.clone(), user.name.clone()))
}

fn check_holder(request: &Request<'_>, user_arn: &str, id: &str) -> Result<(), Refusal> {
    let holder = request.world.keys.get(id).map(|key| &key.holder);
    match holder {
        Some(Holder::User { arn }) if arn == user_arn => Ok(()),
        Some(_) | None => Err(no_such_key(id)),
    }
}

fn no_such_key(id: &str) -> Refusal {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

fn failed(error: WorldError) -> Refusal {
    match error {
        WorldError::TooManyKeys(_) => {
            Refusal::new(StatusCode::CONFLICT, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
        }
        other => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ServiceFailure", other.to_string()),
    }
}

fn create_date(key: &AccessKey) -> String {
    key.made_at.map_or_else(|| CREATED.to_owned(), to_the_second)
}

fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn status_name(status: KeyStatus) -> &'static str {
    match status {
        KeyStatus::Active => "Active",
        KeyStatus::Inactive => "Inactive",
    }
}
