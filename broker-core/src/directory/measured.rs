//! The same directory, each question counted and timed.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Attested, AuthenticateError, Directory, Found, Gate, Lockout, PasswordMark, SingleSignOn, SsoToken, Standing,
    TypedName, Unavailable, Vouched,
};
use crate::caller::Person;
use crate::meter::Asked;
use crate::name::DirectoryName;

/// Counts and times the questions to another directory.
#[derive(Debug)]
pub struct MeasuredDirectory(pub Arc<dyn Directory>);

#[async_trait]
impl Directory for MeasuredDirectory {
    fn name(&self) -> &DirectoryName {
        self.0.name()
    }

    fn lockout(&self) -> Option<Lockout> {
        self.0.lockout()
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        let asked = Asked::now();
        let answer = self.0.authenticate(username, gate).await;
        let outcome = match answer {
            Err(AuthenticateError::Unavailable(_) | AuthenticateError::Unanswered(_)) => UNAVAILABLE,
            _ => ANSWERED,
        };
        asked.directory(self.name().as_str(), "authenticate", outcome);
        answer
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        let asked = Asked::now();
        let answer = self.0.describe(username).await;
        asked.directory(self.name().as_str(), "describe", if answer.is_ok() { ANSWERED } else { UNAVAILABLE });
        answer
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        let asked = Asked::now();
        let answer = self.0.look_up(id).await;
        asked.directory(self.name().as_str(), "look_up", if answer.is_ok() { ANSWERED } else { UNAVAILABLE });
        answer
    }

    async fn is_break_glass(&self, username: &TypedName) -> Result<bool, Unavailable> {
        self.0.is_break_glass(username).await
    }

    fn is_as_known(&self, person: &Person, is_theirs: &(dyn Fn(&PasswordMark) -> bool + Sync)) -> bool {
        self.0.is_as_known(person, is_theirs)
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        let asked = Asked::now();
        let answer = self.0.probe().await;
        asked.directory(self.name().as_str(), "probe", if answer.is_ok() { ANSWERED } else { UNAVAILABLE });
        answer
    }

    fn single_sign_on(&self) -> Option<&dyn SingleSignOn> {
        self.0.single_sign_on().map(|_| self as &dyn SingleSignOn)
    }
}

#[async_trait]
impl SingleSignOn for MeasuredDirectory {
    async fn cookie(&self) -> Result<Option<String>, Unavailable> {
        match self.0.single_sign_on() {
            Some(inner) => inner.cookie().await,
            None => Ok(None),
        }
    }

    async fn vouch(&self, token: &SsoToken, address: IpAddr) -> Result<Vouched, Unavailable> {
        let Some(inner) = self.0.single_sign_on() else { return Ok(Vouched::Nobody) };
        let asked = Asked::now();
        let answer = inner.vouch(token, address).await;
        asked.directory(self.name().as_str(), "vouch", if answer.is_ok() { ANSWERED } else { UNAVAILABLE });
        answer
    }
}

const ANSWERED: &str = "answered";
const UNAVAILABLE: &str = "unavailable";
