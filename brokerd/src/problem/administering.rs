//! Changes by people that cannot be made, as clients meet it.

use broker_core::access_key::CannotServe;
use broker_core::administration::{AccessKeyError, ConnectorChangeError, NotProved, ResetError, ServiceTokenError};

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

const NOT_ASKED: &str = "AWS did not say whose key this is, and nothing is stored: try again, or store it unproved with ?skip_validation=true";
