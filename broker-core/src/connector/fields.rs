//! A connector as people write it, and as the store keeps it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Audience, ConnectorError, ConnectorSpec, Reuse, Scope};
use crate::character::is_hidden;
use crate::destination::{Destination, DestinationError};
use crate::name::{AccessKeyName, Group};
use crate::principal::Principal;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectorFields {
    #[serde(default)]
    description: String,
    access_key: AccessKeyName,
    #[serde(default)]
    scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groups: Option<BTreeSet<Group>>,
    #[serde(default)]
    reuse: Reuse,
    #[serde(default, skip_serializing_if = "is_not")]
    require_reason: bool,
    #[serde(default, skip_serializing_if = "is_not")]
    require_second_factor: bool,
    #[serde(default = "yes", skip_serializing_if = "is")]
    registry_passwords: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    console: Option<ConsoleFields>,
    principal: Principal,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleFields {
    destination: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReuseFields {
    Off,
    #[serde(untagged)]
    Share(ReuseShare),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReuseShare {
    minimum_share: f64,
}

impl TryFrom<ConnectorFields> for ConnectorSpec {
    type Error = ConnectorError;

    fn try_from(fields: ConnectorFields) -> Result<Self, ConnectorError> {
        if fields.description.chars().count() > MAX_DESCRIPTION || fields.description.chars().any(is_hidden) {
            return Err(ConnectorError::Description);
        }
        let audience = match (fields.scope, fields.groups) {
            (Scope::User, groups) => Audience::People(groups.unwrap_or_default()),
            (Scope::System, None) => Audience::System,
            (Scope::System, Some(_)) => return Err(ConnectorError::GroupsOfSystem),
        };
        if matches!(&audience, Audience::People(groups) if groups.len() > MAX_GROUPS) {
            return Err(ConnectorError::TooManyGroups);
        }
        if fields.require_second_factor && audience == Audience::System {
            return Err(ConnectorError::SecondFactorOfSystem);
        }
        if fields.principal.mfa_serial().is_some() && audience == Audience::System {
            return Err(ConnectorError::MfaOfSystem);
        }
        let console = match (&fields.principal, &audience, fields.console) {
            (_, _, None) => None,
            (Principal::SessionToken(_), _, Some(_)) => return Err(ConnectorError::ConsoleOfSessionToken),
            (_, Audience::System, Some(_)) => return Err(ConnectorError::ConsoleOfSystem),
            (principal, Audience::People(_), Some(console)) => {
                let destination = Destination::parse(&console.destination)?;
                if principal.partition().is_some_and(|partition| partition != destination.partition()) {
                    return Err(DestinationError::Partition.into());
                }
                Some(destination)
            }
        };
        Ok(Self {
            description: fields.description,
            access_key: fields.access_key,
            audience,
            reuse: fields.reuse,
            require_reason: fields.require_reason,
            require_second_factor: fields.require_second_factor,
            registry_passwords: fields.registry_passwords,
            console,
            principal: fields.principal,
        })
    }
}

impl From<ConnectorSpec> for ConnectorFields {
    fn from(spec: ConnectorSpec) -> Self {
        let (scope, groups) = match spec.audience {
            Audience::People(groups) => (Scope::User, Some(groups)),
            Audience::System => (Scope::System, None),
        };
        Self {
            description: spec.description,
            access_key: spec.access_key,
            scope,
            groups,
            reuse: spec.reuse,
            require_reason: spec.require_reason,
            require_second_factor: spec.require_second_factor,
            registry_passwords: spec.registry_passwords,
            console: spec.console.map(|destination| ConsoleFields { destination: destination.as_str().to_owned() }),
            principal: spec.principal,
        }
    }
}

impl TryFrom<ReuseFields> for Reuse {
    type Error = ConnectorError;

    fn try_from(fields: ReuseFields) -> Result<Self, ConnectorError> {
        match fields {
            ReuseFields::Off => Ok(Self::Off),
            ReuseFields::Share(ReuseShare { minimum_share }) if minimum_share > 0.0 && minimum_share <= 1.0 => {
                Ok(Self::MinimumShare(minimum_share))
            }
            ReuseFields::Share(_) => Err(ConnectorError::Reuse),
        }
    }
}

impl From<Reuse> for ReuseFields {
    fn from(reuse: Reuse) -> Self {
        match reuse {
            Reuse::Off => Self::Off,
            Reuse::MinimumShare(minimum_share) => Self::Share(ReuseShare { minimum_share }),
        }
    }
}

/// Left out when it is not so: a release that did not know the key yet reads the rest.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_not(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is(flag: &bool) -> bool {
    *flag
}

fn yes() -> bool {
    true
}

pub(super) const MAX_DESCRIPTION: usize = 500;
pub(super) const MAX_GROUPS: usize = 1_000;
