//! Who somebody is cannot be told, or is not believed, as clients meet it.

use std::time::Duration;

use broker_core::file::with_causes;
use broker_core::sign_in::{AuthenticateError, DirectoryTestError, FactorError, SignInError, StepUpError, VisitError};

use super::{Code, Problem, RETRY_AFTER};

impl Problem {
    pub(crate) fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "sign in first: the request has no token that is good")
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials | SignInError::TookTooLong => {
                Self::new(Code::InvalidCredentials, error.to_string())
            }
            SignInError::OtpRequired(_) => Self::new(Code::OtpRequired, error.to_string()),
            SignInError::PasskeyRequired(_) => Self::new(Code::PasskeyRequired, error.to_string()),
            SignInError::NothingEnrolled => Self::field("otp", error.to_string()),
            SignInError::PasswordExpired => Self::new(Code::PasswordExpired, error.to_string()),
            SignInError::TooManyAttempts { retry_after_seconds } => {
                let detail = format!("too many attempts; wait {retry_after_seconds} seconds");
                Self::new(Code::TooManyAttempts, detail).retry(retry_after_seconds)
            }
            SignInError::Directory(error) => Self::hidden(Code::DirectoryUnavailable, &error),
            SignInError::Store(error) => error.into(),
            SignInError::Seal(_) => Self::hidden(Code::Internal, &error),
            SignInError::Trail(error) => error.into(),
        }
    }
}

impl From<StepUpError> for Problem {
    fn from(error: StepUpError) -> Self {
        match error {
            StepUpError::NothingEnrolled => Self::field("otp", error.to_string()),
            StepUpError::NotAPerson => Self::new(Code::Forbidden, error.to_string()),
            StepUpError::Refused(SignInError::InvalidCredentials) => Self::new(Code::InvalidCredentials, WRONG_CODE),
            StepUpError::Refused(error) => error.into(),
            StepUpError::SessionOver => Self::unauthenticated(),
        }
    }
}

impl From<FactorError> for Problem {
    fn from(error: FactorError) -> Self {
        match error {
            FactorError::NotAPerson | FactorError::OldSignIn => Self::new(Code::Forbidden, error.to_string()),
            FactorError::OldProof => Self::new(Code::SecondFactorRequired, error.to_string()),
            FactorError::NotBegun(_) => Self::field("enrolment", error.to_string()),
            FactorError::WrongCode => Self::field("otp", error.to_string()),
            FactorError::Passkey(_) => Self::field("credential", error.to_string()),
            FactorError::EndedBefore
            | FactorError::TooMany
            | FactorError::Stale
            | FactorError::NoPasskeys
            | FactorError::LastOne => Self::new(Code::Conflict, error.to_string()),
            FactorError::NoSuchFactor => Self::new(Code::NotFound, error.to_string()),
            FactorError::SessionOver => Self::unauthenticated(),
            FactorError::SignIn(error) => error.into(),
            FactorError::Store(error) => error.into(),
            FactorError::Seal(_) => Self::hidden(Code::Internal, &error),
            FactorError::Trail(error) => error.into(),
        }
    }
}

impl From<VisitError> for Problem {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::TooManyAtOnce => Self::rate_limited(&error.to_string(), Duration::ZERO),
            VisitError::Lost => Self::hidden(Code::Internal, &error),
            VisitError::SignIn(error) => error.into(),
        }
    }
}

impl From<DirectoryTestError> for Problem {
    fn from(error: DirectoryTestError) -> Self {
        match error {
            DirectoryTestError::Unknown(_) => Self::new(Code::NotFound, error.to_string()),
            DirectoryTestError::Untypable => Self::field("username", error.to_string()),
            // Whoever tests a directory is the one who mends it.
            DirectoryTestError::Unavailable(error) => {
                Self { detail: with_causes(&error), ..Self::hidden(Code::DirectoryUnavailable, &error) }
            }
            DirectoryTestError::Password(error) => error.into(),
            DirectoryTestError::Asker(error) => error.into(),
            DirectoryTestError::NotPermitted => Self::new(Code::Forbidden, error.to_string()),
            DirectoryTestError::Trail(error) => error.into(),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unauthenticated => Self::unauthenticated(),
            AuthenticateError::PasswordChanged => Self::new(Code::Unauthenticated, format!("{error}: sign in again")),
            AuthenticateError::AccountDisabled => Self::new(Code::AccountDisabled, error.to_string()),
            AuthenticateError::Directory(error) => Self::hidden(Code::DirectoryUnavailable, &error),
            AuthenticateError::Issuer(error) => Self::hidden(Code::IssuerUnavailable, &error).retry(RETRY_AFTER),
            AuthenticateError::Store(error) => error.into(),
        }
    }
}

const WRONG_CODE: &str =
    "that is not the right code: a code is good once, and for half a minute; wait for the next one";
