//! The directories as they are configured, and whoever manages the users of the local ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use broker_core::administration::{LocalUsers, LocalUsersParts};
use broker_core::caller::AdminGroups;
use broker_core::directory::crowd::CrowdDirectory;
use broker_core::directory::ldap::LdapDirectory;
use broker_core::directory::local::{LocalDirectory, StoredPeople};
use broker_core::directory::{Directory, MeasuredDirectory};
use broker_core::name::{DirectoryName, Group};
use tokio::sync::Semaphore;

use crate::config::{Backend, Config, DirectoryConfig};
use crate::house::House;

/// Everybody who can sign in, and what is known of them here.
#[derive(Debug)]
pub(crate) struct People {
    /// In the order of look-up.
    pub(crate) directories: Vec<Arc<dyn Directory>>,
    pub(crate) users: LocalUsers,
    pub(crate) stored: StoredPeople,
}

/// Groups that decide more than what their members may use.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) admin_groups: AdminGroups,
    /// Whose members may do nothing without a second factor.
    pub(crate) guarded_groups: BTreeSet<Group>,
}

impl Weights {
    pub(crate) fn of(config: &Config) -> Self {
        Self { admin_groups: config.admin_groups.clone(), guarded_groups: config.second_factor_groups.clone() }
    }
}

impl People {
    /// Opens the directories, and asks none of them.
    pub(crate) fn open(configured: Vec<DirectoryConfig>, weights: Weights, house: &House) -> anyhow::Result<Self> {
        let in_front = in_front(&configured);
        let (hashers, stored) = shared(house);
        let (mut directories, mut local): (Vec<Arc<dyn Directory>>, Vec<_>) = (Vec::new(), Vec::new());
        for DirectoryConfig { name, backend, .. } in configured {
            let opened: Arc<dyn Directory> = match backend {
                Backend::Local(people) => {
                    let opened = LocalDirectory::new(name, people, Arc::clone(&hashers))?.with_store(stored.clone());
                    let opened = Arc::new(opened);
                    local.push(Arc::clone(&opened));
                    opened
                }
                Backend::Ldap(settings) => Arc::new(LdapDirectory::new(name, *settings, Arc::clone(&house.clock))),
                Backend::Crowd(settings) => Arc::new(CrowdDirectory::new(name, *settings)?),
            };
            directories.push(Arc::new(MeasuredDirectory(opened)));
        }
        let users = users(local, (stored.clone(), hashers), (weights, in_front), house);
        Ok(Self { directories, users, stored })
    }

    /// Whoever manages the users of the local ones, for those who let nobody in.
    pub(crate) fn open_local(
        configured: &[DirectoryConfig],
        weights: Weights,
        house: &House,
    ) -> anyhow::Result<LocalUsers> {
        let (hashers, stored) = shared(house);
        let mut local = Vec::new();
        for DirectoryConfig { name, backend, .. } in configured {
            if let Backend::Local(people) = backend {
                let opened = LocalDirectory::new(name.clone(), people.clone(), Arc::clone(&hashers))?;
                local.push(Arc::new(opened.with_store(stored.clone())));
            }
        }
        Ok(users(local, (stored, hashers), (weights, in_front(configured)), house))
    }

    /// Reads whom the store has, and says who of them is out of service.
    pub(crate) async fn read(&self) -> anyhow::Result<()> {
        self.stored.roster.refresh().await?;
        for (directory, name) in self.users.shadowed() {
            tracing::warn!(directory.name = %directory, person.name = %name, "a user of the store is out of service: the configuration has somebody of this name");
        }
        Ok(())
    }
}

/// All that are asked before another.
fn in_front(configured: &[DirectoryConfig]) -> BTreeSet<DirectoryName> {
    configured.iter().rev().skip(1).map(|directory| directory.name.clone()).collect()
}

/// What all local directories share.
fn shared(house: &House) -> (Arc<Semaphore>, StoredPeople) {
    // As many hashes at once as there are cores: more would only cost memory.
    let hashers = Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from));
    (Arc::new(hashers), StoredPeople::new(house.store.clone(), Arc::clone(&house.vault)))
}

fn users(
    directories: Vec<Arc<LocalDirectory>>,
    (people, hashers): (StoredPeople, Arc<Semaphore>),
    (Weights { admin_groups, guarded_groups }, in_front): (Weights, BTreeSet<DirectoryName>),
    house: &House,
) -> LocalUsers {
    let (trail, clock) = (house.trail.clone(), Arc::clone(&house.clock));
    LocalUsers::new(LocalUsersParts {
        directories,
        people,
        trail,
        clock,
        hashers,
        admin_groups,
        guarded_groups,
        in_front,
    })
}
