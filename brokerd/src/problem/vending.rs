//! What goes wrong on the way to credentials, as clients meet it.

use broker_core::access_key::NotRightful;
use broker_core::console::ConsoleError;
use broker_core::lifetime::MIN_SECONDS;
use broker_core::mfa::NotAnMfaCode;
use broker_core::policy::PolicyError;
use broker_core::reason::ReasonError;
use broker_core::registry::RegistryError;
use broker_core::sts::{Outage, StsError};
use broker_core::vend::{RenderError, VendError};

use super::{Code, Problem, RETRY_AFTER};

impl From<VendError> for Problem {
    fn from(error: VendError) -> Self {
        match error {
            // One answer for both: who may not use a connector need not learn that it exists.
            VendError::NoSuchConnector | VendError::NotEntitled(_) | VendError::OtherAccount => no_such_connector(),
            VendError::SecondFactorRequired => Self::new(Code::SecondFactorRequired, error.to_string()),
            VendError::Caller(error) | VendError::Token(error) => error.into(),
            VendError::Request(error) => error.into(),
            VendError::Destination(error) => Self::new(Code::DestinationNotAllowed, error.to_string()),
            VendError::ConsoleNotSupported => Self::new(Code::ConsoleNotSupported, error.to_string()),
            VendError::Aws(error) => error.into(),
            VendError::Console(error) => error.into(),
            VendError::Registry(error) => error.into(),
            VendError::NoRegistryPasswords => Self::new(Code::Forbidden, error.to_string()),
            VendError::TooManyCodes(wait) => {
                Self::new(Code::TooManyAttempts, error.to_string()).retry(wait.as_secs().saturating_add(1))
            }
            VendError::TooLong { minimum, maximum } => Self::duration(minimum, maximum),
            VendError::OtherPartition(_) => Self::field("region", error.to_string()),
            VendError::NoDomainOwner => Self::field("domain_owner", error.to_string()),
            VendError::Unsettled => Self::new(Code::Overloaded, error.to_string()).retry(1),
            VendError::NotRightful(NotRightful::Unproved { .. }) => {
                Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER)
            }
            VendError::NoAccessKey
            | VendError::CannotServe(_)
            | VendError::NotRightful(NotRightful::OtherOwner { .. })
            | VendError::Seal(_) => Self::hidden(Code::Internal, &error),
            VendError::Trail(error) => error.into(),
        }
    }
}

impl From<RenderError> for Problem {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::ReasonRequired => Self::field("reason", error.to_string()),
            RenderError::MfaCodeRequired(_) => Self::new(Code::MfaCodeRequired, error.to_string()),
            RenderError::MfaCodeNotTaken => Self::field("mfa_code", error.to_string()),
            RenderError::DurationOutOfRange { minimum, maximum } => Self::duration(minimum, maximum),
            RenderError::Policy(error) => error.into(),
            RenderError::PolicyOfSessionToken => Self::new(Code::InvalidPolicy, error.to_string()),
            RenderError::SessionName(_) | RenderError::Tag(_) => Self::new(Code::Forbidden, error.to_string()),
        }
    }
}

impl From<ReasonError> for Problem {
    fn from(error: ReasonError) -> Self {
        Self::field("reason", error.to_string())
    }
}

impl From<NotAnMfaCode> for Problem {
    fn from(error: NotAnMfaCode) -> Self {
        Self::field("mfa_code", error.to_string())
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        Self { place: Some((error.line, error.column)), ..Self::new(Code::InvalidPolicy, error.to_string()) }
    }
}

impl From<StsError> for Problem {
    fn from(error: StsError) -> Self {
        match &error {
            StsError::PolicyRefused(refusal) => Self::aws(Code::InvalidPolicy, refusal),
            StsError::MfaCodeRefused(refusal) => {
                Self { detail: WRONG_CODE.to_owned(), ..Self::aws(Code::MfaCodeRefused, refusal) }
            }
            StsError::KeyRefused(refusal) | StsError::Refused(refusal) => Self::aws(Code::AwsRefused, refusal),
            StsError::Skewed(refusal, _) => {
                Self { detail: error.to_string(), ..Self::aws(Code::AwsUnavailable, refusal).retry(RETRY_AFTER) }
            }
            StsError::Unavailable(Outage::Told(refusal)) => Self::aws(Code::AwsUnavailable, refusal).retry(RETRY_AFTER),
            // Which proxy it is, is for the operator.
            StsError::Unavailable(Outage::Proxy(_)) => Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER),
            StsError::Unavailable(Outage::Silent) => {
                Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER)
            }
            StsError::Unusable(_) => {
                let told = Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER);
                Self { detail: error.to_string(), ..told }
            }
        }
    }
}

impl From<ConsoleError> for Problem {
    fn from(error: ConsoleError) -> Self {
        match &error {
            ConsoleError::Refused { said, .. } => Self::aws(Code::AwsRefused, said),
            ConsoleError::Unavailable(Outage::Silent | Outage::Told(_)) => {
                Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER)
            }
            ConsoleError::Unavailable(Outage::Proxy(_)) | ConsoleError::Unusable => {
                Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER)
            }
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match &error {
            RegistryError::Refused(refusal) => Self::aws(Code::AwsRefused, refusal),
            RegistryError::Unavailable(Outage::Told(refusal)) => {
                Self::aws(Code::AwsUnavailable, refusal).retry(RETRY_AFTER)
            }
            RegistryError::Unavailable(Outage::Silent) => {
                Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER)
            }
            RegistryError::Unavailable(Outage::Proxy(_)) | RegistryError::Unusable(_) => {
                Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER)
            }
        }
    }
}

pub(crate) fn no_such_connector() -> Problem {
    Problem::new(Code::NotFound, "no such connector")
}

/// The limits of a console session, which AWS names.
pub(crate) fn console_duration(seconds: Option<u32>) -> Result<(), Problem> {
    match seconds {
        Some(seconds) if !(MIN_SECONDS..=MAX_CONSOLE_SECONDS).contains(&seconds) => {
            Err(Problem::duration(MIN_SECONDS, MAX_CONSOLE_SECONDS))
        }
        Some(_) | None => Ok(()),
    }
}

const WRONG_CODE: &str =
    "AWS refused the code: it is not the one that the MFA device shows now, or was used before; wait for the next one";
const MAX_CONSOLE_SECONDS: u32 = 43_200;
