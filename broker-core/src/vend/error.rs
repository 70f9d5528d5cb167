//! Why nobody gets anything.

use std::time::Duration;

use crate::access_key::{CannotServe, NotRightful};
use crate::console::ConsoleError;
use crate::destination::DestinationError;
use crate::entitlement::NotEntitled;
use crate::partition::Partition;
use crate::registry::RegistryError;
use crate::sign_in::AuthenticateError;
use crate::sts::{AwsRefusal, Outage, StsError};
use crate::trail::{Outcome, TrailError};
use crate::vault::SealBroken;

use super::RenderError;

/// Why nobody gets anything. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum VendError {
    #[error("no such connector")]
    NoSuchConnector,
    #[error(transparent)]
    NotEntitled(NotEntitled),
    /// It is granted, and all that is missing is that.
    #[error("{}", NotEntitled::SecondFactor)]
    SecondFactorRequired,
    /// To whoever asked as if it were not there.
    #[error("the connector does not act in the account that was named")]
    OtherAccount,
    /// The caller's own standing ended meanwhile.
    #[error(transparent)]
    Caller(#[from] AuthenticateError),
    /// The token of somebody who was remembered is good for nothing any more, which has been written down.
    #[error(transparent)]
    Token(AuthenticateError),
    #[error(transparent)]
    Request(#[from] RenderError),
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("this connector has no console")]
    ConsoleNotSupported,
    #[error(transparent)]
    Aws(#[from] StsError),
    /// Of an MFA device: AWS refused several of them.
    #[error("AWS refused several codes that you gave: wait {} seconds", .0.as_secs().saturating_add(1))]
    TooManyCodes(Duration),
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("this connector gives no passwords of registries")]
    NoRegistryPasswords,
    /// Of a password for packages.
    #[error("the connector's credentials live {maximum} seconds at most, and so may this")]
    TooLong { minimum: u32, maximum: u32 },
    /// Somebody named a region there.
    #[error("that region is in another partition: this connector's credentials act in {0}")]
    OtherPartition(Partition),
    #[error("say whose the domain is: the account that the credentials act in is not known")]
    NoDomainOwner,
    #[error("the connector, its key or the caller's groups changed while AWS was asked; ask again")]
    Unsettled,
    #[error("the connector's access key is not in service")]
    NoAccessKey,
    #[error(transparent)]
    CannotServe(#[from] CannotServe),
    #[error(transparent)]
    NotRightful(#[from] NotRightful),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Trail(#[from] TrailError),
}

impl VendError {
    /// Of somebody who was remembered and could not be read.
    pub(super) fn of_anew(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unauthenticated
            | AuthenticateError::AccountDisabled
            | AuthenticateError::PasswordChanged => Self::Token(error),
            AuthenticateError::Directory(_) | AuthenticateError::Store(_) | AuthenticateError::Issuer(_) => {
                Self::Caller(error)
            }
        }
    }

    /// What AWS said, where AWS said no.
    pub fn aws_refusal(&self) -> Option<&AwsRefusal> {
        match self {
            Self::Aws(error) => error.refusal(),
            Self::Console(ConsoleError::Refused { said, .. }) => Some(said),
            Self::Registry(RegistryError::Refused(refusal) | RegistryError::Unavailable(Outage::Told(refusal))) => {
                Some(refusal)
            }
            Self::NoSuchConnector
            | Self::NotEntitled(_)
            | Self::OtherAccount
            | Self::SecondFactorRequired
            | Self::Caller(_)
            | Self::Token(_)
            | Self::Request(_)
            | Self::Destination(_)
            | Self::ConsoleNotSupported
            | Self::Console(ConsoleError::Unavailable(_) | ConsoleError::Unusable)
            | Self::Registry(RegistryError::Unavailable(_) | RegistryError::Unusable(_))
            | Self::OtherPartition(_)
            | Self::NoDomainOwner
            | Self::NoRegistryPasswords
            | Self::TooManyCodes(_)
            | Self::TooLong { .. }
            | Self::Unsettled
            | Self::NoAccessKey
            | Self::CannotServe(_)
            | Self::NotRightful(_)
            | Self::Seal(_)
            | Self::Trail(_) => None,
        }
    }

    /// What the trail says of it; nothing where the trail itself is what failed, or has it already.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::NoSuchConnector
            | Self::NotEntitled(_)
            | Self::OtherAccount
            | Self::SecondFactorRequired
            | Self::Caller(
                AuthenticateError::Unauthenticated
                | AuthenticateError::AccountDisabled
                | AuthenticateError::PasswordChanged,
            )
            | Self::Request(_)
            | Self::Destination(_)
            | Self::ConsoleNotSupported
            | Self::OtherPartition(_)
            | Self::NoDomainOwner
            | Self::NoRegistryPasswords
            | Self::TooManyCodes(_)
            | Self::TooLong { .. } => Some(Outcome::Refused),
            Self::Caller(
                AuthenticateError::Directory(_) | AuthenticateError::Issuer(_) | AuthenticateError::Store(_),
            )
            | Self::Aws(_)
            | Self::Console(_)
            | Self::Registry(_)
            | Self::Unsettled
            | Self::NoAccessKey
            | Self::CannotServe(_)
            | Self::NotRightful(_)
            | Self::Seal(_) => Some(Outcome::Failed),
            Self::Token(_) | Self::Trail(_) => None,
        }
    }
}

impl From<NotEntitled> for VendError {
    fn from(why: NotEntitled) -> Self {
        match why {
            NotEntitled::SecondFactor => Self::SecondFactorRequired,
            other => Self::NotEntitled(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Unavailable;
    use crate::store::StoreError;

    #[test]
    fn an_outage_is_no_refusal() {
        let directory = "corp".to_owned().try_into().unwrap();
        let down = AuthenticateError::Directory(Unavailable { directory, source: "it hangs up".into() });
        assert_eq!(VendError::Caller(down).outcome(), Some(Outcome::Failed));
        assert_eq!(VendError::Caller(AuthenticateError::Store(StoreError::Stale)).outcome(), Some(Outcome::Failed));
        for over in
            [AuthenticateError::Unauthenticated, AuthenticateError::AccountDisabled, AuthenticateError::PasswordChanged]
        {
            assert_eq!(VendError::Caller(over).outcome(), Some(Outcome::Refused));
        }
    }

    #[test]
    fn what_becomes_of_a_token_is_written_once_and_an_outage_is_not_left_out() {
        for over in
            [AuthenticateError::Unauthenticated, AuthenticateError::AccountDisabled, AuthenticateError::PasswordChanged]
        {
            assert_eq!(VendError::of_anew(over).outcome(), None);
        }
        let outage = AuthenticateError::Store(StoreError::Stale);
        assert_eq!(VendError::of_anew(outage).outcome(), Some(Outcome::Failed));
    }
}
