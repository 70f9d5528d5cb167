//! Somebody who is signed in proves their password once more, to have another, and their session goes on by that.

use secrecy::SecretString;
use tokio::time::Instant;

use super::prove::{BreakGlass, Unproved};
use super::{Credentials, FactorError, Shown, SignIn, SignInError};
use crate::caller::PersonCaller;
use crate::directory::PasswordMark;
use crate::session::Session;
use crate::store::Change;
use crate::trail::{Action, Actor};

impl SignIn {
    /// Whether the password is that of somebody who is signed in. Counted as at a sign-in, and recorded under `action` if it is refused. Whoever
    /// has a second factor has shown it a moment ago, and no password of theirs takes back what was counted: a password alone must not.
    pub(crate) async fn prove_again(
        &self,
        credentials: &Credentials<'_>,
        caller: &PersonCaller,
        action: Action,
    ) -> Result<(), FactorError> {
        let enrolled = self.0.store.enrolled(&caller.person.subject).await?;
        if enrolled.is_enrolled() {
            self.may_change(caller, &enrolled)?;
        }
        let (started, origin) = (Instant::now(), credentials.origin);
        let throttle = &self.0.throttle;
        let unproved = match self.password(credentials, started + self.0.settings.sign_in_within).await {
            Ok((attested, attempt, _)) if attested.person.subject == caller.person.subject => {
                let ended = if enrolled.is_enrolled() {
                    throttle.undecided(&attempt).await
                } else {
                    throttle.succeeded(&attempt).await
                };
                return Ok(ended?);
            }
            Ok((_, _, mark)) => Unproved {
                mark,
                subject: None,
                reason: Some("somebody else has come by the name meanwhile".to_owned()),
                told: SignInError::InvalidCredentials,
                padded: true,
                break_glass: BreakGlass::No,
            },
            Err(unproved) => unproved,
        };
        Err(self.refused_as(Actor::person(&caller.person), action, unproved, origin, started).await.into())
    }

    /// What makes the session of whoever asks one of their new password, and in a browser under which token it goes on; nothing where it is over.
    /// `Stale` at the commit where it was read again meanwhile.
    pub(crate) async fn goes_on_by(
        &self,
        password: &PasswordMark,
        caller: &PersonCaller,
        shown: &Shown,
    ) -> Result<Option<(Change, Option<SecretString>)>, SignInError> {
        let before = self.hash_of(shown);
        let seen = self.0.store.session_by_token(&before).await?.filter(|seen| seen.id == caller.session);
        let Some(seen) = seen else { return Ok(None) };
        let password_mark = Some(password.keyed(self.0.store.seals(), &seen.person.subject));
        let after = Session { password_mark, ..seen.clone() };
        let (token, hash) = self.next_token(shown)?;
        Ok(Some((self.0.store.rewrite_session(&seen, &before, &after, &hash)?, token)))
    }
}
