//! Between an access key on the wire and a legal one. No error repeats what was sent: people mix up the id and the secret.

use std::collections::BTreeMap;

use broker_api::admin::{self, AccessKeyState, DamagedAccessKey, DamagedState, ListedAccessKey, RefusedAccessKey};
use broker_core::access_key::{AccessKey, KeyDetails, KeySource, Serves};
use broker_core::administration::NewAccessKey;
use broker_core::arn::RoleArn;
use broker_core::connector::ManagedBy;
use broker_core::inventory::Snapshot;
use broker_core::name::AccessKeyName;
use broker_core::partition::Region;
use broker_core::principal::PrincipalType;
use broker_core::store::{Damage, DamagedRow};
use secrecy::SecretString;

use crate::api::admin::etag::ETag;
use crate::problem::Problem;

/// Which connectors use which key.
pub(super) struct Uses(BTreeMap<AccessKeyName, Vec<String>>);

impl Uses {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut uses: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for connector in snapshot.connectors() {
            uses.entry(connector.spec.access_key().clone()).or_default().push(connector.name.to_string());
        }
        Self(uses)
    }
}

pub(super) fn new(asked: admin::NewAccessKey) -> Result<NewAccessKey, Problem> {
    let admin::NewAccessKey { name, region, access_key_id, secret_access_key, serves } = asked;
    let name = name.try_into().map_err(|_| Problem::field("name", NO_NAME))?;
    wanted(name, region, access_key_id, secret_access_key, serves)
}

pub(super) fn replaced(name: AccessKeyName, asked: admin::ReplacedAccessKey) -> Result<NewAccessKey, Problem> {
    let admin::ReplacedAccessKey { region, access_key_id, secret_access_key, serves } = asked;
    wanted(name, region, access_key_id, secret_access_key, serves)
}

fn wanted(
    name: AccessKeyName,
    region: String,
    access_key_id: String,
    secret: SecretString,
    serves: admin::Serves,
) -> Result<NewAccessKey, Problem> {
    let region: Region = region.try_into().map_err(|_| Problem::field("region", NO_REGION))?;
    let aws_key_id = access_key_id.try_into().map_err(|error| Problem::field("access_key_id", format!("{error}")))?;
    let source = KeySource::Stored(aws_key_id);
    let serves = restrictions(serves, &region)?;
    // Where STS is, when it is not where the region says, stands in files only.
    let details = KeyDetails { source, region, endpoint_url: None, serves, owner: None, expected_owner: None };
    Ok(NewAccessKey { name, details, secret })
}

fn restrictions(serves: admin::Serves, region: &Region) -> Result<Serves, Problem> {
    let admin::Serves { principals, role_arns, connectors } = serves;
    let role = |(number, text): (usize, String)| {
        let field = format!("serves.role_arns[{number}]");
        let arn: RoleArn = text.try_into().map_err(|_| Problem::field(&field, NO_ROLE))?;
        if arn.partition() == region.partition() { Ok(arn) } else { Err(Problem::field(&field, OTHER_PARTITION)) }
    };
    let connector = |(number, text): (usize, String)| {
        text.try_into().map_err(|_| Problem::field(&format!("serves.connectors[{number}]"), NO_NAME))
    };
    Ok(Serves {
        principals: principals.into_iter().map(read_type).collect(),
        role_arns: role_arns.into_iter().enumerate().map(role).collect::<Result<_, _>>()?,
        connectors: connectors.into_iter().enumerate().map(connector).collect::<Result<_, _>>()?,
    })
}

pub(super) fn listed(key: &AccessKey, uses: &Uses) -> ListedAccessKey {
    ListedAccessKey::Stored(Box::new(shown(key, uses)))
}

pub(super) fn shown(key: &AccessKey, uses: &Uses) -> admin::AccessKey {
    let AccessKey { name, generation, managed_by, details, health, .. } = key;
    let owner = details.owner.as_ref();
    let refused = health.refused.clone().map(|(at, code)| RefusedAccessKey { at, code });
    let state = match (&details.expected_owner, &refused, owner) {
        (Some(_), _, Some(_)) => AccessKeyState::OtherOwner,
        (_, Some(_), _) => AccessKeyState::Refused,
        (_, None, None) => AccessKeyState::Unproved,
        (None, None, Some(_)) => AccessKeyState::Proved,
    };
    admin::AccessKey {
        name: name.to_string(),
        managed_by: match managed_by {
            ManagedBy::File => admin::ManagedBy::File,
            ManagedBy::Api => admin::ManagedBy::Api,
        },
        access_key_id: match &details.source {
            KeySource::Stored(id) => Some(id.to_string()),
            KeySource::Ambient => None,
        },
        region: details.region.to_string(),
        partition: key.partition().to_string(),
        serves: shown_restrictions(&details.serves),
        state,
        account_id: owner.map(|owner| owner.account.as_str().to_owned()),
        arn: owner.map(|owner| owner.arn.clone()),
        expected_arn: details.expected_owner.as_ref().map(|owner| owner.arn.clone()),
        refused,
        generation: *generation,
        etag: tag_of(key).to_text(),
        connectors: uses.0.get(name).cloned().unwrap_or_default(),
    }
}

/// Which version of a key this is.
pub(super) fn tag_of(key: &AccessKey) -> ETag {
    ETag::of(key.id, key.generation)
}

pub(super) fn damaged(row: &DamagedRow) -> ListedAccessKey {
    let detail = match row.damage {
        Damage::NotOurs => NOT_OURS,
        Damage::Unreadable => UNREADABLE,
        Damage::Gone => GONE,
    };
    ListedAccessKey::Damaged(DamagedAccessKey {
        name: row.shown_name(),
        id: row.shown_id(),
        state: DamagedState::Damaged,
        detail: detail.to_owned(),
    })
}

/// Where such a row stands in the list: behind every name.
pub(super) fn place(row: &DamagedRow) -> String {
    format!("~{}", row.shown_id().replace(char::REPLACEMENT_CHARACTER, "?"))
}

fn shown_restrictions(serves: &Serves) -> admin::Serves {
    admin::Serves {
        principals: serves.principals.iter().copied().map(shown_type).collect(),
        role_arns: serves.role_arns.iter().map(|arn| arn.as_str().to_owned()).collect(),
        connectors: serves.connectors.iter().map(ToString::to_string).collect(),
    }
}

fn read_type(kind: broker_api::PrincipalType) -> PrincipalType {
    match kind {
        broker_api::PrincipalType::FederatedUser => PrincipalType::FederatedUser,
        broker_api::PrincipalType::AssumeRole => PrincipalType::AssumeRole,
        broker_api::PrincipalType::SessionToken => PrincipalType::SessionToken,
    }
}

fn shown_type(kind: PrincipalType) -> broker_api::PrincipalType {
    match kind {
        PrincipalType::FederatedUser => broker_api::PrincipalType::FederatedUser,
        PrincipalType::AssumeRole => broker_api::PrincipalType::AssumeRole,
        PrincipalType::SessionToken => broker_api::PrincipalType::SessionToken,
    }
}

const NO_NAME: &str =
    "this is not a name: begin with a-z or 0-9, go on with a-z, 0-9, `.`, `_` or `-`, 63 characters at most";
const NO_REGION: &str = "this is not the name of an AWS region, such as eu-central-1";
const NO_ROLE: &str = "this is not the ARN of an IAM role, such as arn:aws:iam::123456789012:role/deploy";
const OTHER_PARTITION: &str = "this role is of another partition than the region";
const NOT_OURS: &str =
    "somebody else wrote this row: put a good key there under the same name, or take it away with `brokerd key remove`";
const GONE: &str =
    "connectors name it, and its row is not there: somebody took it away. Put a good key there under the same name";
const UNREADABLE: &str = "a newer release wrote this row: use that one";
