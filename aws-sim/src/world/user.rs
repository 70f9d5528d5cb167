//! IAM users.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::AccessKey;
use crate::partition::Partition;

/// An IAM user with its policies and keys.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) inline_policies: BTreeMap<String, String>,
    pub(crate) managed_policies: Vec<String>,
    pub(crate) keys: Vec<AccessKey>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) mfa: Option<(String, Vec<String>)>,
}

impl User {
    /// A user who may do nothing yet, at the path `/`.
    pub fn new(account: &str, name: &str) -> Self {
        Self {
            account: account.to_owned(),
            name: name.to_owned(),
            path: "/".to_owned(),
            inline_policies: BTreeMap::new(),
            managed_policies: Vec::new(),
            keys: Vec::new(),
            tags: BTreeMap::new(),
            mfa: None,
        }
    }

    /// The path, which begins and ends with `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds or replaces an inline policy.
    #[must_use]
    pub fn inline_policy(mut self, name: &str, document: impl Display) -> Self {
        self.put_inline_policy(name, document);
        self
    }

    /// Attaches a managed policy by its ARN.
    #[must_use]
    pub fn attach(mut self, policy_arn: &str) -> Self {
        self.managed_policies.push(policy_arn.to_owned());
        self
    }

    /// Gives the user an access key; two at most.
    #[must_use]
    pub fn key(mut self, key: AccessKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Tags the user, which policies see as `aws:PrincipalTag/KEY`.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Gives the user an MFA device and what it shows: codes of six digits, each of them good once, whenever it is used.
    #[must_use]
    pub fn mfa_device(mut self, serial_number: &str, codes: &[&str]) -> Self {
        self.mfa = Some((serial_number.to_owned(), codes.iter().map(|code| (*code).to_owned()).collect()));
        self
    }

    /// Adds or replaces an inline policy in place.
    pub fn put_inline_policy(&mut self, name: &str, document: impl Display) {
        self.inline_policies.insert(name.to_owned(), document.to_string());
    }

    /// Removes an inline policy; says whether it was there.
    pub fn remove_inline_policy(&mut self, name: &str) -> bool {
        self.inline_policies.remove(name).is_some()
    }

    /// Adds an access key in place.
    pub fn add_key(&mut self, key: AccessKey) {
        self.keys.push(key);
    }

    /// The user's ARN in `partition`.
    pub fn arn(&self, partition: Partition) -> String {
        format!("arn:{partition}:iam::{}:user{}{}", self.account, self.path, self.name)
    }
}
