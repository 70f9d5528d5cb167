//! A request to one of AWS's services beside the SDK: signed by AWS's own signer, limited in size, and tried again while AWS is busy.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_lc_rs::rand;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::sts::{BareClient, Credentials, Outage, Outbound, OutboundError};

/// Sends what is signed.
#[derive(Clone, Debug)]
pub(crate) struct SignedClient {
    http: BareClient,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

/// How long AWS's trouble is borne. All that is asked here may be asked again.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Further attempts after the first, for throttling, 5xx and broken connections.
    pub retries: u32,
    /// For one attempt.
    pub attempt_timeout: Duration,
}

/// What is asked, by POST.
pub(crate) struct Call<'a> {
    /// As signatures name it.
    pub(crate) service: &'static str,
    pub(crate) region: &'a str,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a [(&'static str, &'static str)],
    pub(crate) body: &'a str,
}

/// An answer that has arrived whole. It may hold a secret.
pub(crate) struct Answered {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Outage(Outage),
    TooLarge,
    Unsigned,
}

/// A service's own way to say no.
pub(crate) trait Failure: From<NoAnswer> {
    /// Whether another attempt may end better.
    fn may_pass(&self) -> bool;
}

impl SignedClient {
    pub(crate) fn new(outbound: &Outbound, patience: Patience, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        Ok(Self { http: outbound.http_client()?, patience, clock })
    }

    /// Asks, until what is read is an answer or the deadline has come; then AWS's last word counts, if there was one.
    pub(crate) async fn ask<T, E: Failure>(
        &self,
        signer: &SigningCredentials,
        call: &Call<'_>,
        deadline: Instant,
        read: impl Fn(Answered) -> Result<T, E>,
    ) -> Result<T, E> {
        let (mut last, mut wait) = (None, FIRST_WAIT);
        for left in (0..=self.patience.retries).rev() {
            let Ok(answered) = timeout_at(deadline, self.attempt(signer, call)).await else { break };
            match answered.map_err(E::from).and_then(&read) {
                Err(error) if error.may_pass() && left > 0 => last = Some(error),
                outcome => return outcome,
            }
            if timeout_at(deadline, sleep(at_most(wait))).await.is_err() {
                break;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(last.unwrap_or_else(|| NoAnswer::Outage(Outage::Silent).into()))
    }

    async fn attempt(&self, signer: &SigningCredentials, call: &Call<'_>) -> Result<Answered, NoAnswer> {
        let mut request = self.http.post(call.url.clone()).body(call.body.to_owned());
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        for (name, value) in self.signature(signer, call).ok_or(NoAnswer::Unsigned)? {
            request = request.header(name, value);
        }
        let answered = async { Answered::whole(self.http.send(request).await.map_err(NoAnswer::Outage)?).await };
        let answered = timeout(self.patience.attempt_timeout, answered).await;
        answered.unwrap_or(Err(NoAnswer::Outage(Outage::Silent)))
    }

    fn signature(&self, signer: &SigningCredentials, call: &Call<'_>) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let identity = signer.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(call.region)
            .name(call.service)
            .time(SystemTime::from(self.clock.now()))
            .settings(SigningSettings::default())
            .build()
            .ok()?
            .into();
        let headers = [("host", call.url.authority())].into_iter().chain(call.headers.iter().copied());
        let body = SignableBody::Bytes(call.body.as_bytes());
        let request = SignableRequest::new("POST", call.url.as_str(), headers, body).ok()?;
        let (instructions, _) = sign(request, &params).ok()?.into_parts();
        let header = |(name, value): (&str, &str)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((name.parse().ok()?, value))
        };
        instructions.headers().map(header).collect()
    }
}

impl Answered {
    async fn whole(mut response: reqwest::Response) -> Result<Self, NoAnswer> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // At once as large as it may become: nothing of it is left behind where it grows.
        let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
        while let Some(chunk) = response.chunk().await.map_err(|_| NoAnswer::Outage(Outage::Silent))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, headers, body })
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// AWS's own trouble, or haste of ours, whatever else it says.
    pub(crate) fn may_pass(&self) -> bool {
        self.status >= 500 || self.status == TOO_MANY_REQUESTS
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What AWS lent, as the signer takes it.
pub(crate) fn signer(credentials: &Credentials) -> SigningCredentials {
    SigningCredentials::new(
        &credentials.access_key_id,
        credentials.secret_access_key.expose_secret(),
        Some(credentials.session_token.expose_secret().to_owned()),
        None,
        "brokerd",
    )
}

/// By chance, so that those who were refused together do not come back together.
fn at_most(wait: Duration) -> Duration {
    let mut chance = [0; 2];
    match rand::fill(&mut chance) {
        Ok(()) => wait * u32::from(u16::from_be_bytes(chance)) / (1 << 16),
        Err(_) => wait,
    }
}

/// The largest policies of a role have 10,240 characters, each three in the answer; nothing else asked for is larger.
const MAX_ANSWER: usize = 256 * 1_024;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const TOO_MANY_REQUESTS: u16 = 429;
