//! Users and groups of a local directory that the store keeps, not the configuration.

mod fields;

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::caller::{Person, Subject};
use crate::id::{LocalGroupId, LocalUserId};
use crate::name::{DirectoryName, Group};
use crate::vault::{Binding, Place, SealBroken, Sealed, Vault};

pub(crate) use self::fields::fold;
pub use self::fields::{DisplayName, Email, LocalGroupName, NotAField, UserName};

/// A user as the store keeps them. Who they are for good is the id: a name that is given again is somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUser {
    pub id: LocalUserId,
    pub directory: DirectoryName,
    pub name: UserName,
    /// Counts changes; a hash that is made anew with other parameters, or sealed anew, is none.
    pub revision: i64,
    pub details: UserDetails,
    /// When somebody last chose another password.
    pub password_changed_at: Timestamp,
    /// The argon2id hash of the password.
    pub sealed_password: Sealed,
}

/// What is known of a user beside their name and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Those that are gone count for nothing.
    #[serde(default)]
    pub groups: BTreeSet<LocalGroupId>,
    #[serde(default)]
    pub disabled: bool,
    /// For the day when other directories are down: asked for before those, and told to everybody who watches.
    #[serde(default)]
    pub break_glass: bool,
    pub created_at: Timestamp,
}

/// A group as the store keeps it. Its members say so themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalGroup {
    pub id: LocalGroupId,
    pub directory: DirectoryName,
    pub name: LocalGroupName,
    /// Counts changes to its list of members as a whole.
    pub revision: i64,
    pub created_at: Timestamp,
}

impl LocalUser {
    /// Who they are, for good.
    pub fn subject(&self) -> Subject {
        Subject { directory: self.directory.clone(), id: self.id.to_string() }
    }

    /// The person, in those of the groups that there are.
    pub fn in_groups(&self, groups: &[LocalGroup]) -> Person {
        let details = &self.details;
        let is_in = |group: &&LocalGroup| group.directory == self.directory && details.groups.contains(&group.id);
        let named = |group: &LocalGroup| Group { directory: group.directory.clone(), name: group.name.to_string() };
        Person {
            subject: self.subject(),
            username: self.name.to_string(),
            display_name: details.display_name.as_ref().map(ToString::to_string),
            // Nobody changes their own.
            email_trusted: details.email.is_some(),
            email: details.email.as_ref().map(ToString::to_string),
            groups: groups.iter().filter(is_in).map(named).collect(),
        }
    }

    /// Seals the hash of a password to the user who has it.
    pub fn seal(
        vault: &Vault,
        id: LocalUserId,
        directory: &DirectoryName,
        hash: &SecretString,
    ) -> Result<Sealed, SealBroken> {
        vault.seal(binding(&id, &[directory.as_str()]), hash)
    }

    /// The hash of the password.
    pub fn open(&self, vault: &Vault) -> Result<SecretString, SealBroken> {
        vault.open(binding(&self.id, &[self.directory.as_str()]), &self.sealed_password)
    }

    /// The same hash under the master key that seals now.
    pub(crate) fn reseal(&self, vault: &Vault) -> Result<Sealed, SealBroken> {
        vault.reseal(binding(&self.id, &[self.directory.as_str()]), &self.sealed_password)
    }
}

fn binding<'a>(id: &'a LocalUserId, details: &'a [&'a str]) -> Binding<'a> {
    Binding { place: Place::LocalUser, row: id.as_bytes(), details }
}
