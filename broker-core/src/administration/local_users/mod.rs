//! Users and groups of local directories come, change and go. Who is only an operator manages those who have no role themselves: else they
//! could make themselves administrators.

mod error;
mod groups;
mod listed;
mod own_password;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::caller::{AdminGroups, AdminRole};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::directory::local::{LocalDirectory, StoredPeople};
use crate::id::LocalGroupId;
use crate::local_user::{LocalGroup, LocalGroupName, LocalUser, UserName};
use crate::name::{DirectoryName, Group};
use crate::permission::Operator;
use crate::store::{Change, Found, Store, StoreError};
use crate::trail::{Action, Entry, Outcome, RefusalKind, TakenAway, Trail, TrailError, Vec1};

pub use self::error::LocalUserError;
pub use self::groups::SeenGroup;
pub use self::listed::{ListedGroup, ListedUser};
pub use self::own_password::{OwnPassword, OwnPasswordError};
pub use self::users::{NewLocalUser, SeenUser, UserForm};

/// Manages local users and groups. Clones share everything.
#[derive(Clone, Debug)]
pub struct LocalUsers {
    parts: Arc<LocalUsersParts>,
}

/// What it works with.
#[derive(Debug)]
pub struct LocalUsersParts {
    /// In the order of look-up.
    pub directories: Vec<Arc<LocalDirectory>>,
    pub people: StoredPeople,
    pub trail: Trail,
    pub clock: Arc<dyn Clock>,
    /// Those of the directories.
    pub hashers: Arc<Semaphore>,
    pub admin_groups: AdminGroups,
    /// Whose members may do nothing without a second factor.
    pub guarded_groups: BTreeSet<Group>,
    /// Directories that are asked before others: whoever is in them stands before whoever bears the name there.
    pub in_front: BTreeSet<DirectoryName>,
}

/// All users and groups of the store that prove to be ours.
struct All {
    /// Counted before they were read: who changes something as of this one changes what was read.
    revision: i64,
    users: Vec<LocalUser>,
    groups: Vec<LocalGroup>,
    /// Groups that do not prove to be ours: nobody knows what they give to whom.
    damaged: BTreeSet<LocalGroupId>,
}

impl LocalUsers {
    pub fn new(parts: LocalUsersParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Users of the store who are out of service, because the configuration has come to have somebody of their name; as they were read last.
    pub fn shadowed(&self) -> Vec<(DirectoryName, UserName)> {
        let of = |directory: &Arc<LocalDirectory>| {
            let names = directory.shadowed().into_iter();
            names.map(|name| (directory.name().clone(), name)).collect::<Vec<_>>()
        };
        self.parts.directories.iter().flat_map(of).collect()
    }

    fn store(&self) -> &Store {
        &self.parts.people.store
    }

    async fn all(&self) -> Result<All, StoreError> {
        let revision = self.store().people_revision().await?;
        // Whoever comes to be in a group that is made after the first reading has another row by then, and a change of theirs is `Stale`.
        let users = self.store().all_local_users().await?.good;
        let Found { good: groups, damaged } = self.store().all_local_groups().await?;
        let damaged = damaged.iter().filter_map(|row| row.id().parse().ok()).collect();
        Ok(All { revision, users, groups, damaged })
    }

    /// The directory that is meant; the only one where none is named.
    fn directory(&self, wanted: Option<&str>) -> Result<&LocalDirectory, LocalUserError> {
        let all = &self.parts.directories;
        let names = || all.iter().map(|directory| directory.name().clone()).collect();
        match (wanted, all.as_slice()) {
            (_, []) => Err(LocalUserError::NoDirectory),
            (None, [only]) => Ok(only),
            (None, _) => Err(LocalUserError::WhichDirectory(names())),
            (Some(wanted), _) => {
                let found = all.iter().find(|directory| directory.name().as_str() == wanted);
                found.map(AsRef::as_ref).ok_or_else(|| LocalUserError::UnknownDirectory(names()))
            }
        }
    }

    fn role_of(&self, groups: &BTreeSet<Group>) -> Option<AdminRole> {
        self.parts.admin_groups.role_of(groups)
    }

    /// Whether somebody has a role, or may have one: by a group that does not prove to be ours as well.
    fn may_have_role(&self, user: &LocalUser, all: &All) -> bool {
        let groups = &user.details.groups;
        !groups.is_disjoint(&all.damaged) || self.role_of(&user.in_groups(&all.groups).groups).is_some()
    }

    /// Whether a group decides more than what its members may use: it gives a role, or wants a second factor.
    fn is_of_weight(&self, group: &LocalGroup) -> bool {
        let group = Group { directory: group.directory.clone(), name: group.name.to_string() };
        self.parts.guarded_groups.contains(&group) || self.role_of(&BTreeSet::from([group])).is_some()
    }

    /// Lets administrators do what would otherwise make an operator more than they are, and writes down who tried.
    fn only_administrators(&self, why: &'static str, by: &Operator) -> Result<(), LocalUserError> {
        if by.rank >= AdminRole::Administrator {
            return Ok(());
        }
        let refused = LocalUserError::NeedsAdministrator(why);
        let entry = by.did(Action::AdministrationRefused).ended(Outcome::Refused).reason(&refused);
        self.parts.trail.note_refusal(RefusalKind::Administration, entry);
        Err(refused)
    }

    /// Makes changes together with their record, and knows of them here at once.
    async fn commit(&self, changes: Vec<Change>, entry: Entry, name: &str) -> Result<(), LocalUserError> {
        self.commit_announced(Store::announce_people(), changes, entry, name).await
    }

    async fn commit_announced(
        &self,
        announced: Change,
        changes: Vec<Change>,
        entry: Entry,
        name: &str,
    ) -> Result<(), LocalUserError> {
        let changes = [announced].into_iter().chain(changes).collect();
        let committed = self.parts.trail.commit(changes, Vec1::new(entry)).await;
        committed.map_err(|error| LocalUserError::of_commit(error, name))?;
        self.know().await;
        Ok(())
    }

    /// The same for what only takes rights away. Whether it is recorded by now.
    async fn take_away(&self, announced: Change, changes: Vec<Change>, entry: Entry) -> Result<bool, LocalUserError> {
        let changes = [announced].into_iter().chain(changes).collect();
        let recorded = match self.parts.trail.take_away(changes, Vec1::new(entry)).await {
            Ok(TakenAway::Recorded) => true,
            Ok(TakenAway::Unrecorded) => false,
            Ok(TakenAway::Nothing) => return Err(LocalUserError::Stale),
            Err(error) => return Err(LocalUserError::of_commit(TrailError::Change(error), "")),
        };
        self.know().await;
        Ok(recorded)
    }

    /// Where that fails, those who follow the store know it a moment later.
    async fn know(&self) {
        if let Err(error) = self.parts.people.roster.refresh().await {
            tracing::warn!(%error, source = ?std::error::Error::source(&error), "cannot read which local users have changed");
        }
    }
}

impl All {
    /// A group of a directory by its name, with or without the directory's before it.
    fn group(&self, directory: &DirectoryName, text: &str) -> Result<&LocalGroup, LocalUserError> {
        let own = text.strip_prefix(directory.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
        let unknown = || LocalUserError::NoSuchGroup(text.chars().take(MOST_SHOWN).collect());
        let name = LocalGroupName::try_from(own.to_owned()).map_err(|_| unknown())?;
        let is_meant = |group: &&LocalGroup| group.directory == *directory && group.name.folded() == name.folded();
        self.groups.iter().find(is_meant).ok_or_else(unknown)
    }
}

/// What changed, and of whom: a record has no field for that.
fn told(what: &str, name: &str, id: &str, fields: serde_json::Map<String, Value>) -> Value {
    let mut changes = fields;
    changes.insert(what.to_owned(), name.into());
    changes.insert(format!("{what}_id"), id.into());
    changes.into()
}

const MOST_SHOWN: usize = 80;
/// Of a whole installation. Each change is read by every node whole.
const MOST_USERS: usize = 10_000;
const MOST_GROUPS: usize = 1_000;
const MOST_GROUPS_OF_ONE: usize = 200;
const MOST_MEMBERS_AT_ONCE: usize = 1_000;
