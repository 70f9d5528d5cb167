//! The ARNs that a connector may name: a role, a managed policy; and the account behind them.

use serde::{Deserialize, Serialize};

use crate::partition::{Partition, Region};

/// The twelve digits of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// The ARN of an IAM role, such as `arn:aws:iam::123456789012:role/deploy`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn(IamArn);

/// The ARN of a managed policy, a customer's or AWS's own (`arn:aws:iam::aws:policy/ReadOnlyAccess`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PolicyArn(IamArn);

/// The ARN of a key in KMS, such as `arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`. Never an alias,
/// which may lead to another key tomorrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KmsKeyArn {
    text: String,
    region: Region,
}

/// What is wrong with an ARN or an account id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    #[error("`{0}` is not an account id: twelve digits")]
    NotAnAccount(String),
    #[error("`{0}` is not the ARN of an IAM role, such as arn:aws:iam::123456789012:role/deploy")]
    NotARole(String),
    #[error("`{0}` is not the ARN of a managed policy, such as arn:aws:iam::aws:policy/ReadOnlyAccess")]
    NotAPolicy(String),
    #[error(
        "`{0}` is not the ARN of a KMS key, such as arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab; an alias is none"
    )]
    NotAKmsKey(String),
}

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that an ARN names, such as the one GetCallerIdentity answers.
    pub fn of_arn(arn: &str) -> Option<Self> {
        Self::try_from(arn.split(':').nth(4)?.to_owned()).ok()
    }
}

impl RoleArn {
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The role's name, without its path: unique in its account.
    pub fn name(&self) -> &str {
        self.0.text.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a service of AWS made the role for itself.
    pub fn is_service_linked(&self) -> bool {
        self.0.text.contains(":role/aws-service-role/")
    }

    pub fn partition(&self) -> Partition {
        self.0.partition
    }

    pub fn account(&self) -> AccountId {
        AccountId(self.0.account.clone())
    }
}

impl PolicyArn {
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn partition(&self) -> Partition {
        self.0.partition
    }

    /// The account that owns the policy; nobody's, when it is AWS's own.
    pub fn account(&self) -> Option<AccountId> {
        (self.0.account != AWS_OWN).then(|| AccountId(self.0.account.clone()))
    }
}

impl KmsKeyArn {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where KMS is asked.
    pub fn region(&self) -> &Region {
        &self.region
    }

    fn parse(text: &str) -> Option<Self> {
        let ["arn", partition, "kms", region, account, resource] = text.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let region = Region::try_from(region.to_owned()).ok()?;
        let id = resource.strip_prefix("key/")?;
        let known_id = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let fits = Partition::from_arn_word(partition) == Some(region.partition()) && is_account(account) && known_id;
        fits.then(|| Self { text: text.to_owned(), region })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct IamArn {
    text: String,
    partition: Partition,
    account: String,
}

impl IamArn {
    /// Takes apart `arn:PARTITION:iam::ACCOUNT:KIND/path/name`. Lengths and characters are those of IAM's paths and names:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    fn parse(text: &str, kind: &str, aws_own: bool) -> Option<Self> {
        let ["arn", partition, "iam", "", account, resource] = text.splitn(6, ':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let partition = Partition::from_arn_word(partition)?;
        let path = resource.strip_prefix(kind)?.strip_prefix('/')?;
        let name = path.rsplit('/').next()?;
        let known_account = is_account(account) || (aws_own && account == AWS_OWN);
        let fits = !name.is_empty()
            && text.len() <= MAX_ARN
            && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'?' | b'"' | b'\\' | b'<' | b'>'));
        (known_account && fits).then(|| Self { text: text.to_owned(), partition, account: account.to_owned() })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl TryFrom<String> for AccountId {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        if is_account(&text) { Ok(Self(text)) } else { Err(ArnError::NotAnAccount(text)) }
    }
}

impl TryFrom<String> for RoleArn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        IamArn::parse(&text, "role", false).map(Self).ok_or(ArnError::NotARole(text))
    }
}

impl TryFrom<String> for PolicyArn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        IamArn::parse(&text, "policy", true).map(Self).ok_or(ArnError::NotAPolicy(text))
    }
}

impl TryFrom<String> for KmsKeyArn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, ArnError> {
        Self::parse(&text).ok_or(ArnError::NotAKmsKey(text))
    }
}

impl From<KmsKeyArn> for String {
    fn from(arn: KmsKeyArn) -> Self {
        arn.text
    }
}

impl From<AccountId> for String {
    fn from(account: AccountId) -> Self {
        account.0
    }
}

impl From<RoleArn> for String {
    fn from(arn: RoleArn) -> Self {
        arn.0.text
    }
}

impl From<PolicyArn> for String {
    fn from(arn: PolicyArn) -> Self {
        arn.0.text
    }
}

const AWS_OWN: &str = "aws";
const MAX_ARN: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_role_is_a_role() {
        let parse = |arn: &str| RoleArn::try_from(arn.to_owned());
        assert_eq!(parse("arn:aws:iam::123456789012:role/team/deploy").unwrap().account().as_str(), "123456789012");
        assert_eq!(parse("arn:aws-us-gov:iam::123456789012:role/deploy").unwrap().partition(), Partition::AwsUsGov);
        for arn in [
            "arn:aws:iam::123456789012:user/deploy",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::aws:role/deploy",
            "arn:aws:iam::12345:role/deploy",
            "arn:mars:iam::123456789012:role/deploy",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:role/a b",
            "deploy",
        ] {
            assert!(parse(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn awss_own_policies_have_no_account() {
        let parse = |arn: &str| PolicyArn::try_from(arn.to_owned());
        assert_eq!(parse("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess").unwrap().account(), None);
        assert!(parse("arn:aws:iam::123456789012:policy/mine").unwrap().account().is_some());
        assert!(parse("arn:aws:iam::123456789012:role/mine").is_err());
    }
}
