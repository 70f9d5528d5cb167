//! Why AWS's own clients come without their token: as a rule a proxy has dropped it, and every fetch of theirs fails until somebody is told.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

/// When the log was last told.
#[derive(Debug, Default)]
pub(crate) struct MissingToken(Mutex<Option<Instant>>);

impl MissingToken {
    /// Tells the log, once a minute, of one of AWS's own clients that showed no token where it always has one. Whoever else asks without one, a
    /// scanner or somebody with curl, is not worth a line.
    pub(crate) fn note(&self, headers: &HeaderMap, address: IpAddr) {
        if !is_aws_client(headers) {
            return;
        }
        let mut told_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told_at = Some(Instant::now());
            tracing::warn!(
                client.address = %address,
                "one of AWS's own clients came without its token: a proxy on the way drops headers with underscores (nginx: underscores_in_headers on)"
            );
        }
    }
}

/// By what it calls itself, which anybody may.
fn is_aws_client(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map(|agent| agent.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    CLIENTS.iter().any(|client| agent.starts_with(client))
}

/// The AWS CLI, boto3 and botocore, and the SDKs.
const CLIENTS: [&[u8]; 3] = [b"aws-cli/", b"boto", b"aws-sdk-"];
const TELL_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn awss_clients_are_known_by_what_they_call_themselves() {
        let is_one = |agent: &'static str| {
            is_aws_client(&HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(agent))]))
        };
        for agent in [
            "aws-cli/2.32.1 md/awscrt#0.28.4 ua/2.1 os/linux",
            "Boto3/1.42.0 md/Botocore#1.42.0 ua/2.1",
            "Botocore/1.42.0",
            "aws-sdk-js/3.900.0 ua/2.1",
            "aws-sdk-rust/1.3.9 os/linux",
        ] {
            assert!(is_one(agent), "{agent}");
        }
        for agent in ["curl/8.5.0", "Mozilla/5.0 aws-cli/2", "", "broker/0.1.0"] {
            assert!(!is_one(agent), "{agent}");
        }
        assert!(!is_aws_client(&HeaderMap::new()));
    }
}
