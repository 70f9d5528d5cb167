//! What came of the last attempt of one call to KMS, heard behind the SDK's retries: the deadline alone would not say it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::KmsError;
use super::errors::Asked;
use crate::sts::Hindrance;

/// Clones hear the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Last>>);

#[derive(Clone, Debug, Default)]
enum Last {
    #[default]
    Nothing,
    /// No more than its status: the rest may be anybody's.
    Answer(u16),
    Hindrance(Hindrance),
}

impl Heard {
    /// Why there is no answer that counts.
    pub(super) fn trouble(&self, asked: Asked) -> KmsError {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Last::Nothing => KmsError::Unavailable { asked, why: "it did not answer in time".to_owned() },
            Last::Answer(status) => KmsError::Unavailable { asked, why: format!("it answered {status}") },
            Last::Hindrance(Hindrance { proxy: Some(failure), .. }) => KmsError::Proxy(failure),
            Last::Hindrance(Hindrance { proxy: None, cause }) => {
                KmsError::Unavailable { asked, why: format!("no connection came about ({cause})") }
            }
        }
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let last = match (Hindrance::of(context), context.response()) {
            // Its head may have come.
            _ if error.is_some_and(OrchestratorError::is_timeout_error) => Last::Nothing,
            (Some(hindrance), _) => Last::Hindrance(hindrance),
            (None, Some(response)) => Last::Answer(response.status().as_u16()),
            (None, None) => Last::Nothing,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(())
    }
}
