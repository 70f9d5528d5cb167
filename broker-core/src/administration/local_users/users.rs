//! Users of the store come, change and go; those of the configuration are left to it.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::listed::ListedUser;
use super::{All, LocalUserError, LocalUsers, MOST_GROUPS_OF_ONE, MOST_USERS, told};
use crate::catalog::difference;
use crate::directory::Directory;
use crate::directory::local::{NewPassword, hash_in_turn};
use crate::id::{LocalGroupId, LocalUserId, SessionId};
use crate::local_user::{DisplayName, Email, LocalGroup, LocalUser, UserDetails, UserName};
use crate::name::DirectoryName;
use crate::permission::{By, Operator};
use crate::store::{Change, Store};
use crate::trail::{Action, Entry};
use crate::vault::Sealed;

/// A user whom somebody wants to add.
#[derive(Debug)]
pub struct NewLocalUser {
    pub name: UserName,
    /// The only one, where none is named.
    pub directory: Option<String>,
    pub password: SecretString,
    pub form: UserForm,
}

/// What is to be known of a user, all of it.
#[derive(Clone, Debug, Default)]
pub struct UserForm {
    pub display_name: Option<DisplayName>,
    pub email: Option<Email>,
    /// By name, with or without the directory's before it.
    pub groups: Vec<String>,
    pub disabled: bool,
    pub break_glass: bool,
}

/// Which form of a user somebody has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenUser {
    pub id: LocalUserId,
    pub revision: i64,
}

impl LocalUsers {
    /// Adds a user under a name that nobody has there.
    pub async fn add_user(&self, new: NewLocalUser, by: &Operator) -> Result<ListedUser, LocalUserError> {
        let NewLocalUser { name, directory, password, form } = new;
        let directory = self.directory(directory.as_deref())?;
        if directory.file_has(&name.folded()) {
            return Err(LocalUserError::TakenByFile(name.to_string()));
        }
        let all = self.all().await?;
        if all.users.iter().any(|user| user.directory == *directory.name() && user.name.folded() == name.folded()) {
            return Err(LocalUserError::Taken(name.to_string()));
        }
        if all.users.len() >= MOST_USERS {
            return Err(LocalUserError::TooMany("there are 10000 users already"));
        }
        let (id, now) = (LocalUserId::random(), self.parts.clock.now());
        let details = details(form, directory.name(), &all, now)?;
        let chosen = chosen(&name, &details, password)?;
        if self.parts.in_front.contains(directory.name()) {
            self.only_administrators(
                "other directories are asked after this one, and the user would stand before whoever bears the name there",
                by,
            )?;
        }
        let sealed_password = self.sealed(id, directory.name(), &chosen).await?;
        let user = LocalUser {
            id,
            directory: directory.name().clone(),
            name,
            revision: 1,
            details,
            password_changed_at: now,
            sealed_password,
        };
        self.may_manage((None, Some(&user)), &all, by)?;
        let fields = difference(&Value::Null, &written(&user, &all)).to_json();
        let entry = about(by, Action::LocalUserAdded, &user, fields);
        self.commit(vec![self.store().add_local_user(&user)?], entry, user.name.as_str()).await?;
        Ok(self.listed(&user, &all.groups))
    }

    /// Puts another form in the place of what is known of a user; name, id and password stay. Whoever is disabled is signed out on every
    /// node. `seen` must still be there. Says whether that is recorded by now.
    pub async fn change_user(
        &self,
        id: LocalUserId,
        form: UserForm,
        seen: Option<SeenUser>,
        by: &Operator,
    ) -> Result<(ListedUser, bool), LocalUserError> {
        let all = self.all().await?;
        let stored = all.seen_user(id, seen)?;
        let details = details(form, &stored.directory, &all, stored.details.created_at)?;
        let user = LocalUser { revision: stored.revision.saturating_add(1), details, ..stored.clone() };
        self.may_manage((Some(stored), Some(&user)), &all, by)?;
        let fields = difference(&written(stored, &all), &written(&user, &all)).to_json();
        let is_guarded = |group: &LocalGroup| self.is_of_weight(group) && stored.details.groups.contains(&group.id);
        // What somebody loses with a group may be what protects them.
        let only_takes_away = only_takes_away(stored, &user) && !all.groups.iter().any(is_guarded);
        let entry = about(by, Action::LocalUserChanged, &user, fields);
        let mut changes = vec![self.store().replace_local_user(&user, stored)?];
        if user.details.disabled {
            changes.push(Store::end_sessions_but(&user.subject(), None));
        }
        let recorded = if only_takes_away {
            self.take_away(Store::announce_people(), changes, entry).await?
        } else {
            self.commit(changes, entry, user.name.as_str()).await?;
            true
        };
        Ok((self.listed(&user, &all.groups), recorded))
    }

    /// What is known of a user, as a form that changes nothing.
    pub async fn form_of(&self, user: &LocalUser) -> Result<UserForm, LocalUserError> {
        let groups = self.store().all_local_groups().await?.good;
        let UserDetails { display_name, email, disabled, break_glass, .. } = user.details.clone();
        let groups = user.in_groups(&groups).groups.iter().map(ToString::to_string).collect();
        Ok(UserForm { display_name, email, groups, disabled, break_glass })
    }

    /// Gives a user another password, and ends all their sessions.
    pub async fn set_password(
        &self,
        id: LocalUserId,
        password: SecretString,
        by: &Operator,
    ) -> Result<ListedUser, LocalUserError> {
        let all = self.all().await?;
        let stored = all.seen_user(id, None)?;
        self.may_manage((Some(stored), None), &all, by)?;
        let user = self.with_password(stored, &chosen(&stored.name, &stored.details, password)?).await?;
        let entry = about(by, Action::LocalUserPasswordChanged, &user, serde_json::Map::new());
        self.commit(self.password_changes(&user, stored, None)?, entry, user.name.as_str()).await?;
        Ok(self.listed(&user, &all.groups))
    }

    /// Takes a user away with all that they have enrolled, and ends all their sessions. `seen` must still be there. Says whether that is recorded by now.
    pub async fn remove_user(
        &self,
        id: LocalUserId,
        seen: Option<SeenUser>,
        by: &Operator,
    ) -> Result<bool, LocalUserError> {
        let all = self.all().await?;
        let stored = all.seen_user(id, seen)?;
        self.may_manage((Some(stored), None), &all, by)?;
        let fields = difference(&written(stored, &all), &Value::Null).to_json();
        let entry = about(by, Action::LocalUserRemoved, stored, fields);
        let subject = stored.subject();
        let mut changes = vec![self.store().remove_local_user(stored)?, Store::end_sessions_but(&subject, None)];
        changes.extend(Store::drop_second_factors(&subject));
        self.take_away(Store::announce_people(), changes, entry).await
    }

    /// An operator manages nobody who has a role, nor an account for emergencies: by either they could become administrators. Where there is to be
    /// another form of somebody, neither its groups of weight nor its mail address are of an operator's making.
    fn may_manage(
        &self,
        (before, after): (Option<&LocalUser>, Option<&LocalUser>),
        all: &All,
        by: &Operator,
    ) -> Result<(), LocalUserError> {
        let is_any = |holds: &dyn Fn(&LocalUser) -> bool| [before, after].into_iter().flatten().any(holds);
        if is_any(&|user| self.may_have_role(user, all)) {
            self.only_administrators("the user has a role in the administration, or would have", by)?;
        }
        if is_any(&|user| user.details.break_glass) {
            self.only_administrators("this is a break-glass account", by)?;
        }
        let Some(after) = after else { return Ok(()) };
        let of_weight = |user: &LocalUser| -> BTreeSet<LocalGroupId> {
            let groups = all.groups.iter().filter(|group| user.details.groups.contains(&group.id));
            groups.filter(|group| self.is_of_weight(group)).map(|group| group.id).collect()
        };
        if before.map(of_weight).unwrap_or_default() != of_weight(after) {
            self.only_administrators("of this group's members a second factor is wanted", by)?;
        }
        if before.and_then(|user| user.details.email.as_ref()) != after.details.email.as_ref() {
            self.only_administrators("connectors may tell AWS the mail address as one that can be trusted", by)?;
        }
        Ok(())
    }

    pub(super) fn password_changes(
        &self,
        user: &LocalUser,
        stored: &LocalUser,
        going_on: Option<SessionId>,
    ) -> Result<Vec<Change>, LocalUserError> {
        let replaced = self.store().replace_local_user(user, stored)?;
        Ok(vec![replaced, Store::end_sessions_but(&user.subject(), going_on)])
    }

    /// The same user by another password.
    pub(super) async fn with_password(
        &self,
        stored: &LocalUser,
        password: &NewPassword,
    ) -> Result<LocalUser, LocalUserError> {
        let sealed_password = self.sealed(stored.id, &stored.directory, password).await?;
        // Another time than before, whatever the clock says: by it one password is told from the next.
        let now = self.parts.clock.now();
        let least = stored.password_changed_at.saturating_add(jiff::SignedDuration::from_millis(1));
        let password_changed_at = now.max(least.unwrap_or(now));
        Ok(LocalUser {
            revision: stored.revision.saturating_add(1),
            sealed_password,
            password_changed_at,
            ..stored.clone()
        })
    }

    async fn sealed(
        &self,
        id: LocalUserId,
        directory: &DirectoryName,
        password: &NewPassword,
    ) -> Result<Sealed, LocalUserError> {
        let hash = hash_in_turn(&self.parts.hashers, password.as_password()).await?;
        Ok(LocalUser::seal(&self.parts.people.vault, id, directory, &hash)?)
    }
}

impl All {
    pub(super) fn seen_user(&self, id: LocalUserId, seen: Option<SeenUser>) -> Result<&LocalUser, LocalUserError> {
        let user = self.users.iter().find(|user| user.id == id).ok_or(LocalUserError::UnknownUser)?;
        match seen {
            Some(seen) if seen != SeenUser::of(user) => Err(LocalUserError::Stale),
            Some(_) | None => Ok(user),
        }
    }
}

impl SeenUser {
    pub fn of(user: &LocalUser) -> Self {
        Self { id: user.id, revision: user.revision }
    }
}

/// What somebody of this name chose, if it is good enough.
pub(super) fn chosen(
    name: &UserName,
    details: &UserDetails,
    password: SecretString,
) -> Result<NewPassword, LocalUserError> {
    let address = details.email.as_ref().map(Email::as_str).unwrap_or_default();
    let own = [
        name.as_str(),
        details.display_name.as_ref().map(DisplayName::as_str).unwrap_or_default(),
        address.split('@').next().unwrap_or_default(),
    ];
    Ok(NewPassword::parse(password, &own)?)
}

fn details(
    form: UserForm,
    directory: &DirectoryName,
    all: &All,
    created_at: jiff::Timestamp,
) -> Result<UserDetails, LocalUserError> {
    let UserForm { display_name, email, groups, disabled, break_glass } = form;
    if groups.len() > MOST_GROUPS_OF_ONE {
        return Err(LocalUserError::TooMany("nobody is in more than 200 groups"));
    }
    let groups =
        groups.iter().map(|text| all.group(directory, text).map(|group| group.id)).collect::<Result<_, _>>()?;
    Ok(UserDetails { display_name, email, groups, disabled, break_glass, created_at })
}

/// Nothing but that they are disabled now, or in fewer groups.
fn only_takes_away(before: &LocalUser, after: &LocalUser) -> bool {
    let (before, after) = (&before.details, &after.details);
    let same = UserDetails { groups: before.groups.clone(), disabled: before.disabled, ..after.clone() } == *before;
    same && after.groups.is_subset(&before.groups) && (after.disabled || !before.disabled)
}

/// As the trail shows them.
fn written(user: &LocalUser, all: &All) -> Value {
    let person = user.in_groups(&all.groups);
    json!({
        "display_name": person.display_name, "email": person.email, "disabled": user.details.disabled,
        "groups": person.groups, "break_glass": user.details.break_glass,
    })
}

fn about(by: &By, action: Action, user: &LocalUser, fields: serde_json::Map<String, Value>) -> Entry {
    told_of(by.did(action), user, fields)
}

pub(super) fn told_of(entry: Entry, user: &LocalUser, fields: serde_json::Map<String, Value>) -> Entry {
    let name = format!("{}/{}", user.directory, user.name);
    entry.about(Some(&user.subject())).changes(told("user", &name, &user.id.to_string(), fields))
}
