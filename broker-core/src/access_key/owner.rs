//! Whose a key is, as AWS says, and whose it has to be when it took another one's place.

use serde::{Deserialize, Serialize};

use super::{AccessKey, KeyDetails};
use crate::arn::AccountId;
use crate::id::AccessKeyId;
use crate::name::AccessKeyName;

/// What GetCallerIdentity answered to the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOwner {
    pub account: AccountId,
    pub arn: String,
}

/// A key that took another one's place and may not act in it. Cut by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRightful {
    #[error(
        "access key `{name}` took the place of one of {expected}, and AWS has not said yet that it is of the same owner"
    )]
    Unproved { id: AccessKeyId, name: AccessKeyName, expected: String },
    #[error(
        "access key `{name}` is of {proved}, but took the place of one of {expected}: put a key of that owner there, and this one under a name of its own"
    )]
    OtherOwner { name: AccessKeyName, expected: String, proved: String },
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

impl AccessKey {
    /// Whether the key acts as the owner whom its connectors were made for.
    pub fn is_rightful(&self) -> Result<(), NotRightful> {
        let Some(expected) = &self.details.expected_owner else { return Ok(()) };
        let (name, expected) = (self.name.clone(), expected.arn.clone());
        Err(match &self.details.owner {
            None => NotRightful::Unproved { id: self.id, name, expected },
            Some(proved) => NotRightful::OtherOwner { name, expected, proved: proved.arn.clone() },
        })
    }
}

impl KeyDetails {
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
}
