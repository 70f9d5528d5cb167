//! Why a client does not get what it asks for, cut by what it does next.

use crate::directory::Unavailable;
use crate::store::StoreError;
use crate::trail::TrailError;
use crate::vault::SealBroken;

/// Why a person's yes came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    #[error("only somebody at a browser can let a client sign in")]
    NotAPerson,
    #[error("the session has ended meanwhile: sign in again")]
    SessionOver,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

/// Why a client gets no tokens.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// What it showed is no good, and never will be: the person has to sign in again.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// Nobody has said yes or no yet.
    #[error("the person has not said yes yet")]
    Pending,
    /// The same, and it was asked too soon.
    #[error("asked too soon: wait longer between two questions")]
    SlowDown,
    #[error("the code is over: it holds for 10 minutes")]
    Expired,
    #[error("the person said no")]
    Denied,
    /// Others of the same person renew all the while.
    #[error("the tokens were renewed by others again and again; try once more")]
    Unsettled,
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(#[from] TrailError),
}
