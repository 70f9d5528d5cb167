//! Credentials → a link that opens AWS's console signed in. The link is a bearer secret and never shows itself.

mod said;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use crate::clock::after;
use crate::destination::Destination;
use crate::meter::Asked;
use crate::partition::{Partition, Region};
use crate::sts::{AwsRefusal, BareClient, Credentials, Outage};
use crate::trail::Recorded;

/// AWS's federation endpoint, or a stand-in.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html>
#[derive(Clone, Debug)]
pub struct Federation {
    http: BareClient,
    /// Instead of the partition's own host.
    endpoint: Option<Url>,
    /// Where AWS sends people whose session ends.
    issuer: Url,
}

/// What a link is made of.
#[derive(Debug)]
pub(crate) struct LinkRequest<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a Region,
    pub(crate) destination: &'a Destination,
    /// Legal only for roles assumed with a long-term key.
    pub(crate) session_duration_seconds: Option<u32>,
    pub(crate) deadline: Instant,
}

/// A finished link. Shown nowhere: whoever has it is signed in.
#[derive(Debug)]
pub struct ConsoleLink {
    url: SecretString,
    /// When the link dies unused.
    pub expires_at: Timestamp,
}

/// Why there is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// It has no codes: the refusal's code is the status, as in `HTTP 400`.
    #[error("AWS's federation endpoint refused with HTTP status {status}")]
    Refused { status: u16, said: AwsRefusal },
    #[error("AWS's federation endpoint did not answer in time{0}")]
    Unavailable(Outage),
    #[error("the answer of AWS's federation endpoint cannot be used")]
    Unusable,
}

impl Federation {
    pub fn new(http: BareClient, endpoint: Option<Url>, issuer: Url) -> Self {
        Self { http, endpoint, issuer }
    }

    pub(crate) async fn link(&self, ask: &LinkRequest<'_>, now: Timestamp) -> Result<ConsoleLink, ConsoleError> {
        let endpoint = self.endpoint.clone().or_else(|| endpoint_of(ask.region)).ok_or(ConsoleError::Unusable)?;
        let token = match self.sign_in_token(&endpoint, ask, ask.session_duration_seconds).await {
            // A chained role among them would be refused for its duration alone.
            Err(ConsoleError::Refused { status: 400, .. }) if ask.session_duration_seconds.is_some() => {
                self.sign_in_token(&endpoint, ask, None).await?
            }
            outcome => outcome?,
        };
        let mut url = endpoint;
        url.query_pairs_mut()
            .append_pair("Action", "login")
            .append_pair("Issuer", self.issuer.as_str())
            .append_pair("Destination", ask.destination.as_str())
            .append_pair("SigninToken", token.expose_secret());
        let expires_at = after(now, LINK_SECONDS).min(ask.credentials.expires_at);
        Ok(ConsoleLink { url: SecretString::from(String::from(url)), expires_at })
    }

    /// By POST, so that the credentials stand in no log of URLs.
    async fn sign_in_token(
        &self,
        endpoint: &Url,
        ask: &LinkRequest<'_>,
        duration: Option<u32>,
    ) -> Result<SecretString, ConsoleError> {
        let session = json!({
            "sessionId": ask.credentials.access_key_id,
            "sessionKey": ask.credentials.secret_access_key.expose_secret(),
            "sessionToken": ask.credentials.session_token.expose_secret(),
        });
        let mut form = vec![("Action", "getSigninToken".to_owned()), ("Session", session.to_string())];
        form.extend(duration.map(|seconds| ("SessionDuration", seconds.to_string())));
        let asked = async {
            let answer = self
                .http
                .send(self.http.post(endpoint.clone()).form(&form))
                .await
                .map_err(ConsoleError::Unavailable)?;
            read(answer, ask.credentials).await
        };
        let measured = Asked::now();
        let token = tokio::time::timeout_at(ask.deadline, asked)
            .await
            .unwrap_or(Err(ConsoleError::Unavailable(Outage::Silent)));
        measured.aws("getSigninToken", outcome(&token));
        token
    }
}

fn outcome<T>(answer: &Result<T, ConsoleError>) -> &'static str {
    match answer {
        Ok(_) => "success",
        Err(ConsoleError::Refused { .. }) => "refused",
        Err(ConsoleError::Unavailable(_) | ConsoleError::Unusable) => "unavailable",
    }
}

async fn read(mut answer: reqwest::Response, sent: &Credentials) -> Result<SecretString, ConsoleError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        signin_token: SecretString,
    }
    let status = answer.status();
    if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
        return Err(ConsoleError::Unavailable(Outage::Silent));
    }
    if !status.is_success() {
        return Err(ConsoleError::Refused { status: status.as_u16(), said: said::heard(answer, sent).await });
    }
    let mut body = zeroize::Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(|_| ConsoleError::Unavailable(Outage::Silent))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ConsoleError::Unusable);
        }
        body.extend_from_slice(&chunk);
    }
    let Answer { signin_token } = serde_json::from_slice(&body).map_err(|_| ConsoleError::Unusable)?;
    if signin_token.expose_secret().is_empty() { Err(ConsoleError::Unusable) } else { Ok(signin_token) }
}

fn endpoint_of(region: &Region) -> Option<Url> {
    let host = region.partition().sign_in_host();
    let regional = region.partition() == Partition::Aws && region.as_str() != "us-east-1";
    let host = if regional { format!("{region}.{host}") } else { host.to_owned() };
    Url::parse(&format!("https://{host}/federation")).ok()
}

impl Recorded<ConsoleLink> {
    /// For the answer alone; the record is durable.
    pub fn expose(&self) -> &str {
        self.value().url.expose_secret()
    }
}

impl std::fmt::Display for ConsoleLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[a console link]")
    }
}

const LINK_SECONDS: u32 = 15 * 60;
const MAX_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_is_signed_in_to_at_its_own_host() {
        for (region, endpoint) in [
            ("us-east-1", "https://signin.aws.amazon.com/federation"),
            ("eu-central-1", "https://eu-central-1.signin.aws.amazon.com/federation"),
            ("us-gov-west-1", "https://signin.amazonaws-us-gov.com/federation"),
            ("cn-north-1", "https://signin.amazonaws.cn/federation"),
        ] {
            let region = Region::try_from(region.to_owned()).unwrap();
            assert_eq!(endpoint_of(&region).unwrap().as_str(), endpoint);
        }
    }
}
