//! S3 buckets, as far as rights can be tried out on them.

use std::collections::BTreeMap;
use std::fmt::Display;

/// A bucket with what is in it at the start. What clients put there later is kept in memory.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) policy: Option<String>,
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
}

impl Bucket {
    /// An empty bucket without a policy.
    pub fn new(account: &str, name: &str) -> Self {
        Self { account: account.to_owned(), name: name.to_owned(), policy: None, objects: BTreeMap::new() }
    }

    /// Sets the bucket policy: the one way in which a federated user without session policies gets at anything.
    #[must_use]
    pub fn policy(mut self, document: impl Display) -> Self {
        self.policy = Some(document.to_string());
        self
    }

    /// Puts an object in.
    #[must_use]
    pub fn object(mut self, key: &str, content: impl Into<Vec<u8>>) -> Self {
        self.objects.insert(key.to_owned(), content.into());
        self
    }
}
