//! A family of refresh tokens: generations that take each other's place, until one comes back that has long been replaced.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{
    ACCESS_SECONDS, CLOCKS_DIFFER, Clients, FIRST, GRACE_SECONDS, GrantError, ProvedClient, Tokens, with_facts,
};
use crate::authorization::{AccessToken, Authorization, Authorized, RefreshToken, Stage};
use crate::caller::PersonCaller;
use crate::clock::{after, seconds_between};
use crate::id::AuthorizationId;
use crate::sign_in::AuthenticateError;
use crate::store::StoreError;
use crate::trail::{Action, Actor, Entry, Origin, Outcome, Recorded, TrailError};

/// What becomes of a token, or a code, that a client shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// It is the newest: the next generation takes its place.
    Next(i64),
    /// It was given, or replaced, a moment ago: the present generation once more.
    Again(i64),
    /// It was replaced long ago.
    Replayed,
}

impl Clients {
    /// New tokens for the newest refresh token, a generation a minute at most. Until then it gives the same once more, and so does the one
    /// before it: several processes of one person can renew at once and again and again, as they do in a session's last quarter of an hour, and
    /// none of them is more than one generation behind. An older one has been stolen, from them or by them, and ends the family.
    pub async fn refresh(
        &self,
        client: &ProvedClient,
        token: &SecretString,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let Some(shown) = RefreshToken::parse(token.expose_secret(), self.0.store.seals()) else {
            return Err(self.refuse(None, "no refresh token of this installation", origin));
        };
        for _ in 0..ATTEMPTS {
            let Some(seen) = self.0.store.authorization(shown.authorization).await? else {
                return Err(self.refuse(None, "the sign-in that this refresh token came of is over", origin));
            };
            if seen.authorization.terms.client != client.0.hash {
                return Err(self.refuse(Some(&seen), "the refresh token was given to another client", origin));
            }
            match self.turn(&seen, shown.generation) {
                Turn::Next(generation) => {
                    match self.rotate(&seen, generation, Action::ClientRefreshed, origin).await {
                        // Another process of theirs was faster.
                        Err(GrantError::Trail(TrailError::Change(StoreError::Stale))) => {}
                        outcome => return outcome,
                    }
                }
                Turn::Again(generation) => return self.again(&seen, generation, origin).await,
                Turn::Replayed => return Err(self.end_replayed(&seen, OLD_TOKEN, origin).await),
            }
        }
        Err(GrantError::Unsettled)
    }

    /// What becomes of a token of that generation; a code is of generation 0, and has no grace.
    pub(super) fn turn(&self, seen: &Authorized, shown: i64) -> Turn {
        let Authorization { stage, created_at, .. } = &seen.authorization;
        let (newest, rotated_at) = stage.written(*created_at);
        let since = seconds_between(rotated_at, self.0.clock.now());
        let in_grace = (-CLOCKS_DIFFER..GRACE_SECONDS).contains(&since);
        if shown == newest && newest > FIRST && in_grace {
            Turn::Again(newest)
        } else if shown == newest {
            Turn::Next(newest.saturating_add(1))
        } else if shown > 0 && shown.saturating_add(1) == newest && in_grace {
            Turn::Again(newest)
        } else {
            Turn::Replayed
        }
    }

    /// The next generation's tokens, for a person who is still who they were. `Stale` where somebody was faster.
    pub(super) async fn rotate(
        &self,
        seen: &Authorized,
        generation: i64,
        action: Action,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let person = self.person(seen, origin).await?;
        let now = self.0.clock.now();
        let stage = Stage::Tokens { generation, rotated_at: now };
        let next = Authorization { stage, ..seen.authorization.clone() };
        let change = self.0.store.rotate_authorization(seen, &next)?;
        let tokens = self.tokens(&person, next.id, generation, now);
        let entry = Entry::new(Actor::person(&person.person), action, Outcome::Success, origin.clone());
        Ok(self.0.trail.commit_for(vec![change], with_facts(entry, &next), tokens).await?)
    }

    /// The present generation's tokens once more.
    pub(super) async fn again(
        &self,
        seen: &Authorized,
        generation: i64,
        origin: &Origin,
    ) -> Result<Recorded<Tokens>, GrantError> {
        let person = self.person(seen, origin).await?;
        let tokens = self.tokens(&person, seen.authorization.id, generation, self.0.clock.now());
        let entry =
            Entry::new(Actor::person(&person.person), Action::ClientRefreshed, Outcome::Success, origin.clone());
        Ok(self.0.trail.record(with_facts(entry, &seen.authorization), tokens).await?)
    }

    /// Whose tokens they are, with groups and account state read within the bound, if they may have them by the groups.
    pub(super) async fn person(&self, seen: &Authorized, origin: &Origin) -> Result<PersonCaller, GrantError> {
        match self.0.sign_in.client_of(seen.clone(), origin).await {
            Ok(person) => match self.may_go_on(&seen.authorization.terms, &person) {
                Ok(()) => Ok(person),
                Err(reason) => Err(self.refuse(Some(seen), reason, origin)),
            },
            // A person's session has no issuer.
            Err(AuthenticateError::Unauthenticated | AuthenticateError::Issuer(_)) => {
                Err(GrantError::InvalidGrant("the sign-in is over"))
            }
            Err(AuthenticateError::AccountDisabled) => {
                Err(GrantError::InvalidGrant("the account has been disabled or removed"))
            }
            Err(AuthenticateError::PasswordChanged) => Err(GrantError::PasswordChanged),
            Err(AuthenticateError::Directory(error)) => Err(error.into()),
            Err(AuthenticateError::Store(error)) => Err(error.into()),
        }
    }

    pub(super) fn tokens(
        &self,
        person: &PersonCaller,
        authorization: AuthorizationId,
        generation: i64,
        now: Timestamp,
    ) -> Tokens {
        let seals = self.0.store.seals();
        let expires_at = after(now, ACCESS_SECONDS).min(person.expires_at);
        Tokens {
            access_token: AccessToken { authorization, expires_at }.written(seals),
            refresh_token: RefreshToken { authorization, generation }.written(seals),
            expires_in_seconds: u64::try_from(seconds_between(now, expires_at)).unwrap_or(0),
        }
    }
}

pub(super) const OLD_TOKEN: &str = "a refresh token was shown that has long been replaced";
/// One more than it takes when another process was faster.
pub(super) const ATTEMPTS: usize = 3;
