//! Credentials → a link that opens AWS's console signed in. The link is a bearer secret and never shows itself.

mod call;
mod said;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::clock::after;
use crate::destination::Destination;
use crate::meter::Asked;
use crate::partition::{Partition, Region};
use crate::sts::{AwsRefusal, Credentials, OpenKey, Outage, PerKey, Pool, StsSettings};
use crate::trail::Recorded;

use self::call::{Form, GetSigninToken};

/// AWS's federation endpoint, or a stand-in.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html>
#[derive(Clone, Debug)]
pub struct Federation {
    pool: Pool,
    settings: StsSettings,
    /// Instead of the partition's own host.
    endpoint: Option<Url>,
    /// Where AWS sends people whose session ends.
    issuer: Url,
    calls: Arc<PerKey<GetSigninToken>>,
}

/// What a link is made of.
#[derive(Debug)]
pub(crate) struct LinkRequest<'a> {
    pub(crate) credentials: &'a Credentials,
    /// The access key that they came from.
    pub(crate) key: &'a OpenKey,
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
    #[error("{}", .0.of("AWS's federation endpoint"))]
    Unavailable(Outage),
    #[error("the answer of AWS's federation endpoint cannot be used")]
    Unusable,
}

impl Federation {
    /// Asked by the connections that STS is asked by, and as patiently.
    pub fn new(pool: Pool, settings: StsSettings, endpoint: Option<Url>, issuer: Url) -> Self {
        Self { pool, settings, endpoint, issuer, calls: Arc::default() }
    }

    pub(crate) async fn link(&self, ask: &LinkRequest<'_>, now: Timestamp) -> Result<ConsoleLink, ConsoleError> {
        let endpoint = self.endpoint.clone().or_else(|| endpoint_of(&ask.key.region)).ok_or(ConsoleError::Unusable)?;
        let call = self.calls.get(ask.key, || call::of(&self.pool, &self.settings, &endpoint, ask.key));
        let token = match sign_in_token(&call, &endpoint, ask, ask.session_duration_seconds).await {
            // A chained role among them would be refused for its duration alone.
            Err(ConsoleError::Refused { status: 400, .. }) if ask.session_duration_seconds.is_some() => {
                sign_in_token(&call, &endpoint, ask, None).await?
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
}

async fn sign_in_token(
    call: &GetSigninToken,
    endpoint: &Url,
    ask: &LinkRequest<'_>,
    duration: Option<u32>,
) -> Result<SecretString, ConsoleError> {
    let measured = Asked::now();
    let asked = Form::new(form(ask.credentials, duration), endpoint);
    let stopped = asked.stopped.clone();
    let token = match tokio::time::timeout_at(ask.deadline, call.invoke(asked)).await {
        Ok(answer) => answer.map_err(|error| call::failure(error, ask.credentials, &stopped)),
        Err(_) => Err(stopped.cut_short()),
    };
    measured.aws(ACTION, outcome(&token));
    token
}

fn form(credentials: &Credentials, duration: Option<u32>) -> SecretString {
    let session = json!({
        "sessionId": credentials.access_key_id,
        "sessionKey": credentials.secret_access_key.expose_secret(),
        "sessionToken": credentials.session_token.expose_secret(),
    });
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", ACTION).append_pair("Session", &session.to_string());
    if let Some(seconds) = duration {
        form.append_pair("SessionDuration", &seconds.to_string());
    }
    SecretString::from(form.finish())
}

fn outcome<T>(answer: &Result<T, ConsoleError>) -> &'static str {
    match answer {
        Ok(_) => "success",
        Err(ConsoleError::Refused { .. }) => "refused",
        Err(ConsoleError::Unavailable(_) | ConsoleError::Unusable) => "unavailable",
    }
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
const ACTION: &str = "getSigninToken";

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
