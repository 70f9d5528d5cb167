//! Why a local user or group is not changed.

use crate::directory::local::{NotHashed, WeakPassword};
use crate::name::DirectoryName;
use crate::store::StoreError;
use crate::trail::TrailError;
use crate::vault::SealBroken;

/// Why a change to local users or groups was not made. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum LocalUserError {
    #[error("there is no such user")]
    UnknownUser,
    #[error("there is no such group")]
    UnknownGroup,
    #[error("users are kept in local directories, and none is configured: add a [[directory]] with backend.local")]
    NoDirectory,
    #[error("say in which directory: {}", listed(.0))]
    WhichDirectory(Vec<DirectoryName>),
    #[error("no local directory is called so: there is {}", listed(.0))]
    UnknownDirectory(Vec<DirectoryName>),
    /// In two directories.
    #[error("several are called so: name one by its id")]
    Several,
    #[error("`{0}` is taken: take another name")]
    Taken(String),
    #[error("the configuration has somebody called `{0}`: take another name")]
    TakenByFile(String),
    #[error("`{0}` belongs to the configuration: change it there")]
    ReadOnly(String),
    #[error("`{0}` is no group of this directory that the API manages: make it first")]
    NoSuchGroup(String),
    #[error("`{0}` is no user of this directory that the API manages")]
    NoSuchMember(String),
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// Who manages users would make themselves more than they are.
    #[error("{0}: this needs the role of administrator, and none of your groups gives it")]
    NeedsAdministrator(&'static str),
    #[error("local directories are for small teams: {0}")]
    TooMany(&'static str),
    #[error("someone else changed it meanwhile: look at it again")]
    Stale,
    #[error(transparent)]
    NotHashed(#[from] NotHashed),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl LocalUserError {
    /// Of a commit that was to give `name` to somebody.
    pub(super) fn of_commit(error: TrailError, name: &str) -> Self {
        match error {
            TrailError::Change(StoreError::Taken) => Self::Taken(name.to_owned()),
            TrailError::Change(StoreError::Stale) => Self::Stale,
            TrailError::Change(error) => error.into(),
            error @ (TrailError::Unwritten(_) | TrailError::Closed) => Self::Trail(error),
        }
    }
}

fn listed(names: &[DirectoryName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
