//! A person as the configuration describes one.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::PasswordHash;
use crate::caller::{Person, Subject};
use crate::directory::{Attested, TypedName};
use crate::local_user::{Email, LocalUser};
use crate::name::{DirectoryName, Group};

/// An entry of `people`, or a `[[person]]` of a `people_file`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalPerson {
    pub username: String,
    /// What never changes, so that the name may; the name where nothing is said.
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    pub password_hash: PasswordHash,
    #[serde(default)]
    pub disabled: bool,
    /// For the day when other directories are down: asked for before those, and told to everybody who watches.
    #[serde(default)]
    pub break_glass: bool,
}

/// What is wrong with one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonProblem {
    #[error("not a user name: no spaces around it, no control characters, 256 characters at most")]
    Username,
    #[error("not an id: 128 visible ASCII characters at most")]
    Id,
    #[error("not a display name: no control characters, 256 characters at most")]
    DisplayName,
    #[error("not a mail address")]
    Email,
    #[error("one of the groups has no usable name")]
    Group,
    #[error("there is another person of that name; upper and lower case do not count")]
    DuplicateUsername,
    #[error("there is another person with that id")]
    DuplicateId,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) person: Person,
    pub(super) hash: PasswordHash,
    pub(super) disabled: bool,
    pub(super) break_glass: bool,
    /// As the store has them, if it does; else the configuration.
    pub(super) stored: Option<Box<LocalUser>>,
}

impl Known {
    pub(super) fn attested(&self) -> Attested {
        Attested { person: self.person.clone(), password: self.hash.mark() }
    }
}

impl LocalPerson {
    /// What the directory keeps of them, if it can.
    pub(super) fn check(self, directory: &DirectoryName) -> Result<Known, PersonProblem> {
        if !TypedName::parse(&self.username).is_ok_and(|name| name.as_str() == self.username) {
            return Err(PersonProblem::Username);
        }
        let id = self.id.unwrap_or_else(|| self.username.clone());
        let is_name = id == self.username;
        if !is_name && (id.is_empty() || id.len() > MAX_ID || !id.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(PersonProblem::Id);
        }
        if self.display_name.as_ref().is_some_and(|name| TypedName::parse(name).is_err()) {
            return Err(PersonProblem::DisplayName);
        }
        if self.email.as_ref().is_some_and(|email| Email::try_from(email.clone()).is_err()) {
            return Err(PersonProblem::Email);
        }
        let groups: Result<BTreeSet<_>, _> =
            self.groups.iter().map(|group| Group::new(directory.clone(), group)).collect();
        let person = Person {
            subject: Subject { directory: directory.clone(), id },
            username: self.username,
            display_name: self.display_name,
            // Only administrators write the configuration.
            email_trusted: self.email.is_some(),
            email: self.email,
            groups: groups.map_err(|_| PersonProblem::Group)?,
        };
        Ok(Known {
            person,
            hash: self.password_hash,
            disabled: self.disabled,
            break_glass: self.break_glass,
            stored: None,
        })
    }
}

const MAX_ID: usize = 128;
