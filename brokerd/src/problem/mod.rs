//! Errors as clients meet them (RFC 9457): the only place that knows status codes. Each code has a page that says what to do.

mod code;

use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use broker_core::access_key::NotRightful;
use broker_core::administration::{AccessKeyError, ConnectorChangeError, NotProved, ServiceTokenError};
use broker_core::console::ConsoleError;
use broker_core::id::RequestId;
use broker_core::lifetime::MIN_SECONDS;
use broker_core::policy::PolicyError;
use broker_core::reason::ReasonError;
use broker_core::sign_in::{AuthenticateError, SignInError};
use broker_core::store::StoreError;
use broker_core::sts::{AwsRefusal, StsError};
use broker_core::trail::TrailError;
use broker_core::vend::{RenderError, VendError};
pub(crate) use code::Code;

/// An error on its way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    aws: Option<AwsRefusal>,
    field: Option<String>,
    place: Option<(u32, u32)>,
    range: Option<(u32, u32)>,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, aws: None, field: None, place: None, range: None, retry_after_seconds: None }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it is about this field of the request.
    pub(crate) fn is_about(&self, field: &str) -> bool {
        self.field.as_deref() == Some(field)
    }

    /// A field of the request that is wrong.
    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(Code::InvalidRequest, detail) }
    }

    /// One caller, or one address, has all that one may have at a time.
    pub(crate) fn rate_limited(detail: &str, wait: Duration) -> Self {
        Self::new(Code::RateLimited, detail).retry(wait.as_secs() + 1)
    }

    /// There is more to do than can be done at once, whoever asks.
    pub(crate) fn overloaded() -> Self {
        Self::new(Code::Overloaded, "too many requests are being answered").retry(1)
    }

    /// A duration outside `[minimum, maximum]`.
    pub(crate) fn duration(minimum: u32, maximum: u32) -> Self {
        let detail = format!("the duration must be from {minimum} to {maximum} seconds");
        Self { range: Some((minimum, maximum)), ..Self::new(Code::DurationOutOfRange, detail) }
    }

    /// Logged in full for us, told in one sentence to the client.
    fn hidden(code: Code, error: &(dyn Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        tracing::error!(%error, causes = causes.join(": "), code = code.word(), "request failed");
        Self::new(code, code.title())
    }

    fn retry(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    fn aws(code: Code, refusal: &AwsRefusal) -> Self {
        let detail = format!("AWS answered {}: {}", refusal.code, refusal.message);
        Self { aws: Some(refusal.clone()), ..Self::new(code, detail) }
    }

    /// The answer; handlers return the problem itself and leave this to [`attach`].
    pub(crate) fn into_response_for(self, request_id: RequestId) -> Response {
        let (status, word) = (self.code.status(), self.code.word());
        let body = broker_api::Problem {
            r#type: format!("/problems/{word}"),
            title: self.code.title().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            code: word.to_owned(),
            request_id: request_id.to_string(),
            aws: self.aws.map(|refusal| broker_api::AwsRefusal {
                code: refusal.code,
                message: refusal.message,
                request_id: refusal.request_id,
            }),
            field: self.field,
            line: self.place.map(|(line, _)| line),
            column: self.place.map(|(_, column)| column),
            minimum_seconds: self.range.map(|(minimum, _)| minimum),
            maximum_seconds: self.range.map(|(_, maximum)| maximum),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<VendError> for Problem {
    fn from(error: VendError) -> Self {
        match error {
            // One answer for both: who may not use a connector need not learn that it exists.
            VendError::NoSuchConnector | VendError::NotEntitled(_) => no_such_connector(),
            VendError::Caller(error) => error.into(),
            VendError::Request(error) => error.into(),
            VendError::Destination(error) => Self::new(Code::DestinationNotAllowed, error.to_string()),
            VendError::ConsoleNotSupported => Self::new(Code::ConsoleNotSupported, error.to_string()),
            VendError::Aws(error) => error.into(),
            VendError::Console(error) => error.into(),
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

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        Self { place: Some((error.line, error.column)), ..Self::new(Code::InvalidPolicy, error.to_string()) }
    }
}

impl From<StsError> for Problem {
    fn from(error: StsError) -> Self {
        match &error {
            StsError::PolicyRefused(refusal) => Self::aws(Code::InvalidPolicy, refusal),
            StsError::KeyRefused(refusal) | StsError::Refused(refusal) => Self::aws(Code::AwsRefused, refusal),
            StsError::Unavailable(Some(refusal)) => Self::aws(Code::AwsUnavailable, refusal).retry(RETRY_AFTER),
            StsError::Unavailable(None) => Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER),
            StsError::Unusable(_) => {
                let told = Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER);
                Self { detail: error.to_string(), ..told }
            }
        }
    }
}

impl From<ConsoleError> for Problem {
    fn from(error: ConsoleError) -> Self {
        match error {
            ConsoleError::Refused(_) => Self::new(Code::AwsRefused, error.to_string()),
            ConsoleError::Unavailable => Self::new(Code::AwsUnavailable, error.to_string()).retry(RETRY_AFTER),
            ConsoleError::Unusable => Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Unauthenticated => Self::unauthenticated(),
            AuthenticateError::AccountDisabled => Self::new(Code::AccountDisabled, error.to_string()),
            AuthenticateError::Directory(error) => Self::hidden(Code::DirectoryUnavailable, &error),
            AuthenticateError::Store(error) => error.into(),
        }
    }
}

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
            NotProved::Refused(refusal) => Self::aws(Code::AwsRefused, refusal),
            NotProved::Root { .. } => Self::field("access_key_id", error.to_string()),
            // What the error advises is for those at the command line.
            NotProved::Unreachable(refusal) => {
                let told = Self::hidden(Code::AwsUnavailable, &error).retry(RETRY_AFTER);
                Self { detail: NOT_ASKED.to_owned(), aws: refusal.clone(), ..told }
            }
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

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials => Self::new(Code::InvalidCredentials, error.to_string()),
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

impl From<TrailError> for Problem {
    fn from(error: TrailError) -> Self {
        match error {
            TrailError::Unwritten(_) | TrailError::Closed => {
                Self::hidden(Code::AuditUnavailable, &error).retry(RETRY_AFTER)
            }
            TrailError::Change(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken | StoreError::Stale | StoreError::InUse | StoreError::Forged { .. } => {
                Self::hidden(Code::Internal, &error)
            }
            // The trail is in the same store: what cannot be read or written there cannot be recorded either.
            StoreError::Database(_) => Self::hidden(Code::AuditUnavailable, &error).retry(RETRY_AFTER),
        }
    }
}

impl Problem {
    pub(crate) fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "sign in first: the request has no token that is good")
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

const NOT_ASKED: &str = "AWS did not say whose key this is, and nothing is stored: try again, or store it unproved with ?skip_validation=true";
const MAX_CONSOLE_SECONDS: u32 = 43_200;
const RETRY_AFTER: u64 = 5;

/// Problems know no request; the request's id is put in on the way out, by [`attach`].
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes out the problem that a handler returned.
pub(crate) fn attach(mut response: Response, request_id: RequestId) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut answer = problem.into_response_for(request_id);
    // Which methods a route takes is said by the router.
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}
