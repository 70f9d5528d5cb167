//! Which connectors a key may be behind.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AccessKey, KeyDetails, KeyOwner, KeySource};
use crate::arn::{AccountId, PolicyArn, RoleArn};
use crate::connector::{Connector, ManagedBy};
use crate::name::{AccessKeyName, ConnectorName};
use crate::partition::Partition;
use crate::policy::PolicyError;
use crate::principal::{FederatedRights, Principal, PrincipalType};

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
    #[error(
        "access key `{key}` is of account {}, and AWS takes managed policies of that account alone: not `{}`",
        account.as_str(),
        arn.as_str()
    )]
    PolicyOfOtherAccount { key: AccessKeyName, account: AccountId, arn: PolicyArn },
    #[error("the session policy: {0}")]
    Policy(PolicyError),
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

impl AccessKey {
    /// Whether this key may be behind that connector; checked when either is saved and at every vend.
    pub fn may_serve(&self, connector: &Connector) -> Result<(), CannotServe> {
        if self.managed_by == ManagedBy::File && connector.managed_by == ManagedBy::Api {
            return Err(CannotServe::Owner(self.name.clone()));
        }
        self.details.may_serve(&self.name, &connector.name, connector.spec.principal())
    }
}

impl KeyDetails {
    /// Whether AWS takes assuming a role with it for role chaining. Whoever the host is counts as a role until AWS says otherwise.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>
    pub fn is_chained(&self) -> bool {
        self.source == KeySource::Ambient && !self.owner.as_ref().is_some_and(KeyOwner::is_iam_user)
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
        if let Some((account, arn)) = self.foreign_policy(principal) {
            return Err(CannotServe::PolicyOfOtherAccount { key: key.clone(), account, arn });
        }
        principal.policy().map_or(Ok(()), |policy| policy.must_stay_in(key_partition)).map_err(CannotServe::Policy)?;
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

    /// A managed policy that is neither AWS's own nor of the user's account, which is known once AWS has said whose the key is. A role's
    /// account stands in its ARN: there the connector itself is refused.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>
    fn foreign_policy(&self, principal: &Principal) -> Option<(AccountId, PolicyArn)> {
        let (Principal::FederatedUser(user), Some(owner)) = (principal, &self.owner) else { return None };
        let FederatedRights::SessionPolicies { policy_arns, .. } = &user.rights else { return None };
        let of_others = |arn: &&PolicyArn| arn.account().is_some_and(|account| account != owner.account);
        policy_arns.iter().find(of_others).map(|arn| (owner.account.clone(), arn.clone()))
    }
}

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

    #[test]
    fn a_federated_user_has_managed_policies_of_its_own_account_or_of_aws() {
        let key = AccessKeyName::try_from("main".to_owned()).unwrap();
        let connector = ConnectorName::try_from("reports".to_owned()).unwrap();
        let user = "arn:aws:iam::123456789012:user/broker";
        let owner = KeyOwner::of(AccountId::of_arn(user).unwrap(), user.to_owned());
        let proved = KeyDetails { owner: Some(owner), ..details(json!({})) };
        let with = |arn: &str| -> Principal {
            serde_json::from_value(json!({ "federated_user": { "policy_arns": [arn] } })).unwrap()
        };
        let other = with("arn:aws:iam::210987654321:policy/read");
        assert!(matches!(
            proved.may_serve(&key, &connector, &other),
            Err(CannotServe::PolicyOfOtherAccount { account, arn, .. })
                if account.as_str() == "123456789012" && arn.as_str().contains("210987654321")
        ));
        assert_eq!(details(json!({})).may_serve(&key, &connector, &other), Ok(()), "nobody has asked AWS yet");
        for arn in ["arn:aws:iam::123456789012:policy/read", "arn:aws:iam::aws:policy/ReadOnlyAccess"] {
            assert_eq!(proved.may_serve(&key, &connector, &with(arn)), Ok(()), "{arn}");
        }
    }
}
