//! A world made ready for use: indexed, with every policy parsed, and never changed again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{AccessKey, KeyStatus, World, WorldError};
use crate::chance::stable_id;
use crate::partition::Partition;
use crate::policy::{Policy, PolicyKind};

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) partition: Partition,
    pub(crate) users: BTreeMap<String, UserRecord>,
    pub(crate) roles: BTreeMap<String, RoleRecord>,
    pub(crate) buckets: BTreeMap<String, BucketRecord>,
    pub(crate) keys: HashMap<String, KeyRecord>,
    pub(crate) managed_policies: HashMap<String, Arc<Policy>>,
    pub(crate) world: World,
}

#[derive(Debug)]
pub(crate) struct UserRecord {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) policies: Vec<Arc<Policy>>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) mfa: Option<(String, Vec<String>)>,
}

#[derive(Debug)]
pub(crate) struct RoleRecord {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) trust: Policy,
    pub(crate) trust_text: String,
    pub(crate) policies: Vec<Arc<Policy>>,
    pub(crate) max_session_seconds: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct BucketRecord {
    pub(crate) account: String,
    pub(crate) policy: Option<Policy>,
}

#[derive(Clone)]
pub(crate) struct KeyRecord {
    pub(crate) holder: Holder,
    pub(crate) secret: String,
    pub(crate) active: bool,
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRecord").field("holder", &self.holder).field("active", &self.active).finish_non_exhaustive()
    }
}

/// Who holds a long-term key.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    Root { account: String },
    User { arn: String },
}

impl Snapshot {
    pub(crate) fn of(world: World) -> Result<Self, WorldError> {
        let partition = world.partition;
        let mut snapshot = Self {
            partition,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            buckets: BTreeMap::new(),
            keys: HashMap::new(),
            managed_policies: HashMap::new(),
            world: World::default(),
        };
        for (arn, text) in &world.managed_policies {
            is_managed_policy_arn(arn, partition)
                .then_some(())
                .ok_or_else(|| WorldError::ManagedPolicyArn(arn.clone()))?;
            let policy = parse(text, PolicyKind::Identity, partition, arn, "default version")?;
            snapshot.managed_policies.insert(arn.clone(), Arc::new(policy));
        }
        snapshot.add_users(&world)?;
        snapshot.add_roles(&world)?;
        snapshot.add_buckets(&world)?;
        for (account, key) in &world.root_keys {
            check_account(account)?;
            snapshot.add_key(key, Holder::Root { account: account.clone() })?;
        }
        snapshot.world = world;
        Ok(snapshot)
    }

    fn add_users(&mut self, world: &World) -> Result<(), WorldError> {
        for user in &world.users {
            check_account(&user.account)?;
            let arn = user.arn(self.partition);
            if user.keys.len() > 2 {
                return Err(WorldError::TooManyKeys(arn));
            }
            for key in &user.keys {
                self.add_key(key, Holder::User { arn: arn.clone() })?;
            }
            let record = UserRecord {
                id: stable_id("AIDA", &arn),
                account: user.account.clone(),
                name: user.name.clone(),
                path: user.path.clone(),
                policies: self.policies(&arn, &user.inline_policies, &user.managed_policies)?,
                tags: user.tags.clone(),
                mfa: user.mfa.clone(),
                arn: arn.clone(),
            };
            unique(self.users.insert(arn.clone(), record), arn)?;
        }
        Ok(())
    }

    fn add_roles(&mut self, world: &World) -> Result<(), WorldError> {
        for role in &world.roles {
            check_account(&role.account)?;
            let arn = role.arn(self.partition);
            if !(3_600..=43_200).contains(&role.max_session_seconds) {
                return Err(WorldError::SessionDuration(arn));
            }
            let record = RoleRecord {
                id: stable_id("AROA", &arn),
                account: role.account.clone(),
                name: role.name.clone(),
                path: role.path.clone(),
                trust: parse(&role.trust, PolicyKind::Trust, self.partition, &arn, "trust")?,
                trust_text: role.trust.clone(),
                policies: self.policies(&arn, &role.inline_policies, &role.managed_policies)?,
                max_session_seconds: role.max_session_seconds,
                tags: role.tags.clone(),
                arn: arn.clone(),
            };
            unique(self.roles.insert(arn.clone(), record), arn)?;
        }
        Ok(())
    }

    fn add_buckets(&mut self, world: &World) -> Result<(), WorldError> {
        for bucket in &world.buckets {
            check_account(&bucket.account)?;
            let policy = match &bucket.policy {
                Some(text) => Some(parse(text, PolicyKind::Bucket, self.partition, &bucket.name, "bucket")?),
                None => None,
            };
            let record = BucketRecord { account: bucket.account.clone(), policy };
            unique(self.buckets.insert(bucket.name.clone(), record), bucket.name.clone())?;
        }
        Ok(())
    }

    fn add_key(&mut self, key: &AccessKey, holder: Holder) -> Result<(), WorldError> {
        if !key.is_well_formed() {
            return Err(WorldError::MalformedKey(key.id.clone()));
        }
        let record = KeyRecord { holder, secret: key.secret.clone(), active: key.status == KeyStatus::Active };
        unique(self.keys.insert(key.id.clone(), record), key.id.clone())
    }

    fn policies(
        &self,
        owner: &str,
        inline: &BTreeMap<String, String>,
        managed: &[String],
    ) -> Result<Vec<Arc<Policy>>, WorldError> {
        let inline = inline
            .iter()
            .map(|(name, text)| parse(text, PolicyKind::Identity, self.partition, owner, name).map(Arc::new));
        let managed = managed.iter().map(|arn| {
            let missing = || WorldError::NoSuchManagedPolicy { owner: owner.to_owned(), arn: arn.clone() };
            self.managed_policies.get(arn).cloned().ok_or_else(missing)
        });
        inline.chain(managed).collect()
    }
}

/// `arn:PARTITION:iam::ACCOUNT:policy/NAME`, where `ACCOUNT` may be `aws`.
pub(crate) fn is_managed_policy_arn(arn: &str, partition: Partition) -> bool {
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", at, "iam", "", account, name] => {
            at == partition.as_str()
                && (account == "aws" || check_account(account).is_ok())
                && name.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    }
}

fn parse(text: &str, kind: PolicyKind, partition: Partition, owner: &str, name: &str) -> Result<Policy, WorldError> {
    Policy::parse(text, kind, partition.as_str()).map_err(|complaint| WorldError::Policy {
        owner: owner.to_owned(),
        name: name.to_owned(),
        complaint,
    })
}

fn check_account(account: &str) -> Result<(), WorldError> {
    let fine = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if fine { Ok(()) } else { Err(WorldError::Account(account.to_owned())) }
}

fn unique<T>(previous: Option<T>, name: String) -> Result<(), WorldError> {
    previous.map_or(Ok(()), |_| Err(WorldError::Twice(name)))
}
