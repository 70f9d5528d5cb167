//! Errors as clients meet them (RFC 9457): the only place that knows status codes. Each code has a page that says what to do.

mod administering;
mod code;
mod recording;
mod signing_in;
mod vending;

use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use broker_core::id::RequestId;
use broker_core::sts::AwsRefusal;
pub(crate) use code::Code;
pub(crate) use vending::{console_duration, no_such_connector};

use crate::access::CONTAINER_CREDENTIALS;

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
    for_aws_clients: bool,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            code,
            detail,
            aws: None,
            field: None,
            place: None,
            range: None,
            retry_after_seconds: None,
            for_aws_clients: false,
        }
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

    pub(crate) fn retry(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Said in the spellings of AWS's container clients as well: `code` and `message` as some read them, `Code` and `Message` as others do.
    fn for_aws_clients(self) -> Self {
        Self { for_aws_clients: true, ..self }
    }

    fn aws(code: Code, refusal: &AwsRefusal) -> Self {
        let detail = format!("AWS answered {}: {}", refusal.code, refusal.message);
        Self { aws: Some(refusal.clone()), ..Self::new(code, detail) }
    }

    /// The answer; handlers return the problem itself and leave this to [`attach`].
    pub(crate) fn into_response_for(self, request_id: RequestId) -> Response {
        let (status, word) = (self.code.status(), self.code.word());
        // Such a client shows its user no more than this.
        let message = format!("{}. {} (request {request_id})", self.detail, self.code.advice());
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
        let mut response = if self.for_aws_clients {
            let (upper_code, upper_message) = (body.code.clone(), message.clone());
            (status, Json(broker_api::ContainerProblem { problem: body, message, upper_code, upper_message }))
                .into_response()
        } else {
            (status, Json(body)).into_response()
        };
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

const RETRY_AFTER: u64 = 5;

/// Problems know no request; the request's id is put in on the way out, by [`attach`].
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes out the problem that a handler returned, as those read it who use the route.
pub(crate) fn attach(mut response: Response, request_id: RequestId, route: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let problem = if route == CONTAINER_CREDENTIALS { problem.for_aws_clients() } else { problem };
    let mut answer = problem.into_response_for(request_id);
    carry(&response, &mut answer);
    answer
}

/// What stands on an answer whatever it says: which methods a route takes, by the router, and cookies that are given or taken away.
pub(crate) fn carry(from: &Response, to: &mut Response) {
    for name in [header::ALLOW, header::SET_COOKIE] {
        for value in from.headers().get_all(&name) {
            to.headers_mut().append(name.clone(), value.clone());
        }
    }
}
