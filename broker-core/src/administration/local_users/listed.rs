//! Users and groups as they are shown: those of the configuration and those of the store, side by side.

use std::collections::{BTreeMap, BTreeSet};

use super::{LocalUserError, LocalUsers};
use crate::caller::{AdminRole, Person};
use crate::connector::ManagedBy;
use crate::directory::Directory;
use crate::local_user::{LocalGroup, LocalUser};
use crate::name::Group;
use crate::permission::Permission;
use crate::store::StoreError;
use crate::vault::digest;

/// A user of a local directory.
#[derive(Clone, Debug)]
pub struct ListedUser {
    pub person: Person,
    pub disabled: bool,
    /// For the day when other directories are down.
    pub break_glass: bool,
    pub role: Option<AdminRole>,
    /// The store's own; nothing for those of the configuration.
    pub stored: Option<LocalUser>,
    /// Out of service, because the configuration has somebody of the same name.
    pub shadowed: bool,
}

/// A group of a local directory.
#[derive(Clone, Debug)]
pub struct ListedGroup {
    pub group: Group,
    pub role: Option<AdminRole>,
    /// By user name; those whom the store puts into it.
    pub members: BTreeSet<String>,
    /// Those whom the configuration puts into it.
    pub file_members: BTreeSet<String>,
    /// The store's own; nothing where only the configuration names it.
    pub stored: Option<LocalGroup>,
    /// Another one whenever the store's members are others.
    pub version: i64,
}

impl ListedUser {
    pub fn managed_by(&self) -> ManagedBy {
        if self.stored.is_some() { ManagedBy::Api } else { ManagedBy::File }
    }
}

impl ListedGroup {
    pub fn managed_by(&self) -> ManagedBy {
        if self.stored.is_some() { ManagedBy::Api } else { ManagedBy::File }
    }
}

impl LocalUsers {
    /// All users of local directories, in no order.
    pub async fn users(&self, _: &impl Permission) -> Result<Vec<ListedUser>, StoreError> {
        let all = self.all().await?;
        let mut listed = Vec::new();
        for directory in &self.parts.directories {
            listed.extend(directory.file_people().map(|(person, disabled, break_glass)| ListedUser {
                role: self.role_of(&person.groups),
                person: person.clone(),
                disabled,
                break_glass,
                stored: None,
                shadowed: false,
            }));
        }
        listed.extend(all.users.iter().map(|user| self.listed(user, &all.groups)));
        Ok(listed)
    }

    /// One user, by id or by name, or by that with the directory's before it.
    pub async fn user(&self, text: &str, by: &impl Permission) -> Result<ListedUser, LocalUserError> {
        one(self.users(by).await?, |user| {
            let id = user.person.subject.id.as_str();
            let whole =
                text.strip_prefix(user.person.subject.directory.as_str()).and_then(|rest| rest.strip_prefix('/'));
            let is_called = |text: &str| user.person.username.to_lowercase() == text.to_lowercase() && !user.shadowed;
            // The configuration's ids are names, or what it makes of them: two directories may have one.
            let is_own = id == text && user.stored.is_some() || whole.is_some_and(is_called);
            [is_own, id == text || is_called(text)]
        })
        .ok_or(LocalUserError::UnknownUser)?
    }

    /// All groups that local directories' users are in or could be put into, in no order.
    pub async fn groups(&self, _: &impl Permission) -> Result<Vec<ListedGroup>, StoreError> {
        let all = self.all().await?;
        let mut of_file: BTreeMap<Group, BTreeSet<String>> = BTreeMap::new();
        for directory in &self.parts.directories {
            for (person, ..) in directory.file_people() {
                for group in &person.groups {
                    of_file.entry(group.clone()).or_default().insert(person.username.clone());
                }
            }
        }
        let mut listed: Vec<ListedGroup> = Vec::new();
        for stored in &all.groups {
            let group = Group { directory: stored.directory.clone(), name: stored.name.to_string() };
            let file_members = of_file.remove(&group).unwrap_or_default();
            let members = all.members_of(stored);
            listed.push(ListedGroup {
                role: self.role_of(&BTreeSet::from([group.clone()])),
                group,
                version: version(stored, &members),
                members: members.into_iter().map(|user| user.name.to_string()).collect(),
                file_members,
                stored: Some(stored.clone()),
            });
        }
        listed.extend(of_file.into_iter().map(|(group, file_members)| ListedGroup {
            role: self.role_of(&BTreeSet::from([group.clone()])),
            group,
            members: BTreeSet::new(),
            file_members,
            stored: None,
            version: 0,
        }));
        Ok(listed)
    }

    /// One group, by id or by name.
    pub async fn group(&self, text: &str, by: &impl Permission) -> Result<ListedGroup, LocalUserError> {
        one(self.groups(by).await?, |listed| {
            let is_id = listed.stored.as_ref().is_some_and(|group| group.id.to_string() == text);
            let Group { directory, name } = &listed.group;
            let whole = text.strip_prefix(directory.as_str()).and_then(|rest| rest.strip_prefix('/')) == Some(name);
            [is_id || whole, name == text]
        })
        .ok_or(LocalUserError::UnknownGroup)?
    }

    pub(super) fn listed(&self, user: &LocalUser, groups: &[LocalGroup]) -> ListedUser {
        let person = user.in_groups(groups);
        let of_file = self.parts.directories.iter().find(|directory| *directory.name() == user.directory);
        ListedUser {
            role: self.role_of(&person.groups),
            person,
            disabled: user.details.disabled,
            break_glass: user.details.break_glass,
            stored: Some(user.clone()),
            shadowed: of_file.is_some_and(|directory| directory.file_has(&user.name.folded())),
        }
    }
}

/// The one that is meant: by what is its own, or else by what several may have.
fn one<T>(all: Vec<T>, is_meant: impl Fn(&T) -> [bool; 2]) -> Option<Result<T, LocalUserError>> {
    let (mut own, mut named) = (None, Vec::new());
    for item in all {
        match is_meant(&item) {
            [true, _] => own = Some(item),
            [false, true] => named.push(item),
            [false, false] => {}
        }
    }
    match (own, named.len()) {
        (Some(own), _) => Some(Ok(own)),
        (None, 0 | 1) => named.pop().map(Ok),
        (None, _) => Some(Err(LocalUserError::Several)),
    }
}

/// Of a group and of who is in it.
pub(super) fn version(group: &LocalGroup, members: &[&LocalUser]) -> i64 {
    let mut ids: Vec<[u8; 16]> = members.iter().map(|user| *user.id.as_bytes()).collect();
    ids.sort_unstable();
    let revision = group.revision.to_be_bytes();
    let parts: Vec<&[u8]> = std::iter::once(revision.as_slice()).chain(ids.iter().map(<[u8; 16]>::as_slice)).collect();
    let [first, second, third, fourth, fifth, sixth, ..] = digest(&parts);
    i64::from_be_bytes([0, 0, first, second, third, fourth, fifth, sixth])
}
