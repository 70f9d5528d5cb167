//! What there is in the simulated AWS: users, keys, roles, policies, buckets.

mod bucket;
mod key;
mod live;
mod role;
mod snapshot;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

pub use bucket::Bucket;
pub use key::{AccessKey, KeyStatus};
pub use live::WorldHandle;
pub use role::Role;
pub use user::User;

pub(crate) use snapshot::{Holder, KeyRecord, RoleRecord, Snapshot, UserRecord};

use crate::partition::Partition;

/// The whole of it. Built up front, and changed later through [`Sim::world`](crate::Sim::world).
///
/// Policies are given as JSON text or as a `serde_json::Value`. They are checked when the sim starts (or when the
/// change is made), not here.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(crate) partition: Partition,
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) root_keys: Vec<(String, AccessKey)>,
    pub(crate) managed_policies: BTreeMap<String, String>,
    pub(crate) disabled_regions: BTreeSet<String>,
}

/// Why a world cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// AWS would refuse the document.
    #[error("policy `{name}` of {owner}: {complaint}")]
    Policy {
        /// Whose policy it is.
        owner: String,
        /// Which of theirs.
        name: String,
        /// What AWS would say.
        complaint: String,
    },
    /// A managed policy was attached that does not exist.
    #[error("{owner} has the managed policy {arn} attached, which does not exist")]
    NoSuchManagedPolicy {
        /// The user or role.
        owner: String,
        /// The policy's ARN.
        arn: String,
    },
    /// Account ids have twelve digits.
    #[error("`{0}` is not an account id")]
    Account(String),
    /// The ARN is not one of a managed policy in this partition.
    #[error("`{0}` is not the ARN of a managed policy in this partition")]
    ManagedPolicyArn(String),
    /// Secrets have forty ASCII characters, key ids 16 to 128 letters and digits.
    #[error("access key `{0}` is malformed: the id has 16 to 128 letters and digits, the secret 40 ASCII characters")]
    MalformedKey(String),
    /// Two things have one name.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// An IAM user holds two access keys at most.
    #[error("{0} has more than two access keys")]
    TooManyKeys(String),
    /// Roles last between one and twelve hours.
    #[error("the maximum session duration of {0} is not between 3600 and 43200 seconds")]
    SessionDuration(String),
    /// A change was asked for that has nothing to change.
    #[error("there is no `{0}` to change")]
    Missing(String),
}

impl World {
    /// An empty world in the partition `aws`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the world into another partition: every ARN in it must be of that partition.
    #[must_use]
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partition = partition;
        self
    }

    /// Adds an IAM user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds an S3 bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: Bucket) -> Self {
        self.buckets.push(bucket);
        self
    }

    /// Adds a managed policy: `arn:aws:iam::ACCOUNT:policy/NAME`, or AWS's own `arn:aws:iam::aws:policy/NAME`.
    #[must_use]
    pub fn managed_policy(mut self, arn: &str, document: impl Display) -> Self {
        self.managed_policies.insert(arn.to_owned(), document.to_string());
        self
    }

    /// Gives the root user of an account an access key: such callers may do all, but not assume roles.
    #[must_use]
    pub fn root_key(mut self, account: &str, key: AccessKey) -> Self {
        self.root_keys.push((account.to_owned(), key));
        self
    }

    /// Switches STS off in a region: credentials asked for there are refused with `RegionDisabledException`.
    #[must_use]
    pub fn disable_region(mut self, region: &str) -> Self {
        self.disabled_regions.insert(region.to_owned());
        self
    }

    /// The user with this ARN, to be changed.
    pub fn user_mut(&mut self, arn: &str) -> Option<&mut User> {
        let partition = self.partition;
        self.users.iter_mut().find(|user| user.arn(partition) == arn)
    }

    /// The role with this ARN, to be changed.
    pub fn role_mut(&mut self, arn: &str) -> Option<&mut Role> {
        let partition = self.partition;
        self.roles.iter_mut().find(|role| role.arn(partition) == arn)
    }

    /// The access key with this id, whoever holds it.
    pub fn key_mut(&mut self, id: &str) -> Option<&mut AccessKey> {
        let of_users = self.users.iter_mut().flat_map(|user| &mut user.keys);
        let of_roots = self.root_keys.iter_mut().map(|(_, key)| key);
        of_users.chain(of_roots).find(|key| key.id == id)
    }

    /// Takes an access key away; says whether it was there.
    pub fn remove_key(&mut self, id: &str) -> bool {
        let mut removed = false;
        let mut keep = |key: &AccessKey| {
            removed |= key.id == id;
            key.id != id
        };
        for user in &mut self.users {
            user.keys.retain(&mut keep);
        }
        self.root_keys.retain(|(_, key)| keep(key));
        removed
    }
}
