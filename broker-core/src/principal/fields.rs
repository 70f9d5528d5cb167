//! The fields of a principal as people write them and the store keeps them, on their way to and from types that are legal.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{
    AssumeRole, Durations, ExternalId, FederatedRights, FederatedUser, MAX_TAGS, PolicyArns, PrincipalError, RoleTag,
    SessionToken,
};
use crate::arn::{PolicyArn, RoleArn};
use crate::lifetime::{RoleLifetime, TokenLifetime};
use crate::mfa::MfaSerial;
use crate::policy::SessionPolicy;
use crate::session_name::SessionNameTemplate;
use crate::tag::{Attribute, TagKey, TagSource, TagValue};

/// The fields as people write them; `policy_file` has become `policy` by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FederatedUserFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<SessionPolicy>,
    #[serde(default, skip_serializing_if = "PolicyArns::is_empty")]
    policy_arns: PolicyArns,
    #[serde(default, skip_serializing_if = "is_false")]
    resource_policies_grant_access: bool,
    #[serde(default)]
    default_duration_seconds: Option<TokenLifetime>,
    #[serde(default)]
    max_duration_seconds: Option<TokenLifetime>,
    #[serde(default)]
    session_name: SessionNameTemplate,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<TagKey, TagFields>,
    /// Known only to say why there is no such thing here.
    #[serde(default, skip_serializing)]
    mfa_serial: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssumeRoleFields {
    role_arn: RoleArn,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mfa_serial: Option<MfaSerial>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<SessionPolicy>,
    #[serde(default, skip_serializing_if = "PolicyArns::is_empty")]
    policy_arns: PolicyArns,
    #[serde(default)]
    default_duration_seconds: Option<RoleLifetime>,
    #[serde(default)]
    max_duration_seconds: Option<RoleLifetime>,
    #[serde(default)]
    session_name: SessionNameTemplate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_identity: Option<SessionNameTemplate>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<TagKey, RoleTagFields>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionTokenFields {
    #[serde(default)]
    default_duration_seconds: Option<TokenLifetime>,
    #[serde(default)]
    max_duration_seconds: Option<TokenLifetime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mfa_serial: Option<MfaSerial>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TagFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<TagValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Attribute>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleTagFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<TagValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Attribute>,
    #[serde(default, skip_serializing_if = "is_false")]
    transitive: bool,
}

impl TryFrom<FederatedUserFields> for FederatedUser {
    type Error = PrincipalError;

    fn try_from(fields: FederatedUserFields) -> Result<Self, PrincipalError> {
        if fields.mfa_serial.is_some() {
            return Err(PrincipalError::MfaOfFederatedUser);
        }
        let has_policies = fields.policy.is_some() || !fields.policy_arns.is_empty();
        let rights = match (fields.resource_policies_grant_access, has_policies) {
            (true, true) => return Err(PrincipalError::RightsTwice),
            (false, false) => return Err(PrincipalError::NoRights),
            (true, false) => FederatedRights::ResourcePolicies,
            (false, true) => {
                FederatedRights::SessionPolicies { policy: fields.policy, policy_arns: fields.policy_arns }
            }
        };
        if !fields.session_name.names_subject() {
            return Err(PrincipalError::NamelessSession);
        }
        let tags = fields.tags.into_iter().map(|(key, tag)| Ok((key.clone(), source(&key, tag.value, tag.from)?)));
        Ok(Self {
            rights,
            durations: Durations::new(fields.default_duration_seconds, fields.max_duration_seconds)?,
            session_name: fields.session_name,
            tags: check_tags(tags.collect::<Result<_, _>>()?)?,
        })
    }
}

impl TryFrom<AssumeRoleFields> for AssumeRole {
    type Error = PrincipalError;

    fn try_from(fields: AssumeRoleFields) -> Result<Self, PrincipalError> {
        let (partition, account) = (fields.role_arn.partition(), fields.role_arn.account());
        let foreign = |arn: &&PolicyArn| {
            arn.partition() != partition || arn.account().is_some_and(|policy_account| policy_account != account)
        };
        if let Some(arn) = fields.policy_arns.iter().find(foreign) {
            return Err(PrincipalError::ForeignPolicyArn(arn.as_str().to_owned()));
        }
        if let Some(foreign) = fields.mfa_serial.as_ref().filter(|it| it.partition().is_some_and(|it| it != partition))
        {
            return Err(PrincipalError::ForeignMfaDevice(foreign.as_str().to_owned()));
        }
        match &fields.source_identity {
            Some(template) if !template.names_subject() => return Err(PrincipalError::NamelessSourceIdentity),
            None if !fields.session_name.names_subject() => return Err(PrincipalError::NamelessSession),
            Some(_) | None => {}
        }
        let tags = fields.tags.into_iter().map(|(key, tag)| {
            let source = source(&key, tag.value, tag.from)?;
            Ok((key, RoleTag { source, transitive: tag.transitive }))
        });
        Ok(Self {
            role_arn: fields.role_arn,
            external_id: fields.external_id,
            mfa_serial: fields.mfa_serial,
            policy: fields.policy,
            policy_arns: fields.policy_arns,
            durations: Durations::new(fields.default_duration_seconds, fields.max_duration_seconds)?,
            session_name: fields.session_name,
            source_identity: fields.source_identity,
            tags: check_tags(tags.collect::<Result<_, _>>()?)?,
        })
    }
}

impl TryFrom<SessionTokenFields> for SessionToken {
    type Error = PrincipalError;

    fn try_from(fields: SessionTokenFields) -> Result<Self, PrincipalError> {
        Ok(Self {
            durations: Durations::new(fields.default_duration_seconds, fields.max_duration_seconds)?,
            mfa_serial: fields.mfa_serial,
        })
    }
}

impl From<FederatedUser> for FederatedUserFields {
    fn from(user: FederatedUser) -> Self {
        let (policy, policy_arns, resource_policies_grant_access) = match user.rights {
            FederatedRights::SessionPolicies { policy, policy_arns } => (policy, policy_arns, false),
            FederatedRights::ResourcePolicies => (None, PolicyArns::default(), true),
        };
        let tags = user.tags.into_iter().map(|(key, source)| {
            let (value, from) = source.into();
            (key, TagFields { value, from })
        });
        Self {
            policy,
            policy_arns,
            resource_policies_grant_access,
            default_duration_seconds: Some(user.durations.default),
            max_duration_seconds: Some(user.durations.maximum),
            session_name: user.session_name,
            tags: tags.collect(),
            mfa_serial: None,
        }
    }
}

impl From<AssumeRole> for AssumeRoleFields {
    fn from(role: AssumeRole) -> Self {
        let tags = role.tags.into_iter().map(|(key, tag)| {
            let (value, from) = tag.source.into();
            (key, RoleTagFields { value, from, transitive: tag.transitive })
        });
        Self {
            role_arn: role.role_arn,
            external_id: role.external_id,
            mfa_serial: role.mfa_serial,
            policy: role.policy,
            policy_arns: role.policy_arns,
            default_duration_seconds: Some(role.durations.default),
            max_duration_seconds: Some(role.durations.maximum),
            session_name: role.session_name,
            source_identity: role.source_identity,
            tags: tags.collect(),
        }
    }
}

impl From<SessionToken> for SessionTokenFields {
    fn from(token: SessionToken) -> Self {
        Self {
            default_duration_seconds: Some(token.durations.default),
            max_duration_seconds: Some(token.durations.maximum),
            mfa_serial: token.mfa_serial,
        }
    }
}

impl From<TagSource> for (Option<TagValue>, Option<Attribute>) {
    fn from(source: TagSource) -> Self {
        match source {
            TagSource::Value(value) => (Some(value), None),
            TagSource::From(attribute) => (None, Some(attribute)),
        }
    }
}

fn source(key: &TagKey, value: Option<TagValue>, from: Option<Attribute>) -> Result<TagSource, PrincipalError> {
    match (value, from) {
        (Some(value), None) => Ok(TagSource::Value(value)),
        (None, Some(attribute)) => Ok(TagSource::From(attribute)),
        (Some(_), Some(_)) | (None, None) => Err(PrincipalError::TagSource(key.as_str().to_owned())),
    }
}

fn check_tags<T>(tags: BTreeMap<TagKey, T>) -> Result<BTreeMap<TagKey, T>, PrincipalError> {
    if tags.len() > MAX_TAGS {
        return Err(PrincipalError::TooManyTags);
    }
    let mut seen = BTreeSet::new();
    match tags.keys().find(|key| !seen.insert(key.folded())) {
        Some(twice) => Err(PrincipalError::TagTwice(twice.as_str().to_owned())),
        None => Ok(tags),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
