//! People whom the store keeps: read from it whenever somebody signs in or is looked up again.

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::password_hash::{HashError, PasswordHash};
use super::person::Known;
use super::roster::Roster;
use crate::caller::Person;
use crate::clock::Millis;
use crate::directory::{Attested, PasswordMark};
use crate::local_user::{LocalUser, UserDetails};
use crate::name::DirectoryName;
use crate::store::{Store, StoreError};
use crate::vault::{SealBroken, Vault};

/// Where the users are whom the API and the command line manage. Clones share everything.
#[derive(Clone, Debug)]
pub struct StoredPeople {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub roster: Roster,
}

/// Why a user cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRead {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl StoredPeople {
    /// Not read yet; see [`Roster::refresh`].
    pub fn new(store: Store, vault: Arc<Vault>) -> Self {
        Self { roster: Roster::of(store.clone()), store, vault }
    }

    /// The user of a directory who has this name, as it is compared.
    pub(super) async fn named(&self, directory: &DirectoryName, folded: &str) -> Result<Option<Known>, NotRead> {
        match self.store.local_user_named(directory, folded).await? {
            Some(user) => self.known(user).await.map(Some),
            None => Ok(None),
        }
    }

    /// The user of a directory with this id.
    pub(super) async fn by_id(&self, directory: &DirectoryName, id: &str) -> Result<Option<LocalUser>, StoreError> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(self.store.local_user(id).await?.filter(|user| user.directory == *directory))
    }

    /// Who that is, with groups.
    pub(super) async fn person(&self, user: &LocalUser) -> Result<Person, StoreError> {
        let groups =
            if user.details.groups.is_empty() { Vec::new() } else { self.store.all_local_groups().await?.good };
        Ok(user.in_groups(&groups))
    }

    /// The same, and by which password.
    pub(super) async fn attested(&self, user: &LocalUser) -> Result<Attested, StoreError> {
        Ok(Attested { person: self.person(user).await?, password: mark_of(user) })
    }

    async fn known(&self, user: LocalUser) -> Result<Known, NotRead> {
        let hash = PasswordHash::try_from(user.open(&self.vault)?.expose_secret().to_owned())?;
        let person = self.person(&user).await?;
        let UserDetails { disabled, break_glass, .. } = user.details;
        Ok(Known { person, hash, disabled, break_glass, stored: Some(Box::new(user)) })
    }
}

/// Of when the password was changed, which a hash that is made anew leaves as it is.
pub(crate) fn mark_of(user: &LocalUser) -> PasswordMark {
    PasswordMark::of(&[user.id.as_bytes(), &Millis::from(user.password_changed_at).0.to_be_bytes()])
}
