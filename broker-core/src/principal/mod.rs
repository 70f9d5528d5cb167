//! Who a connector's credentials act as, and nothing that AWS would refuse for that choice.

mod fields;
mod warning;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, PolicyArn, RoleArn};
use crate::lifetime::{Lifetime, RoleLifetime, TokenLifetime};
use crate::mfa::MfaSerial;
use crate::partition::Partition;
use crate::policy::SessionPolicy;
use crate::session_name::SessionNameTemplate;
use crate::tag::{TagKey, TagSource};

use self::fields::{AssumeRoleFields, FederatedUserFields, SessionTokenFields};
pub use self::warning::FULL_POWER;

/// One of AWS's three ways to derive temporary credentials from an IAM user's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// GetFederationToken: the key owner's rights, cut down by a session policy.
    FederatedUser(FederatedUser),
    /// AssumeRole: a role's rights, perhaps cut down.
    AssumeRole(AssumeRole),
    /// GetSessionToken: the key owner's full rights. AWS takes no policy and no name here, so nothing can tell people apart.
    SessionToken(SessionToken),
}

/// The choice alone, for lists and restrictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalType {
    FederatedUser,
    AssumeRole,
    SessionToken,
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FederatedUserFields", into = "FederatedUserFields")]
pub struct FederatedUser {
    pub rights: FederatedRights,
    pub durations: Durations<TokenLifetime>,
    pub session_name: SessionNameTemplate,
    pub tags: BTreeMap<TagKey, TagSource>,
}

/// Where a federated user's rights come from; without either it could do nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum FederatedRights {
    SessionPolicies {
        policy: Option<SessionPolicy>,
        policy_arns: PolicyArns,
    },
    /// The administrator says so: policies of buckets, queues and the like name this session.
    ResourcePolicies,
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AssumeRoleFields", into = "AssumeRoleFields")]
pub struct AssumeRole {
    pub role_arn: RoleArn,
    pub external_id: Option<ExternalId>,
    /// The device of the key's owner whose code whoever asks must give.
    pub mfa_serial: Option<MfaSerial>,
    pub policy: Option<SessionPolicy>,
    pub policy_arns: PolicyArns,
    pub durations: Durations<RoleLifetime>,
    pub session_name: SessionNameTemplate,
    pub source_identity: Option<SessionNameTemplate>,
    pub tags: BTreeMap<TagKey, RoleTag>,
}

/// A tag on a role's session; a transitive one stays through role chaining.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleTag {
    pub source: TagSource,
    pub transitive: bool,
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SessionTokenFields", into = "SessionTokenFields")]
pub struct SessionToken {
    pub durations: Durations<TokenLifetime>,
    /// The device of the key's owner whose code whoever asks must give.
    pub mfa_serial: Option<MfaSerial>,
}

/// How long credentials live when nobody says, and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations<L> {
    default: L,
    maximum: L,
}

/// At most ten managed policies of one partition, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<PolicyArn>", into = "Vec<PolicyArn>")]
pub struct PolicyArns(Vec<PolicyArn>);

/// The shared word that another account's owner may ask of us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

/// A combination that AWS would refuse, or that would not do what its writer meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    #[error(
        "a federated user without policies can do nothing: set policy, policy_file or policy_arns, or resource_policies_grant_access = true"
    )]
    NoRights,
    #[error("resource_policies_grant_access = true stands alone: take policy, policy_file and policy_arns away")]
    RightsTwice,
    #[error("default_duration_seconds ({default}) is more than max_duration_seconds ({maximum})")]
    DefaultOverMaximum { default: u32, maximum: u32 },
    #[error("at most {MAX_POLICY_ARNS} policy_arns, AWS takes no more")]
    TooManyPolicyArns,
    #[error("policy_arns names `{0}` twice")]
    PolicyArnTwice(String),
    #[error("policy_arns must be of one partition and, with a role, of the role's account: `{0}` is not")]
    ForeignPolicyArn(String),
    #[error(
        "GetFederationToken takes no code of an MFA device: take mfa_serial away, or make this an assume_role or a session_token"
    )]
    MfaOfFederatedUser,
    #[error(
        "the MFA device `{0}` is of another partition than the role: name one of the user whose access key this is"
    )]
    ForeignMfaDevice(String),
    #[error("an external ID has 2 to 1224 of the characters A-Z a-z 0-9 _+=,.@:/-")]
    ExternalId,
    #[error("at most {MAX_TAGS} tags, AWS takes no more")]
    TooManyTags,
    #[error("two of tags are one to AWS, which does not regard case: take `{0}` away, or the other")]
    TagTwice(String),
    #[error("each of tags needs one of value and from: `{0}` does not have just one")]
    TagSource(String),
    #[error(
        "session_name must have {{username}} or {{email}}, unless source_identity has: the trail must tell people apart"
    )]
    NamelessSession,
    #[error("source_identity must have {{username}} or {{email}}")]
    NamelessSourceIdentity,
}

impl Principal {
    pub fn kind(&self) -> PrincipalType {
        match self {
            Self::FederatedUser(_) => PrincipalType::FederatedUser,
            Self::AssumeRole(_) => PrincipalType::AssumeRole,
            Self::SessionToken(_) => PrincipalType::SessionToken,
        }
    }

    /// The partition that its ARNs name, where it has any. All of them name the same.
    pub fn partition(&self) -> Option<Partition> {
        match self {
            Self::FederatedUser(FederatedUser {
                rights: FederatedRights::SessionPolicies { policy_arns, .. }, ..
            }) => policy_arns.partition(),
            Self::AssumeRole(role) => Some(role.role_arn.partition()),
            Self::SessionToken(token) => token.mfa_serial.as_ref().and_then(MfaSerial::partition),
            Self::FederatedUser(_) => None,
        }
    }

    /// The device whose code AWS is to be given with each request, where the connector names one.
    pub fn mfa_serial(&self) -> Option<&MfaSerial> {
        match self {
            Self::AssumeRole(role) => role.mfa_serial.as_ref(),
            Self::SessionToken(token) => token.mfa_serial.as_ref(),
            Self::FederatedUser(_) => None,
        }
    }

    /// The account in which the credentials will act, where the connector itself says so.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::AssumeRole(role) => Some(role.role_arn.account()),
            Self::FederatedUser(_) | Self::SessionToken(_) => None,
        }
    }

    /// Seconds of life: when nobody says, and at most.
    pub fn durations(&self) -> (u32, u32) {
        match self {
            Self::FederatedUser(FederatedUser { durations, .. })
            | Self::SessionToken(SessionToken { durations, .. }) => {
                (durations.default.as_seconds(), durations.maximum.as_seconds())
            }
            Self::AssumeRole(role) => (role.durations.default.as_seconds(), role.durations.maximum.as_seconds()),
        }
    }

    /// The session policy that the connector itself prescribes.
    pub fn policy(&self) -> Option<&SessionPolicy> {
        match self {
            Self::FederatedUser(FederatedUser { rights: FederatedRights::SessionPolicies { policy, .. }, .. }) => {
                policy.as_ref()
            }
            Self::AssumeRole(role) => role.policy.as_ref(),
            Self::FederatedUser(_) | Self::SessionToken(_) => None,
        }
    }
}

impl PrincipalType {
    /// The word in the API and in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FederatedUser => "federated_user",
            Self::AssumeRole => "assume_role",
            Self::SessionToken => "session_token",
        }
    }
}

impl<const MAX: u32> Durations<Lifetime<MAX>> {
    fn new(default: Option<Lifetime<MAX>>, maximum: Option<Lifetime<MAX>>) -> Result<Self, PrincipalError> {
        // Whoever names only one of the two means the other to follow it.
        let maximum = maximum.or(default).unwrap_or_default();
        let default = default.unwrap_or_else(|| Lifetime::default().min(maximum));
        if default > maximum {
            let (default, maximum) = (default.as_seconds(), maximum.as_seconds());
            return Err(PrincipalError::DefaultOverMaximum { default, maximum });
        }
        Ok(Self { default, maximum })
    }
}

impl PolicyArns {
    pub fn iter(&self) -> impl Iterator<Item = &PolicyArn> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn partition(&self) -> Option<Partition> {
        self.0.first().map(PolicyArn::partition)
    }
}

impl TryFrom<Vec<PolicyArn>> for PolicyArns {
    type Error = PrincipalError;

    fn try_from(arns: Vec<PolicyArn>) -> Result<Self, PrincipalError> {
        if arns.len() > MAX_POLICY_ARNS {
            return Err(PrincipalError::TooManyPolicyArns);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = arns.iter().find(|arn| !seen.insert(arn.as_str())) {
            return Err(PrincipalError::PolicyArnTwice(twice.as_str().to_owned()));
        }
        let first = arns.first().map(PolicyArn::partition);
        if let Some(foreign) = arns.iter().find(|arn| Some(arn.partition()) != first) {
            return Err(PrincipalError::ForeignPolicyArn(foreign.as_str().to_owned()));
        }
        Ok(Self(arns))
    }
}

impl From<PolicyArns> for Vec<PolicyArn> {
    fn from(arns: PolicyArns) -> Self {
        arns.0
    }
}

impl ExternalId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalId {
    type Error = PrincipalError;

    fn try_from(text: String) -> Result<Self, PrincipalError> {
        let fits = (2..=1_224).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b));
        if fits { Ok(Self(text)) } else { Err(PrincipalError::ExternalId) }
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

const MAX_POLICY_ARNS: usize = 10;
const MAX_TAGS: usize = 50;

#[cfg(test)]
mod tests;
