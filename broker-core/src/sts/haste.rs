//! HTTP 429 by itself says that AWS was asked too fast. The SDK goes by AWS's codes for that, and would give up where it knows none.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::errors::TOO_MANY_REQUESTS;

/// Has a call that was answered with 429 made again, as one that was throttled.
#[derive(Debug)]
pub(super) struct TooManyRequests;

impl ClassifyRetry for TooManyRequests {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(answer) if answer.status().as_u16() == TOO_MANY_REQUESTS => RetryAction::throttling_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "too many requests"
    }
}
