//! Who a connector's credentials act as, and nothing that AWS would refuse for that choice.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, PolicyArn, RoleArn};
use crate::lifetime::{Lifetime, RoleLifetime, TokenLifetime};
use crate::partition::Partition;
use crate::policy::SessionPolicy;
use crate::session_name::SessionNameTemplate;
use crate::tag::{Attribute, TagKey, TagSource, TagValue};

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
    #[error("an external ID has 2 to 1224 of the characters A-Z a-z 0-9 _+=,.@:/-")]
    ExternalId,
    #[error("at most {MAX_TAGS} tags, AWS takes no more")]
    TooManyTags,
    #[error("the tag keys `{0}` are one to AWS, which does not regard case")]
    TagTwice(String),
    #[error("the tag `{0}` needs one of value and from")]
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
            Self::FederatedUser(_) | Self::SessionToken(_) => None,
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
            Self::FederatedUser(FederatedUser { durations, .. }) | Self::SessionToken(SessionToken { durations }) => {
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

/// The fields as people write them; `policy_file` has become `policy` by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FederatedUserFields {
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
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssumeRoleFields {
    role_arn: RoleArn,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
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
struct SessionTokenFields {
    #[serde(default)]
    default_duration_seconds: Option<TokenLifetime>,
    #[serde(default)]
    max_duration_seconds: Option<TokenLifetime>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<TagValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Attribute>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleTagFields {
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
        Ok(Self { durations: Durations::new(fields.default_duration_seconds, fields.max_duration_seconds)? })
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

const MAX_POLICY_ARNS: usize = 10;
const MAX_TAGS: usize = 50;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refusal(principal: Value) -> String {
        serde_json::from_value::<Principal>(principal).unwrap_err().to_string()
    }

    fn accepted(principal: Value) -> Principal {
        serde_json::from_value(principal).unwrap()
    }

    fn role(field: &str, value: Value) -> Value {
        let mut fields = json!({ "role_arn": "arn:aws:iam::123456789012:role/deploy" });
        fields[field] = value;
        json!({ "assume_role": fields })
    }

    #[test]
    fn a_session_token_with_a_policy_a_name_or_tags_cannot_be_written_down() {
        for field in ["policy", "policy_arns", "session_name", "tags", "external_id"] {
            let refusal = refusal(json!({ "session_token": { field: "x" } }));
            assert!(refusal.contains(&format!("unknown field `{field}`")), "{refusal}");
        }
    }

    #[test]
    fn a_federated_user_has_rights_from_one_place() {
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        assert!(refusal(json!({ "federated_user": {} })).contains("can do nothing"));
        assert!(
            refusal(json!({ "federated_user": { "policy": policy, "resource_policies_grant_access": true } }))
                .contains("stands alone")
        );
        accepted(json!({ "federated_user": { "policy": policy } }));
        accepted(json!({ "federated_user": { "resource_policies_grant_access": true } }));
        accepted(json!({ "federated_user": { "policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }));
    }

    #[test]
    fn a_federated_users_tags_are_never_transitive() {
        let tagged = json!({ "federated_user": {
            "resource_policies_grant_access": true, "tags": { "team": { "value": "a", "transitive": true } } } });
        assert!(refusal(tagged).contains("unknown field `transitive`"));
    }

    #[test]
    fn durations_follow_each_other_and_keep_to_awss_limits() {
        assert_eq!(accepted(json!({ "session_token": {} })).durations(), (3_600, 3_600), "one hour, not AWS's twelve");
        assert_eq!(accepted(role("max_duration_seconds", json!(43_200))).durations(), (3_600, 43_200));
        assert_eq!(accepted(role("max_duration_seconds", json!(900))).durations(), (900, 900));
        assert_eq!(accepted(role("default_duration_seconds", json!(7_200))).durations(), (7_200, 7_200));
        assert!(refusal(role("max_duration_seconds", json!(43_201))).contains("too long"));
        assert!(refusal(role("default_duration_seconds", json!(899))).contains("too short"));
        let crossed = json!({ "session_token": { "default_duration_seconds": 2_000, "max_duration_seconds": 1_000 } });
        assert!(refusal(crossed).contains("more than max_duration_seconds"));
    }

    #[test]
    fn policies_are_of_the_roles_own_account_and_partition_and_few() {
        for arn in ["arn:aws:iam::999999999999:policy/p", "arn:aws-cn:iam::aws:policy/p"] {
            assert!(refusal(role("policy_arns", json!([arn]))).contains("of the role's account"), "{arn}");
        }
        let arns = |count: u32| {
            (0..count).map(|n| json!(format!("arn:aws:iam::123456789012:policy/p{n}"))).collect::<Vec<Value>>()
        };
        accepted(role("policy_arns", json!(arns(10))));
        assert!(refusal(role("policy_arns", json!(arns(11)))).contains("at most 10"));
        assert!(refusal(role("policy_arns", json!([arns(1)[0], arns(1)[0]]))).contains("twice"));
    }

    #[test]
    fn external_ids_keep_to_awss_characters() {
        for (id, fits) in [("ab", true), ("a", false), ("a b", false), ("corp-7f3a:/x", true), ("ä2", false)] {
            assert_eq!(ExternalId::try_from(id.to_owned()).is_ok(), fits, "{id}");
        }
        assert!(ExternalId::try_from("x".repeat(1_225)).is_err());
    }

    #[test]
    fn tag_keys_are_one_whatever_their_case() {
        let twice = json!({ "Team": { "value": "a" }, "team": { "value": "b" } });
        assert!(refusal(role("tags", twice)).contains("does not regard case"));
        assert!(refusal(role("tags", json!({ "t": {} }))).contains("one of value and from"));
        let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("t{n}"), json!({ "value": "" }))).collect();
        assert!(refusal(role("tags", Value::Object(many))).contains("at most 50"));
    }

    #[test]
    fn a_session_that_names_nobody_is_refused_unless_the_source_identity_does() {
        assert!(refusal(role("session_name", json!("deploy"))).contains("tell people apart"));
        let mut named = role("session_name", json!("deploy"));
        named["assume_role"]["source_identity"] = json!("{username}");
        accepted(named.clone());
        named["assume_role"]["source_identity"] = json!("deploy");
        assert!(refusal(named).contains("source_identity must have"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut fields =
            role("tags", json!({ "team": { "value": "a", "transitive": true }, "who": { "from": "groups" } }));
        fields["assume_role"]["source_identity"] = json!("{username}");
        let principal = accepted(fields);
        assert_eq!(accepted(serde_json::to_value(&principal).unwrap()), principal);
    }
}
