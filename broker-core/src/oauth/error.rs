//! Why a client does not get what it asks for, cut by what it does next.

use super::device::DeviceError;
use super::dpop::DpopError;
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
    /// It would let in a program on another machine.
    #[error(transparent)]
    Elsewhere(#[from] DeviceError),
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
    /// The same, and some clients have a sentence of their own for it.
    #[error("the password was changed after this sign-in, which is over")]
    PasswordChanged,
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

/// Why `aws login` gets nothing, cut by what its programs tell people.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The proof of its key is not right for this request.
    #[error(transparent)]
    Proof(#[from] DpopError),
    /// The code is no good: the person has to begin again.
    #[error("{0}")]
    Code(&'static str),
    /// What came of the code is over, or was never theirs.
    #[error("{0}")]
    Over(&'static str),
    #[error("the password was changed after this sign-in, which is over")]
    PasswordChanged,
    #[error("the tokens were renewed by others again and again; try once more")]
    Unsettled,
    #[error(transparent)]
    Directory(#[from] Unavailable),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl LoginError {
    /// What is wrong with a code.
    pub(super) fn of_code(error: GrantError) -> Self {
        match error {
            GrantError::InvalidGrant(reason) => Self::Code(reason),
            error => Self::of_token(error),
        }
    }

    /// What is wrong with a refresh token.
    pub(super) fn of_token(error: GrantError) -> Self {
        match error {
            GrantError::InvalidGrant(reason) => Self::Over(reason),
            GrantError::PasswordChanged => Self::PasswordChanged,
            // Only devices wait.
            GrantError::Pending | GrantError::SlowDown | GrantError::Unsettled => Self::Unsettled,
            GrantError::Expired => Self::Over("it is over"),
            GrantError::Denied => Self::Over("the person said no"),
            GrantError::Directory(error) => error.into(),
            GrantError::Store(error) => error.into(),
            GrantError::Trail(error) => error.into(),
        }
    }
}
