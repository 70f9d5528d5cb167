//! Errors as AWS's own clients understand them: the exception's name in a header, and words that they show to people.

use axum::Extension;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use broker_core::oauth::{DeviceError, GrantError, UnknownClient};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::{Code, Problem, carry};
use crate::request::Meta;

/// An error that a client of AWS's tells people.
#[derive(Debug)]
pub(crate) struct AwsError {
    status: StatusCode,
    /// By which clients decide what to do.
    exception: &'static str,
    /// Where it is not the exception's name in OAuth's spelling.
    word: Option<&'static str>,
    message: String,
}

/// An error as it stands in an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Told {
    /// OAuth's word for it.
    error: String,
    error_description: String,
    /// What clients show.
    message: String,
    /// The exception's name, as in the header `x-amzn-ErrorType`.
    #[serde(rename = "__type")]
    exception: &'static str,
}

impl AwsError {
    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
    }

    pub(super) fn invalid_scope(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidScopeException", message)
    }

    pub(super) fn invalid_redirect(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRedirectUriException", message)
    }

    pub(super) fn invalid_metadata(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidClientMetadataException", message)
    }

    pub(super) fn unauthorized_client(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "UnauthorizedClientException", message)
    }

    pub(super) fn unsupported_grant(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "UnsupportedGrantTypeException", message)
    }

    /// Missing and not granted alike.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenException", message)
    }

    fn new(status: StatusCode, exception: &'static str, message: impl Into<String>) -> Self {
        Self { status, exception, word: None, message: message.into() }
    }

    /// An error of the Sign-In API, which has words of its own.
    pub(super) fn of_login(
        status: StatusCode,
        exception: &'static str,
        word: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { word: Some(word), ..Self::new(status, exception, message) }
    }

    pub(super) fn exception(&self) -> &'static str {
        self.exception
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn into_message(self) -> String {
        self.message
    }

    /// The word of OAuth for it: the exception's name in another spelling.
    fn word(&self) -> String {
        if let Some(word) = self.word {
            return word.to_owned();
        }
        let name = self.exception.strip_suffix("Exception").unwrap_or(self.exception);
        if self.status.is_server_error() {
            return "server_error".to_owned();
        }
        let mut word = String::new();
        for (number, letter) in name.chars().enumerate() {
            if letter.is_ascii_uppercase() && number > 0 {
                word.push('_');
            }
            word.push(letter.to_ascii_lowercase());
        }
        word
    }
}

impl IntoResponse for AwsError {
    fn into_response(self) -> Response {
        let told = Told {
            error: self.word(),
            error_description: self.message.clone(),
            message: self.message,
            exception: self.exception,
        };
        let mut response = (self.status, Json(told)).into_response();
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.exception));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl From<UnknownClient> for AwsError {
    fn from(unknown: UnknownClient) -> Self {
        // Clients keep what they registered and never ask again by themselves.
        let message = format!("{unknown}. Delete ~/.aws/sso/cache and run `aws sso login` again");
        Self::new(StatusCode::UNAUTHORIZED, "InvalidClientException", message)
    }
}

impl From<GrantError> for AwsError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::InvalidGrant(_) | GrantError::PasswordChanged => {
                let message = format!("{error}. Run `aws sso login` again");
                Self::new(StatusCode::BAD_REQUEST, "InvalidGrantException", message)
            }
            GrantError::Pending => {
                Self::new(StatusCode::BAD_REQUEST, "AuthorizationPendingException", error.to_string())
            }
            GrantError::SlowDown => Self::new(StatusCode::BAD_REQUEST, "SlowDownException", error.to_string()),
            GrantError::Expired => Self::new(StatusCode::BAD_REQUEST, "ExpiredTokenException", error.to_string()),
            GrantError::Denied => Self::new(StatusCode::BAD_REQUEST, "AccessDeniedException", error.to_string()),
            GrantError::Unsettled => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "InternalServerException", error.to_string())
            }
            GrantError::Directory(error) => Problem::from(broker_core::sign_in::AuthenticateError::from(error)).into(),
            GrantError::Store(error) => Problem::from(error).into(),
            GrantError::Trail(error) => Problem::from(error).into(),
        }
    }
}

impl From<DeviceError> for AwsError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::SwitchedOff => Self::unauthorized_client(format!(
                "{error}. Sign in on the machine with the browser, with an AWS CLI of 2.22 or newer"
            )),
            error => Problem::from(error).into(),
        }
    }
}

impl From<Problem> for AwsError {
    fn from(problem: Problem) -> Self {
        let (code, detail) = (problem.code(), problem.detail().to_owned());
        let (exception, message) = match code {
            Code::Unauthenticated | Code::InvalidCredentials | Code::OtpRequired | Code::PasskeyRequired => {
                ("UnauthorizedException", format!("{detail}. Run `aws sso login`"))
            }
            // Whatever would not help to be asked again is said so that no client tries again.
            Code::AccountDisabled
            | Code::PasswordExpired
            | Code::Forbidden
            | Code::SecondFactorRequired
            | Code::MfaCodeRequired
            | Code::MfaCodeRefused
            | Code::NotFound
            | Code::AwsRefused => ("ForbiddenException", detail),
            Code::TooManyAttempts | Code::RateLimited => ("TooManyRequestsException", detail),
            Code::Internal
            | Code::AwsUnavailable
            | Code::DirectoryUnavailable
            | Code::IssuerUnavailable
            | Code::AuditUnavailable
            | Code::Overloaded => ("InternalServerException", detail),
            Code::InvalidRequest
            | Code::InvalidPolicy
            | Code::DurationOutOfRange
            | Code::DestinationNotAllowed
            | Code::ConsoleNotSupported
            | Code::MethodNotAllowed
            | Code::Conflict
            | Code::ReadOnly
            | Code::PreconditionFailed
            | Code::TooLarge
            | Code::HeadTooLarge
            | Code::UnsupportedMediaType
            | Code::WrongHost
            | Code::TooSlow => ("InvalidRequestException", detail),
        };
        let status = match code {
            Code::NotFound | Code::AwsRefused => StatusCode::FORBIDDEN,
            Code::UnsupportedMediaType => StatusCode::BAD_REQUEST,
            other => other.status(),
        };
        Self::new(status, exception, message)
    }
}

/// A layer: whatever problem came up on the way is told as AWS would.
pub(super) async fn told_as_aws(Extension(meta): Extension<Meta>, request: Request, next: Next) -> Response {
    told(&meta, next.run(request).await, AwsError::from)
}

/// Tells a problem, if the answer is one.
pub(super) fn told(meta: &Meta, mut response: Response, in_words: impl Fn(Problem) -> AwsError) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let wait = problem.clone().into_response_for(meta.origin.request_id).headers().get(header::RETRY_AFTER).cloned();
    let mut error = in_words(problem);
    if error.status.is_server_error() {
        error.message = format!("{} (request {})", error.message, meta.origin.request_id);
    }
    let mut answer = error.into_response();
    carry(&response, &mut answer);
    if let Some(wait) = wait {
        answer.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    answer
}

/// What the document says of errors.
pub(super) const TOLD: &str =
    "What went wrong, as AWS would say it. The exception's name stands in the header `x-amzn-ErrorType`, too";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exception_has_its_word_of_oauth() {
        let word = |error: AwsError| error.word();
        assert_eq!(word(AwsError::invalid_redirect("")), "invalid_redirect_uri");
        assert_eq!(word(AwsError::unsupported_grant("")), "unsupported_grant_type");
        assert_eq!(word(UnknownClient::NotOurs.into()), "invalid_client");
        assert_eq!(word(GrantError::InvalidGrant("").into()), "invalid_grant");
        assert_eq!(word(Problem::overloaded().into()), "server_error");
    }
}
