//! Somebody changes their own password, by the present one.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use super::users::chosen;
use super::{LocalUserError, LocalUsers};
use crate::caller::{PersonCaller, Subject};
use crate::directory::local::mark_of;
use crate::local_user::LocalUser;
use crate::sign_in::{Credentials, FactorError, Shown, SignIn};
use crate::store::Store;
use crate::trail::{Action, Actor, Entry, Origin, Outcome};

/// What somebody typed to change their password, and from where.
#[derive(Debug)]
pub struct OwnPassword<'a> {
    pub current: SecretString,
    pub new: SecretString,
    pub address: IpAddr,
    pub origin: &'a Origin,
}

/// Why somebody's password stays what it is. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum OwnPasswordError {
    #[error(
        "your password is not kept here: change it in the directory `{0}`, or have it changed in the configuration"
    )]
    KeptElsewhere(String),
    #[error("this is your present password: take another")]
    Same,
    /// The present one was not proved, or no second factor a moment ago. Counted as at a sign-in.
    #[error(transparent)]
    NotProved(#[from] FactorError),
    /// It was ended meanwhile.
    #[error("the session is over")]
    SessionOver,
    #[error(transparent)]
    Change(#[from] LocalUserError),
}

impl LocalUsers {
    /// Whether somebody's password is kept in the store, where they can change it.
    pub async fn keeps_password_of(&self, caller: &PersonCaller) -> Result<bool, LocalUserError> {
        Ok(self.stored_of(&caller.person.subject).await?.is_some())
    }

    /// Puts another password in the place of the present one. The session that asks goes on, in a browser under a new token, which is given; and no
    /// other of theirs, nor any client's.
    pub async fn change_own_password(
        &self,
        sign_in: &SignIn,
        (caller, shown): (&PersonCaller, &Shown),
        asked: OwnPassword<'_>,
    ) -> Result<Option<SecretString>, OwnPasswordError> {
        let OwnPassword { current, new, address, origin } = asked;
        let subject = &caller.person.subject;
        let elsewhere = || OwnPasswordError::KeptElsewhere(subject.directory.to_string());
        let stored = self.stored_of(subject).await?.ok_or_else(elsewhere)?;
        // Before anything is proved: whoever is told so has guessed nothing.
        if current.expose_secret() == new.expose_secret() {
            return Err(OwnPasswordError::Same);
        }
        let new = chosen(&stored.name, &stored.details, new)?;
        let credentials = Credentials {
            username: stored.name.as_str(),
            password: current,
            directory: Some(subject.directory.as_str()),
            address,
            origin,
        };
        sign_in.prove_again(&credentials, caller, Action::LocalUserPasswordChanged).await?;
        // As they are now: the hash may have been made anew by that very proof.
        let stored = self.stored_of(subject).await?.ok_or_else(elsewhere)?;
        let user = self.with_password(&stored, &new).await?;
        let mut changes = self.password_changes(&user, &stored, Some(caller.session))?;
        let goes_on = sign_in.goes_on_by(&mark_of(&user), caller, shown).await.map_err(FactorError::from)?;
        let (goes_on, token) = goes_on.ok_or(OwnPasswordError::SessionOver)?;
        changes.push(goes_on);
        changes.push(Store::end_authorizations_of(caller.session));
        let actor = Actor::person(&caller.person);
        let entry = Entry::new(actor, Action::LocalUserPasswordChanged, Outcome::Success, origin.clone());
        let entry = super::users::told_of(entry, &user, serde_json::Map::new());
        self.commit(changes, entry, user.name.as_str()).await?;
        Ok(token)
    }

    async fn stored_of(&self, subject: &Subject) -> Result<Option<LocalUser>, LocalUserError> {
        let Ok(id) = subject.id.parse() else { return Ok(None) };
        Ok(self.store().local_user(id).await?.filter(|user| user.directory == subject.directory))
    }
}
