//! Changes by people that cannot be made, as clients meet it.

use broker_core::access_key::CannotServe;
use broker_core::administration::{
    AccessKeyError, ConnectorChangeError, LocalUserError, NotProved, OwnPasswordError, ResetError, ServiceTokenError,
};

use super::{Code, Problem, RETRY_AFTER};

impl From<AccessKeyError> for Problem {
    fn from(error: AccessKeyError) -> Self {
        match error {
            AccessKeyError::Unknown(_) => Self::new(Code::NotFound, error.to_string()),
            AccessKeyError::Taken(_)
            | AccessKeyError::Damaged(_)
            | AccessKeyError::InUse { .. }
            | AccessKeyError::OtherOwner { .. }
            | AccessKeyError::CannotServe { .. } => Self::new(Code::Conflict, error.to_string()),
            AccessKeyError::ReadOnly(_) | AccessKeyError::Ambient(_) => Self::new(Code::ReadOnly, error.to_string()),
            AccessKeyError::Secret => Self::field("secret_access_key", error.to_string()),
            AccessKeyError::NotProved(error) => error.into(),
            AccessKeyError::Stale(_) => Self::new(Code::PreconditionFailed, error.to_string()),
            AccessKeyError::Seal(_) => Self::hidden(Code::Internal, &error),
            AccessKeyError::Store(error) => error.into(),
            AccessKeyError::Trail(error) => error.into(),
        }
    }
}

impl From<NotProved> for Problem {
    fn from(error: NotProved) -> Self {
        match &error {
            NotProved::Refused(refusal) => Self { detail: error.to_string(), ..Self::aws(Code::AwsRefused, refusal) },
            NotProved::Root { .. } => Self::field("access_key_id", error.to_string()),
            // What the error advises is for those at the command line.
            NotProved::Unreachable(outage) => {
                let told = Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER);
                Self { detail: NOT_ASKED.to_owned(), aws: outage.refusal().cloned(), ..told }
            }
            NotProved::Skewed(_) => Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER),
            NotProved::NotSts(_) => {
                let told = Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER);
                Self { detail: NOT_ASKED.to_owned(), ..told }
            }
        }
    }
}

impl From<ConnectorChangeError> for Problem {
    fn from(error: ConnectorChangeError) -> Self {
        match error {
            ConnectorChangeError::Unknown(_) => Self::new(Code::NotFound, error.to_string()),
            ConnectorChangeError::Taken(_) => Self::new(Code::Conflict, error.to_string()),
            ConnectorChangeError::ReadOnly(_) => Self::new(Code::ReadOnly, error.to_string()),
            ConnectorChangeError::CannotServe(CannotServe::Policy(error)) => error.into(),
            ConnectorChangeError::UnknownAccessKey(_) | ConnectorChangeError::CannotServe(_) => {
                Self::field("access_key", error.to_string())
            }
            ConnectorChangeError::Stale(_) => Self::new(Code::PreconditionFailed, error.to_string()),
            ConnectorChangeError::Store(error) => error.into(),
            ConnectorChangeError::Trail(error) => error.into(),
        }
    }
}

impl From<ServiceTokenError> for Problem {
    fn from(error: ServiceTokenError) -> Self {
        match error {
            ServiceTokenError::Unknown => Self::new(Code::NotFound, error.to_string()),
            ServiceTokenError::Taken(_) => Self::new(Code::Conflict, error.to_string()),
            ServiceTokenError::NoConnector
            | ServiceTokenError::UnknownConnector(_)
            | ServiceTokenError::NotSystem(_) => Self::field("connectors", error.to_string()),
            ServiceTokenError::Expiry => Self::field("expires_at", error.to_string()),
            ServiceTokenError::Seal(_) => Self::hidden(Code::Internal, &error),
            ServiceTokenError::Store(error) => error.into(),
            ServiceTokenError::Trail(error) => error.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::OwnFactors => Self::new(Code::Forbidden, error.to_string()),
            ResetError::NothingEnrolled => Self::new(Code::NotFound, error.to_string()),
            ResetError::Store(error) => error.into(),
            ResetError::Trail(error) => error.into(),
        }
    }
}

impl From<LocalUserError> for Problem {
    fn from(error: LocalUserError) -> Self {
        match error {
            LocalUserError::UnknownUser | LocalUserError::UnknownGroup => Self::new(Code::NotFound, error.to_string()),
            LocalUserError::NoDirectory
            | LocalUserError::Several
            | LocalUserError::Taken(_)
            | LocalUserError::TakenByFile(_)
            | LocalUserError::TooMany(_) => Self::new(Code::Conflict, error.to_string()),
            LocalUserError::WhichDirectory(_) | LocalUserError::UnknownDirectory(_) => {
                Self::field("directory", error.to_string())
            }
            LocalUserError::ReadOnly(_) => Self::new(Code::ReadOnly, error.to_string()),
            LocalUserError::NoSuchGroup(_) => Self::field("groups", error.to_string()),
            LocalUserError::NoSuchMember(_) => Self::field("members", error.to_string()),
            LocalUserError::Password(_) => Self::field("password", error.to_string()),
            LocalUserError::NeedsAdministrator(_) => Self::new(Code::Forbidden, error.to_string()),
            LocalUserError::Stale => Self::new(Code::PreconditionFailed, error.to_string()),
            LocalUserError::NotHashed(_) | LocalUserError::Seal(_) => Self::hidden(Code::Internal, &error),
            LocalUserError::Store(error) => error.into(),
            LocalUserError::Trail(error) => error.into(),
        }
    }
}

impl From<OwnPasswordError> for Problem {
    fn from(error: OwnPasswordError) -> Self {
        match error {
            OwnPasswordError::KeptElsewhere(_) => Self::new(Code::ReadOnly, error.to_string()),
            OwnPasswordError::NotProved(error) => error.into(),
            OwnPasswordError::Same => Self::field("new_password", error.to_string()),
            OwnPasswordError::SessionOver => Self::unauthenticated(),
            OwnPasswordError::Change(LocalUserError::Password(error)) => Self::field("new_password", error.to_string()),
            OwnPasswordError::Change(error) => error.into(),
        }
    }
}

const NOT_ASKED: &str = "AWS did not say whose key this is, and nothing is stored: try again, or store it unproved with ?skip_validation=true";
