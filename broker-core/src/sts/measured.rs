//! The same STS, each call counted and timed.

use async_trait::async_trait;
use tokio::time::Instant;

use super::{CallerIdentity, Credentials, OpenKey, Sts, StsError, StsRequest};
use crate::entitlement::Entitlement;
use crate::meter::Asked;

/// Counts and times the calls to another [`Sts`].
#[derive(Debug)]
pub struct MeasuredSts<S>(pub S);

#[async_trait]
impl<S: Sts> Sts for MeasuredSts<S> {
    async fn issue(
        &self,
        entitlement: &Entitlement,
        key: &OpenKey,
        request: &StsRequest,
        deadline: Instant,
    ) -> Result<Credentials, StsError> {
        let asked = Asked::now();
        let answer = self.0.issue(entitlement, key, request, deadline).await;
        asked.aws(request.action(), outcome(&answer));
        answer
    }

    async fn prove(&self, key: &OpenKey, deadline: Instant) -> Result<CallerIdentity, StsError> {
        let asked = Asked::now();
        let answer = self.0.prove(key, deadline).await;
        asked.aws(GET_CALLER_IDENTITY, outcome(&answer));
        answer
    }

    async fn caller_identity(
        &self,
        key: &OpenKey,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<CallerIdentity, StsError> {
        let asked = Asked::now();
        let answer = self.0.caller_identity(key, credentials, deadline).await;
        asked.aws(GET_CALLER_IDENTITY, outcome(&answer));
        answer
    }
}

fn outcome<T>(answer: &Result<T, StsError>) -> &'static str {
    match answer {
        Ok(_) => "success",
        Err(
            StsError::KeyRefused(_)
            | StsError::PolicyRefused(_)
            | StsError::MfaCodeRefused(_)
            | StsError::Refused(_)
            | StsError::Skewed(..),
        ) => "refused",
        Err(StsError::Unavailable(_) | StsError::Unusable(_)) => "unavailable",
    }
}

const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";
