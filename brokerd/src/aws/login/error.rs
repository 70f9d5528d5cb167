//! What `aws login` and those who renew by it are told: the Sign-In API's exceptions, and the words by which the clients pick a sentence.

use axum::Extension;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use broker_core::oauth::LoginError;

use crate::aws::error::{AwsError, told};
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// An error in the words of the Sign-In API.
#[derive(Debug)]
pub(crate) struct LoginRefused(AwsError);

impl LoginRefused {
    /// The request is not as it must be.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self(AwsError::of_login(StatusCode::BAD_REQUEST, "ValidationException", "INVALID_REQUEST", message))
    }

    pub(super) fn unsupported_grant(message: impl Into<String>) -> Self {
        Self(AwsError::of_login(StatusCode::BAD_REQUEST, "ValidationException", "unsupported_grant_type", message))
    }

    /// The person may not have it, or no more.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self(AwsError::of_login(StatusCode::FORBIDDEN, DENIED, "INSUFFICIENT_PERMISSIONS", message))
    }

    fn over(word: &'static str, message: impl Into<String>) -> Self {
        Self(AwsError::of_login(StatusCode::UNAUTHORIZED, DENIED, word, message))
    }
}

impl From<LoginError> for LoginRefused {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Proof(error) => Self::invalid(error.to_string()),
            LoginError::Code(reason) => Self::over("AUTHCODE_EXPIRED", format!("{reason}. Run `aws login` again")),
            LoginError::Over(reason) => Self::over("TOKEN_EXPIRED", format!("{reason}. Run `aws login` again")),
            LoginError::PasswordChanged => {
                Self::over("USER_CREDENTIALS_CHANGED", format!("{error}. Run `aws login` again"))
            }
            LoginError::Unsettled => Problem::new(Code::Overloaded, error.to_string()).into(),
            LoginError::Directory(error) => Problem::from(broker_core::sign_in::AuthenticateError::from(error)).into(),
            LoginError::Store(error) => Problem::from(error).into(),
            LoginError::Trail(error) => Problem::from(error).into(),
        }
    }
}

impl From<Problem> for LoginRefused {
    fn from(problem: Problem) -> Self {
        // What AWS says is worth reading; the clients would hide it behind a sentence of their own.
        if problem.code() == Code::AwsRefused {
            return Self::invalid(problem.detail());
        }
        // The words of the other routes would send people to `aws sso login`.
        if matches!(problem.code(), Code::Unauthenticated | Code::AccountDisabled) {
            return Self::over("TOKEN_EXPIRED", format!("{}. Run `aws login` again", problem.detail()));
        }
        let error = AwsError::from(problem);
        match error.exception() {
            "ForbiddenException" => Self::forbidden(error.into_message()),
            "TooManyRequestsException" => {
                Self(AwsError::of_login(error.status(), "TooManyRequestsError", "rate_exceeded", error.into_message()))
            }
            "InternalServerException" => Self(AwsError::of_login(
                error.status(),
                "InternalServerException",
                "server_error",
                error.into_message(),
            )),
            _ => {
                Self(AwsError::of_login(error.status(), "ValidationException", "INVALID_REQUEST", error.into_message()))
            }
        }
    }
}

impl axum::response::IntoResponse for LoginRefused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// A layer: whatever problem came up on the way is told as the Sign-In API would.
pub(crate) async fn told_as_sign_in(Extension(meta): Extension<Meta>, request: Request, next: Next) -> Response {
    told(&meta, next.run(request).await, |problem| LoginRefused::from(problem).0)
}

const DENIED: &str = "AccessDeniedException";
