//! A long-term key of an IAM user: what everything that is vended derives from.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, RoleArn};
use crate::connector::{Connector, ManagedBy};
use crate::id::AccessKeyId;
use crate::name::{AccessKeyName, ConnectorName};
use crate::partition::{Partition, Region};
use crate::principal::{Principal, PrincipalType};
use crate::vault::{Binding, Place, SealBroken, Sealed, Vault};

/// AWS's own id of a long-term key, such as `AKIAIOSFODNN7EXAMPLE`. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AwsKeyId(String);

/// The text is not the id of a long-term key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsKeyIdError {
    #[error("an access key id has 16 to 128 of the characters A-Z and 0-9, such as AKIAIOSFODNN7EXAMPLE")]
    Shape,
    #[error("an id that begins with ASIA belongs to temporary credentials: give an IAM user's long-term key")]
    Temporary,
}

/// Where the credentials come from that sign in a key's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeySource {
    /// A long-term key, whose secret is sealed in the store.
    Stored(AwsKeyId),
    /// Who the host itself is in AWS. There is no secret; what is sealed is empty.
    Ambient,
}

/// A stored access key. The secret stays sealed until the moment it signs.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: AccessKeyId,
    pub name: AccessKeyName,
    /// Counts every change, so that nothing derived from an earlier one is given again.
    pub generation: i64,
    pub managed_by: ManagedBy,
    pub details: KeyDetails,
    pub sealed: Sealed,
    pub health: KeyHealth,
}

/// What is known of a key, beside its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDetails {
    #[serde(rename = "aws_key_id")]
    pub source: KeySource,
    pub region: Region,
    /// Where STS is, when it is not where the region says: a test stand-in or a private endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<url::Url>,
    #[serde(default)]
    pub serves: Serves,
    /// Who AWS said this is, when the key was proved with GetCallerIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyOwner>,
    /// Whose key this took the place of unproved. Until AWS says that it is of the same owner it signs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_owner: Option<KeyOwner>,
}

/// What GetCallerIdentity answered to the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOwner {
    pub account: AccountId,
    pub arn: String,
}

/// Which connectors may use a key. Empty lists mean: no restriction of that sort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serves {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub principals: BTreeSet<PrincipalType>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub role_arns: Vec<RoleArn>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub connectors: BTreeSet<ConnectorName>,
}

/// What AWS last said of the key itself. A hint for people and for pacing; it decides nothing about rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHealth {
    /// When AWS refused the key as such, and with which code.
    pub refused: Option<(Timestamp, String)>,
}

/// A key that may not serve a connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotServe {
    #[error("access key `{key}` is of partition {key_partition}, the connector of {connector_partition}")]
    Partition { key: AccessKeyName, key_partition: Partition, connector_partition: Partition },
    #[error("access key `{0}` does not serve connectors of this principal type (serves.principals)")]
    PrincipalType(AccessKeyName),
    #[error("access key `{0}` does not serve this role (serves.role_arns)")]
    Role(AccessKeyName),
    #[error("access key `{0}` does not serve this connector (serves.connectors)")]
    Connector(AccessKeyName),
    #[error("access key `{0}` belongs to the connectors file and serves only connectors of that file")]
    Owner(AccessKeyName),
    #[error(
        "access key `{0}` is the host's own identity, which is temporary: AWS lets it assume roles and nothing else"
    )]
    Ambient(AccessKeyName),
    #[error(
        "access key `{0}` is the host's own identity: what a role assumes lives for at most {CHAINED_SECONDS} seconds, so max_duration_seconds cannot be more, unless AWS has said already that the host is an IAM user"
    )]
    Chained(AccessKeyName),
}

/// A key that took another one's place and may not act in it. Cut by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRightful {
    #[error(
        "access key `{name}` took the place of one of {expected}, and AWS has not said yet that it is of the same owner"
    )]
    Unproved { name: AccessKeyName, expected: String },
    #[error(
        "access key `{name}` is of {proved}, but took the place of one of {expected}: put a key of that owner there, and this one under a name of its own"
    )]
    OtherOwner { name: AccessKeyName, expected: String, proved: String },
}

impl AccessKey {
    /// Whether the key acts as the owner whom its connectors were made for.
    pub fn is_rightful(&self) -> Result<(), NotRightful> {
        let Some(expected) = &self.details.expected_owner else { return Ok(()) };
        let (name, expected) = (self.name.clone(), expected.arn.clone());
        Err(match &self.details.owner {
            None => NotRightful::Unproved { name, expected },
            Some(proved) => NotRightful::OtherOwner { name, expected, proved: proved.arn.clone() },
        })
    }

    pub fn partition(&self) -> Partition {
        self.details.region.partition()
    }

    /// The URL of the STS that this key talks to.
    pub fn sts_endpoint(&self) -> String {
        self.details.sts_endpoint()
    }

    /// Opens the secret for the moment of signing.
    pub fn open(&self, vault: &Vault) -> Result<SecretString, SealBroken> {
        self.details.open(vault, self.id, &self.sealed)
    }

    /// Whether this key may be behind that connector; checked when either is saved and at every vend.
    pub fn may_serve(&self, connector: &Connector) -> Result<(), CannotServe> {
        if self.managed_by == ManagedBy::File && connector.managed_by == ManagedBy::Api {
            return Err(CannotServe::Owner(self.name.clone()));
        }
        self.details.may_serve(&self.name, &connector.name, connector.spec.principal())
    }
}

impl KeyOwner {
    /// Of what GetCallerIdentity answers. The session's name goes: each node of a role has another one, and the next hour too.
    pub fn of(account: AccountId, arn: String) -> Self {
        let session = arn.split_once(":assumed-role/").and_then(|(_, rest)| rest.rsplit_once('/'));
        let whole = arn.len() - session.map_or(0, |(_, name)| name.len() + 1);
        Self { account, arn: arn[..whole].to_owned() }
    }

    /// Whether this is an IAM user, rather than a role's session.
    pub fn is_iam_user(&self) -> bool {
        self.arn.split(':').nth(2) == Some("iam") && self.arn.contains(":user/")
    }
}

impl KeyDetails {
    /// Whether AWS takes assuming a role with it for role chaining. Whoever the host is counts as a role until AWS says otherwise.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>
    pub fn is_chained(&self) -> bool {
        self.source == KeySource::Ambient && !self.owner.as_ref().is_some_and(KeyOwner::is_iam_user)
    }

    /// Whose key this has to be: what takes its place must be of the same owner.
    pub fn rightful_owner(&self) -> Option<&KeyOwner> {
        self.expected_owner.as_ref().or(self.owner.as_ref())
    }

    /// The same key, of whom it has to be and of whom AWS says it is. Nothing is left to expect once both are the same.
    #[must_use]
    pub fn owned(self, expected: Option<KeyOwner>, proved: Option<KeyOwner>) -> Self {
        Self { expected_owner: expected.filter(|expected| proved.as_ref() != Some(expected)), owner: proved, ..self }
    }

    /// The details of what takes this key's place before AWS has been asked: the same owner has to be behind it. What AWS said of the
    /// very same key stays true.
    #[must_use]
    pub fn replaced_unproved(&self, new: Self) -> Self {
        let same_key = new.source == self.source && new.region == self.region && new.endpoint_url == self.endpoint_url;
        new.owned(self.rightful_owner().cloned(), self.owner.clone().filter(|_| same_key))
    }

    /// The URL of the STS that the key talks to.
    pub fn sts_endpoint(&self) -> String {
        self.endpoint_url.as_ref().map_or_else(|| self.region.sts_endpoint(), |url| url.as_str().to_owned())
    }

    /// Seals the secret to this key's row, id, partition and endpoint.
    pub fn seal(&self, vault: &Vault, id: AccessKeyId, secret: &SecretString) -> Result<Sealed, SealBroken> {
        self.bound(id, |binding| vault.seal(binding, secret))
    }

    /// Opens what [`KeyDetails::seal`] sealed, if nothing it was bound to has changed.
    pub fn open(&self, vault: &Vault, id: AccessKeyId, sealed: &Sealed) -> Result<SecretString, SealBroken> {
        self.bound(id, |binding| vault.open(binding, sealed))
    }

    /// The same secret for the same owner, under the master key that seals now.
    pub fn reseal(&self, vault: &Vault, id: AccessKeyId, sealed: &Sealed) -> Result<Sealed, SealBroken> {
        self.bound(id, |binding| vault.reseal(binding, sealed))
    }

    fn bound<T>(&self, id: AccessKeyId, seal: impl FnOnce(Binding<'_>) -> T) -> T {
        let endpoint = self.sts_endpoint();
        let details = [self.source.as_str(), self.region.partition().as_str(), &endpoint];
        seal(Binding { place: Place::AccessKey, row: id.as_bytes(), details: &details })
    }

    /// Whether a key of this kind may be behind such a connector.
    pub fn may_serve(
        &self,
        key: &AccessKeyName,
        connector: &ConnectorName,
        principal: &Principal,
    ) -> Result<(), CannotServe> {
        let key_partition = self.region.partition();
        if let Some(connector_partition) = principal.partition().filter(|partition| *partition != key_partition) {
            return Err(CannotServe::Partition { key: key.clone(), key_partition, connector_partition });
        }
        if self.source == KeySource::Ambient && principal.kind() != PrincipalType::AssumeRole {
            return Err(CannotServe::Ambient(key.clone()));
        }
        if self.is_chained() && principal.durations().1 > CHAINED_SECONDS {
            return Err(CannotServe::Chained(key.clone()));
        }
        let Serves { principals, role_arns, connectors } = &self.serves;
        if !principals.is_empty() && !principals.contains(&principal.kind()) {
            return Err(CannotServe::PrincipalType(key.clone()));
        }
        if let Principal::AssumeRole(role) = principal
            && !role_arns.is_empty()
            && !role_arns.contains(&role.role_arn)
        {
            return Err(CannotServe::Role(key.clone()));
        }
        if !connectors.is_empty() && !connectors.contains(connector) {
            return Err(CannotServe::Connector(key.clone()));
        }
        Ok(())
    }
}

impl AwsKeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeySource {
    /// The id of the long-term key, or the word that stands in its place.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stored(id) => id.as_str(),
            Self::Ambient => AMBIENT,
        }
    }
}

impl TryFrom<String> for KeySource {
    type Error = AwsKeyIdError;

    fn try_from(text: String) -> Result<Self, AwsKeyIdError> {
        if text == AMBIENT { Ok(Self::Ambient) } else { text.try_into().map(Self::Stored) }
    }
}

impl From<KeySource> for String {
    fn from(source: KeySource) -> Self {
        source.as_str().to_owned()
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for AwsKeyId {
    type Error = AwsKeyIdError;

    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    fn try_from(text: String) -> Result<Self, AwsKeyIdError> {
        if !(16..=128).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(AwsKeyIdError::Shape);
        }
        if text.starts_with("ASIA") { Err(AwsKeyIdError::Temporary) } else { Ok(Self(text)) }
    }
}

impl From<AwsKeyId> for String {
    fn from(id: AwsKeyId) -> Self {
        id.0
    }
}

impl std::fmt::Display for AwsKeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// No key's id has small letters.
const AMBIENT: &str = "ambient";
/// As long as AWS lets credentials live that a role obtained by assuming a role.
const CHAINED_SECONDS: u32 = 3_600;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn details(serves: serde_json::Value) -> KeyDetails {
        serde_json::from_value(
            json!({ "aws_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1", "serves": serves }),
        )
        .unwrap()
    }

    fn role(arn: &str) -> Principal {
        serde_json::from_value(json!({ "assume_role": { "role_arn": arn } })).unwrap()
    }

    #[test]
    fn temporary_credentials_are_no_long_term_key() {
        let parse = |id: &str| AwsKeyId::try_from(id.to_owned());
        assert!(parse("AKIAIOSFODNN7EXAMPLE").is_ok());
        assert_eq!(parse("ASIAIOSFODNN7EXAMPLE"), Err(AwsKeyIdError::Temporary));
        assert_eq!(parse("akiaiosfodnn7example"), Err(AwsKeyIdError::Shape));
        assert_eq!(parse("AKIA"), Err(AwsKeyIdError::Shape));
    }

    #[test]
    fn the_hosts_own_identity_assumes_roles_for_an_hour() {
        let key = AccessKeyName::try_from("host".to_owned()).unwrap();
        let connector = ConnectorName::try_from("deploy".to_owned()).unwrap();
        let ambient = |arn: Option<&str>| {
            let owner = arn.map(|arn| KeyOwner::of(AccountId::of_arn(arn).unwrap(), arn.to_owned()));
            KeyDetails { source: KeySource::Ambient, owner, ..details(json!({})) }
        };
        let (of_role, of_user) = (
            ambient(Some("arn:aws:sts::123456789012:assumed-role/broker/i-0abc")),
            ambient(Some("arn:aws:iam::123456789012:user/a/broker")),
        );
        assert_eq!(of_role.owner.as_ref().unwrap().arn, "arn:aws:sts::123456789012:assumed-role/broker");
        assert_eq!(of_user.owner.as_ref().unwrap().arn, "arn:aws:iam::123456789012:user/a/broker");
        assert!(ambient(None).is_chained() && of_role.is_chained() && !of_user.is_chained());
        assert!(!details(json!({})).is_chained());
        let long = serde_json::from_value(
            json!({ "assume_role": { "role_arn": "arn:aws:iam::123456789012:role/deploy", "max_duration_seconds": 3_601 } }),
        )
        .unwrap();
        for (details, principal, expected) in [
            (&of_role, role("arn:aws:iam::123456789012:role/deploy"), Ok(())),
            (&of_role, long, Err(CannotServe::Chained(key.clone()))),
            (
                &of_role,
                serde_json::from_value(json!({ "session_token": {} })).unwrap(),
                Err(CannotServe::Ambient(key.clone())),
            ),
        ] {
            assert_eq!(details.may_serve(&key, &connector, &principal), expected);
            if !matches!(expected, Err(CannotServe::Ambient(_))) {
                assert_eq!(of_user.may_serve(&key, &connector, &principal), Ok(()));
            }
        }
    }

    #[test]
    fn a_key_serves_what_its_restrictions_leave() {
        let key = AccessKeyName::try_from("main".to_owned()).unwrap();
        let connector = ConnectorName::try_from("deploy".to_owned()).unwrap();
        let deploy = role("arn:aws:iam::123456789012:role/deploy");
        let serve = |serves, principal: &Principal| details(serves).may_serve(&key, &connector, principal);
        assert!(serve(json!({}), &deploy).is_ok());
        assert!(serve(json!({ "principals": ["assume_role"], "connectors": ["deploy"] }), &deploy).is_ok());
        assert!(matches!(
            serve(json!({ "principals": ["session_token"] }), &deploy),
            Err(CannotServe::PrincipalType(_))
        ));
        assert!(matches!(serve(json!({ "connectors": ["other"] }), &deploy), Err(CannotServe::Connector(_))));
        let other_role = json!({ "role_arns": ["arn:aws:iam::123456789012:role/other"] });
        assert!(matches!(serve(other_role, &deploy), Err(CannotServe::Role(_))));
        let china = role("arn:aws-cn:iam::123456789012:role/deploy");
        assert!(matches!(serve(json!({}), &china), Err(CannotServe::Partition { .. })));
    }
}
