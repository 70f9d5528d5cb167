//! Why AWS gave no answer that counts: it said so itself, a proxy stood in the way, or nobody knows.

use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;

use super::errors::shown;
use super::{AwsRefusal, ProxyFailure};
use crate::file::with_causes;

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// AWS asks for patience: throttled, or an error of its own.
    Told(AwsRefusal),
    /// The request did not get as far as AWS.
    Proxy(ProxyFailure),
    Silent,
}

/// What kept one attempt from AWS.
#[derive(Clone, Debug)]
pub(crate) struct Hindrance {
    pub(crate) proxy: Option<ProxyFailure>,
    /// Why it came to no connection, fit to be logged.
    pub(crate) cause: String,
}

impl Hindrance {
    /// Nothing where the attempt came to an answer.
    pub(crate) fn of(attempt: &FinalizerInterceptorContextRef<'_>) -> Option<Self> {
        let failed = attempt.output_or_error().and_then(Result::err).and_then(OrchestratorError::as_connector_error)?;
        // Of a connection that does not come about the causes are ours and the system's words; of an answer they would quote it.
        Some(Self { proxy: ProxyFailure::among(failed).cloned(), cause: shown(&with_causes(failed)) })
    }
}

impl Outage {
    /// What AWS said, where it said something.
    pub fn refusal(&self) -> Option<&AwsRefusal> {
        match self {
            Self::Told(refusal) => Some(refusal),
            Self::Proxy(_) | Self::Silent => None,
        }
    }
}

impl Outage {
    /// In a sentence, of whoever was asked: what AWS said, or what keeps requests from it and what to do about that.
    pub(crate) fn of(&self, asked: &str) -> String {
        match self {
            Self::Told(refusal) => format!("{asked} did not answer in time: {}", refusal.code),
            // It was not asked at all.
            Self::Proxy(failure) => format!("nothing gets through to {asked}: {failure}"),
            Self::Silent => format!("{asked} did not answer in time"),
        }
    }
}
