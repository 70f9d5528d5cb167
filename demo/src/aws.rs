//! The stand-in's world: just what the example's connectors speak of, with the trust and rights that each role would need.

use std::collections::BTreeSet;

use anyhow::{Context, anyhow};
use aws_sim::{AccessKey, Role, User, World};
use broker_core::catalog;
use broker_core::file::Environment;
use broker_core::principal::{AssumeRole, FederatedRights, Principal};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::folder::Folder;
use crate::people::DIRECTORY;

/// One account, one IAM user with the example's key, and every role and managed policy that a connector names.
pub(crate) fn world(folder: &Folder) -> anyhow::Result<World> {
    let directories = [DIRECTORY.to_owned().try_into()?];
    let context = catalog::Context {
        directories: &directories,
        secrets_folder: None,
        environment: &Environment::of_process(),
        stored_keys: None,
    };
    let catalog = catalog::read(&folder.connectors(), &context)
        .map_err(|errors| anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let key = catalog.access_keys.first().context("the example has an access key")?;
    let account = catalog.connectors.iter().find_map(|connector| connector.spec.account());
    let account = account.context("the example has a role")?;

    let key = AccessKey::new(key.details.source.as_str(), folder.main_secret().expose_secret());
    let user = User::new(account.as_str(), "broker").inline_policy("broker", rights_of_the_broker()).key(key);
    let mut world = World::new().user(user);
    let mut managed = BTreeSet::new();
    let mut roles = BTreeSet::new();
    for connector in &catalog.connectors {
        match connector.spec.principal() {
            Principal::AssumeRole(role) => {
                managed.extend(role.policy_arns.iter().map(|arn| arn.as_str().to_owned()));
                if roles.insert(role.role_arn.as_str().to_owned()) {
                    world = world.role(simulated(role)?);
                }
            }
            Principal::FederatedUser(user) => {
                if let FederatedRights::SessionPolicies { policy_arns, .. } = &user.rights {
                    managed.extend(policy_arns.iter().map(|arn| arn.as_str().to_owned()));
                }
            }
            Principal::SessionToken(_) => {}
        }
    }
    for arn in managed {
        world = world.managed_policy(&arn, reading());
    }
    Ok(world)
}

fn simulated(role: &AssumeRole) -> anyhow::Result<Role> {
    let (path, name) = role.role_arn.as_str().rsplit_once('/').context("a role's ARN has a name")?;
    let path = path.split_once(":role").map(|(_, path)| format!("{path}/")).unwrap_or_default();
    let account = role.role_arn.account();
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:{}:iam::{}:user/broker", role.role_arn.partition(), account.as_str()) },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    });
    if let Some(id) = &role.external_id
        && let Some(statement) = statement.as_object_mut()
    {
        statement.insert("Condition".to_owned(), json!({ "StringEquals": { "sts:ExternalId": id.as_str() } }));
    }
    let trust = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let rights =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let simulated =
        Role::new(account.as_str(), name, trust).inline_policy("everything", rights).max_session_duration(43_200);
    Ok(if path.len() > 1 { simulated.path(&path) } else { simulated })
}

fn rights_of_the_broker() -> serde_json::Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity", "sts:GetFederationToken"], "Resource": "*" },
        { "Effect": "Allow", "Action": ["s3:*", "cloudwatch:*"], "Resource": "*" },
    ] })
}

fn reading() -> serde_json::Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*" },
    ] })
}
