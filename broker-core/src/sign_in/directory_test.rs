//! A directory asked by an administrator what it has of somebody, and whether a password would let them in.

use std::net::IpAddr;

use secrecy::SecretString;
use serde_json::json;
use tokio::time::Instant;

use super::{AuthenticateError, Credentials, SignIn, SignInError};
use crate::caller::{AdminRole, Caller};
use crate::directory::{Directory, Found, TypedName, Unavailable};
use crate::name::DirectoryName;
use crate::permission::Administrator;
use crate::trail::{Action, Origin, Outcome, Recorded, TrailError};

/// Of whom a directory is asked, and by whom.
#[derive(Debug)]
pub struct Question<'a> {
    pub directory: &'a DirectoryName,
    pub username: &'a str,
    /// Tried as at a sign-in, and counted as there.
    pub password: Option<SecretString>,
    /// Whence the question comes.
    pub address: IpAddr,
}

/// What a directory answered.
#[derive(Clone, Debug)]
pub struct Tested {
    pub found: Found,
    pub password: Option<PasswordTest>,
    /// What the groups make of the person who was found.
    pub role: Option<AdminRole>,
}

/// What came of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordTest {
    /// It lets them in.
    Accepted,
    /// It is right, and must be changed before it lets anybody in.
    Expired,
    /// For the reason that the trail would have.
    Refused(String),
}

/// Why there is no answer. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryTestError {
    #[error("no directory is called `{0}`")]
    Unknown(DirectoryName),
    #[error("this cannot be a user name: from 1 to 256 characters, and no control characters")]
    Untypable,
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The password was not tried, or nobody can say what came of it.
    #[error(transparent)]
    Password(SignInError),
    /// Whoever asks may not any more.
    #[error(transparent)]
    Asker(#[from] AuthenticateError),
    #[error("your role was taken away meanwhile")]
    NotPermitted,
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl SignIn {
    /// Asks one directory about somebody, and writes down who asked about whom before anybody is told.
    pub async fn test_directory(
        &self,
        question: Question<'_>,
        caller: &Caller,
        by: &Administrator,
    ) -> Result<Recorded<Tested>, DirectoryTestError> {
        let name = question.directory;
        let directory = self.0.directories.iter().find(|directory| directory.name() == name);
        let directory = directory.ok_or_else(|| DirectoryTestError::Unknown(name.clone()))?;
        let username = TypedName::parse(question.username).map_err(|_| DirectoryTestError::Untypable)?;
        // As long as a sign-in, both questions together.
        let deadline = Instant::now() + self.0.settings.sign_in_within;
        let mut tested = self.tested(directory.as_ref(), &username, question, (by, deadline)).await;
        // Who is no administrator any more is told nothing.
        if let Err(error) = self.is_still_administrator(caller, &by.origin, deadline).await {
            tested = Err(error);
        }
        let told = |found: Option<&str>, password: Option<&str>| json!({ "directory": name, "found": found, "password": password });
        match tested {
            Ok(tested) => {
                let subject = tested.found.person().map(|person| &person.subject);
                let word = tested.password.as_ref().map(PasswordTest::as_str);
                let changes = told(Some(tested.found.as_str()), word);
                let entry = by.did(Action::DirectoryTested).about(subject).changes(changes);
                Ok(self.0.trail.record(entry, tested).await?)
            }
            Err(error) => {
                let outcome = match error {
                    DirectoryTestError::Password(SignInError::TooManyAttempts { .. })
                    | DirectoryTestError::Asker(
                        AuthenticateError::Unauthenticated
                        | AuthenticateError::AccountDisabled
                        | AuthenticateError::PasswordChanged,
                    )
                    | DirectoryTestError::NotPermitted => Outcome::Refused,
                    _ => Outcome::Failed,
                };
                let entry = by.did(Action::DirectoryTested).ended(outcome).reason(&error).changes(told(None, None));
                match self.0.trail.record(entry, ()).await {
                    Ok(_) => Err(error),
                    Err(unwritten) => Err(unwritten.into()),
                }
            }
        }
    }

    async fn is_still_administrator(
        &self,
        caller: &Caller,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<(), DirectoryTestError> {
        match self.again(caller, origin, deadline).await? {
            Caller::Person(person) if person.role >= Some(AdminRole::Administrator) => Ok(()),
            Caller::Person(_) | Caller::Service(_) | Caller::Workload(_) => Err(DirectoryTestError::NotPermitted),
        }
    }

    async fn tested(
        &self,
        directory: &dyn Directory,
        username: &TypedName,
        question: Question<'_>,
        (by, deadline): (&Administrator, Instant),
    ) -> Result<Tested, DirectoryTestError> {
        let found = directory.describe(username).await?;
        let password = match question.password {
            Some(password) => Some(
                self.tested_password(
                    Credentials {
                        username: question.username,
                        password,
                        directory: Some(directory.name().as_str()),
                        address: question.address,
                        origin: &by.origin,
                    },
                    deadline,
                )
                .await?,
            ),
            None => None,
        };
        let role = found.person().and_then(|person| self.role_of(person));
        Ok(Tested { found, password, role })
    }

    async fn tested_password(
        &self,
        credentials: Credentials<'_>,
        by: Instant,
    ) -> Result<PasswordTest, DirectoryTestError> {
        let Err(unproved) = self.try_password(&credentials, by).await else { return Ok(PasswordTest::Accepted) };
        unproved.break_glass.tell(credentials.origin);
        match (unproved.told, unproved.reason) {
            (SignInError::PasswordExpired, _) => Ok(PasswordTest::Expired),
            (SignInError::InvalidCredentials, Some(reason)) => Ok(PasswordTest::Refused(reason)),
            (SignInError::Directory(error), _) => Err(error.into()),
            (told, _) => Err(DirectoryTestError::Password(told)),
        }
    }
}

impl PasswordTest {
    /// In one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Expired => "expired",
            Self::Refused(_) => "refused",
        }
    }
}
