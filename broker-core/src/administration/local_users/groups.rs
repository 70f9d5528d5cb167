//! Groups of the store come and go, and people are put into them.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::listed::{ListedGroup, version};
use super::{
    All, LocalUserError, LocalUsers, MOST_GROUPS, MOST_GROUPS_OF_ONE, MOST_MEMBERS_AT_ONCE, MOST_USERS as MOST_MEMBERS,
    told,
};
use crate::directory::Directory;
use crate::id::{LocalGroupId, LocalUserId};
use crate::local_user::{LocalGroup, LocalGroupName, LocalUser, UserDetails};
use crate::permission::Operator;
use crate::store::{Change, Store};
use crate::trail::{Action, Entry};

/// Which form of a group somebody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenGroup {
    pub id: LocalGroupId,
    pub version: i64,
}

impl LocalUsers {
    /// Adds a group under a name that none has there, with these members.
    pub async fn add_group(
        &self,
        name: LocalGroupName,
        directory: Option<&str>,
        members: &BTreeSet<String>,
        by: &Operator,
    ) -> Result<ListedGroup, LocalUserError> {
        let directory = self.directory(directory)?;
        let all = self.all().await?;
        if all.groups.len() >= MOST_GROUPS {
            return Err(LocalUserError::TooMany("there are 1000 groups already"));
        }
        if all.group(directory.name(), name.as_str()).is_ok() {
            return Err(LocalUserError::Taken(name.to_string()));
        }
        let created_at = self.parts.clock.now();
        let (id, directory) = (LocalGroupId::random(), directory.name().clone());
        let group = LocalGroup { id, directory, name, revision: 1, created_at };
        let moves = self.moves(&group, members, &all)?;
        self.may_manage_group(&group, &those_of(&moves), &all, by)?;
        let mut changes = vec![self.store().add_local_group(&group)];
        changes.extend(self.changes_of(&moves)?);
        let entry = about(by, Action::LocalGroupAdded, &group, moved(&moves, &group));
        let as_read = Store::announce_people_since(all.revision);
        self.commit_announced(as_read, changes, entry, group.name.as_str()).await?;
        self.group(&id.to_string(), by).await
    }

    /// Makes these and nobody else the group's members, of those whom the store has. `seen` must still be there. Says whether that is
    /// recorded by now.
    pub async fn change_group(
        &self,
        id: LocalGroupId,
        members: &BTreeSet<String>,
        seen: Option<SeenGroup>,
        by: &Operator,
    ) -> Result<(ListedGroup, bool), LocalUserError> {
        let all = self.all().await?;
        let stored = all.seen_group(id, seen)?.clone();
        let moves = self.moves(&stored, members, &all)?;
        self.may_manage_group(&stored, &those_of(&moves), &all, by)?;
        let next = LocalGroup { revision: stored.revision.saturating_add(1), ..stored.clone() };
        let mut changes = vec![self.store().count_local_group(&next, stored.revision)];
        changes.extend(self.changes_of(&moves)?);
        let comes = moves.iter().any(|(_, after)| after.details.groups.contains(&id));
        // What somebody loses with a group may be what protects them.
        let only_takes_away = !comes && !self.is_of_weight(&stored);
        let entry = about(by, Action::LocalGroupChanged, &next, moved(&moves, &next));
        let as_read = Store::announce_people_since(all.revision);
        let recorded = if only_takes_away {
            self.take_away(as_read, changes, entry).await?
        } else {
            self.commit_announced(as_read, changes, entry, next.name.as_str()).await?;
            true
        };
        Ok((self.group(&id.to_string(), by).await?, recorded))
    }

    /// Takes a group away: nobody is in it any more, and nobody comes to be by another one of its name. `seen` must still be there. Says
    /// whether that is recorded by now.
    pub async fn remove_group(
        &self,
        id: LocalGroupId,
        seen: Option<SeenGroup>,
        by: &Operator,
    ) -> Result<bool, LocalUserError> {
        let all = self.all().await?;
        let stored = all.seen_group(id, seen)?;
        let members = all.members_of(stored);
        self.may_manage_group(stored, &members, &all, by)?;
        let names: BTreeSet<_> = members.iter().map(|user| user.name.as_str()).take(MOST_MEMBERS_AT_ONCE).collect();
        let fields = Map::from_iter([("members".to_owned(), json!({ "removed": names, "count": members.len() }))]);
        let entry = about(by, Action::LocalGroupRemoved, stored, fields);
        let (as_read, changes) = (Store::announce_people_since(all.revision), vec![Store::remove_local_group(stored)]);
        if self.is_of_weight(stored) {
            self.commit_announced(as_read, changes, entry, stored.name.as_str()).await?;
            return Ok(true);
        }
        self.take_away(as_read, changes, entry).await
    }

    /// A group that gives a role, or wants a second factor, is for administrators, and so is everybody who has a role.
    fn may_manage_group(
        &self,
        group: &LocalGroup,
        those: &[&LocalUser],
        all: &All,
        by: &Operator,
    ) -> Result<(), LocalUserError> {
        if self.is_of_weight(group) {
            self.only_administrators(
                "the group gives a role in the administration, or a second factor is wanted of its members",
                by,
            )?;
        }
        if those.iter().any(|user| self.may_have_role(user, all) || user.details.break_glass) {
            self.only_administrators("one of the users has a role in the administration, or is for emergencies", by)?;
        }
        Ok(())
    }

    /// Who comes into the group and who goes, each as they were and as they are to be.
    fn moves<'a>(
        &self,
        group: &LocalGroup,
        members: &BTreeSet<String>,
        all: &'a All,
    ) -> Result<Vec<(&'a LocalUser, LocalUser)>, LocalUserError> {
        if members.len() > MOST_MEMBERS {
            return Err(LocalUserError::TooMany("a group has 10000 members at most"));
        }
        let of_here = || all.users.iter().filter(|user| user.directory == group.directory);
        let keys = |user: &LocalUser| [(user.id.to_string(), user.id), (user.name.folded(), user.id)];
        let known: HashMap<String, LocalUserId> = of_here().flat_map(keys).collect();
        let mut wanted = BTreeSet::new();
        for text in members {
            let unknown = || {
                let of_file =
                    self.parts.directories.iter().any(|directory| {
                        *directory.name() == group.directory && directory.file_has(&text.to_lowercase())
                    });
                let shown = text.chars().take(super::MOST_SHOWN).collect();
                if of_file { LocalUserError::ReadOnly(shown) } else { LocalUserError::NoSuchMember(shown) }
            };
            let found = known.get(text).or_else(|| known.get(&text.to_lowercase()));
            wanted.insert(*found.ok_or_else(unknown)?);
        }
        let mut moves = Vec::new();
        for user in of_here() {
            let mut groups = user.details.groups.clone();
            let changes = if wanted.contains(&user.id) { groups.insert(group.id) } else { groups.remove(&group.id) };
            if changes {
                // What is gone stays in the row of who was in it, and counts for nothing.
                if groups.iter().filter(|id| all.has_group(**id)).count() > MOST_GROUPS_OF_ONE {
                    return Err(LocalUserError::TooMany("nobody is in more than 200 groups"));
                }
                let details = UserDetails { groups, ..user.details.clone() };
                moves.push((user, LocalUser { revision: user.revision.saturating_add(1), details, ..user.clone() }));
            }
        }
        if moves.len() > MOST_MEMBERS_AT_ONCE {
            return Err(LocalUserError::TooMany("a change moves 1000 members at most: do it in parts"));
        }
        Ok(moves)
    }

    fn changes_of(&self, moves: &[(&LocalUser, LocalUser)]) -> Result<Vec<Change>, LocalUserError> {
        Ok(moves
            .iter()
            .map(|(before, after)| self.store().replace_local_user(after, before))
            .collect::<Result<_, _>>()?)
    }
}

impl All {
    pub(super) fn members_of(&self, group: &LocalGroup) -> Vec<&LocalUser> {
        self.users.iter().filter(|user| user.details.groups.contains(&group.id)).collect()
    }

    fn has_group(&self, id: LocalGroupId) -> bool {
        self.damaged.contains(&id) || self.groups.iter().any(|group| group.id == id)
    }

    fn seen_group(&self, id: LocalGroupId, seen: Option<SeenGroup>) -> Result<&LocalGroup, LocalUserError> {
        let stored = self.groups.iter().find(|group| group.id == id).ok_or(LocalUserError::UnknownGroup)?;
        match seen {
            Some(seen) if seen != (SeenGroup { id, version: version(stored, &self.members_of(stored)) }) => {
                Err(LocalUserError::Stale)
            }
            Some(_) | None => Ok(stored),
        }
    }
}

fn those_of<'a>(moves: &[(&'a LocalUser, LocalUser)]) -> Vec<&'a LocalUser> {
    moves.iter().map(|(before, _)| *before).collect()
}

fn moved(moves: &[(&LocalUser, LocalUser)], group: &LocalGroup) -> Map<String, Value> {
    let (added, removed): (Vec<_>, Vec<_>) =
        moves.iter().map(|(_, after)| after).partition(|after| after.details.groups.contains(&group.id));
    let names = |users: Vec<&LocalUser>| users.into_iter().map(|user| user.name.to_string()).collect::<BTreeSet<_>>();
    Map::from_iter([("members".to_owned(), json!({ "added": names(added), "removed": names(removed) }))])
}

fn about(by: &Operator, action: Action, group: &LocalGroup, fields: Map<String, Value>) -> Entry {
    let name = format!("{}/{}", group.directory, group.name);
    by.did(action).changes(told("group", &name, &group.id.to_string(), fields))
}
