//! Roles.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::partition::Partition;

/// A role: who may assume it, what it may do, for how long.
#[derive(Clone, Debug)]
pub struct Role {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) trust: String,
    pub(crate) inline_policies: BTreeMap<String, String>,
    pub(crate) managed_policies: Vec<String>,
    pub(crate) max_session_seconds: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Role {
    /// A role at the path `/` which may do nothing yet, for an hour at most.
    pub fn new(account: &str, name: &str, trust_policy: impl Display) -> Self {
        Self {
            account: account.to_owned(),
            name: name.to_owned(),
            path: "/".to_owned(),
            trust: trust_policy.to_string(),
            inline_policies: BTreeMap::new(),
            managed_policies: Vec::new(),
            max_session_seconds: 3_600,
            tags: BTreeMap::new(),
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

    /// The longest session, in seconds: 3600 to 43200.
    #[must_use]
    pub fn max_session_duration(mut self, seconds: u32) -> Self {
        self.max_session_seconds = seconds;
        self
    }

    /// Tags the role, which policies see as `aws:PrincipalTag/KEY` unless a session tag covers it.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
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

    /// Replaces the trust policy in place.
    pub fn set_trust_policy(&mut self, document: impl Display) {
        self.trust = document.to_string();
    }

    /// The role's ARN in `partition`.
    pub fn arn(&self, partition: Partition) -> String {
        format!("arn:{partition}:iam::{}:role{}{}", self.account, self.path, self.name)
    }
}
