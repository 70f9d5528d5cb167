//! Asks an issuer for its keys: where its discovery document says, on its own host, and no more than it may send.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use url::Url;

use super::IssuerUrl;
use super::keys::{KeySet, KeySetError};

/// How one issuer is asked.
#[derive(Debug)]
pub(super) struct Fetch {
    client: Client,
    issuer: IssuerUrl,
}

/// Why there are no keys. Nothing that the issuer sent is repeated.
#[derive(Debug, thiserror::Error)]
pub enum Hindrance {
    #[error("{0}")]
    Unreachable(String),
    #[error("it answered {0}, and not 200")]
    Status(StatusCode),
    #[error("its answer is longer than 256 KiB")]
    TooLong,
    #[error("its answer did not come in {} seconds", PATIENCE.as_secs())]
    TooSlow,
    #[error("its discovery document cannot be read")]
    Discovery,
    #[error("its discovery document is of another issuer")]
    OtherIssuer,
    #[error("its discovery document names keys on another host")]
    OtherHost,
    #[error("its keys cannot be used: {0}")]
    Keys(#[from] KeySetError),
    #[error("it was asked in vain a moment ago")]
    Lately,
    #[error("the task that asked it has ended")]
    Lost,
}

/// What counts of the discovery document.
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata>
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

impl Fetch {
    /// The client follows no redirects and goes to public addresses alone, unless the entry says otherwise.
    pub(super) fn new(client: Client, issuer: IssuerUrl) -> Self {
        Self { client, issuer }
    }

    pub(super) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    pub(super) async fn keys(&self) -> Result<KeySet, Hindrance> {
        tokio::time::timeout(PATIENCE, self.ask()).await.unwrap_or(Err(Hindrance::TooSlow))
    }

    async fn ask(&self) -> Result<KeySet, Hindrance> {
        let document = self.get(&self.issuer.discovery()).await?;
        let Discovery { issuer, jwks_uri } = serde_json::from_slice(&document).map_err(|_| Hindrance::Discovery)?;
        if issuer != self.issuer.as_str() {
            return Err(Hindrance::OtherIssuer);
        }
        if jwks_uri.origin() != self.issuer.as_url().origin() {
            return Err(Hindrance::OtherHost);
        }
        Ok(KeySet::parse(&self.get(&jwks_uri).await?)?)
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, Hindrance> {
        let unreachable = |error: reqwest::Error| Hindrance::Unreachable(causes(&error.without_url()));
        let mut answer = self.client.get(url.clone()).send().await.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(Hindrance::Status(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(Hindrance::TooLong);
            }
        }
        Ok(body)
    }
}

/// The innermost cause says what is the matter.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    format!("it cannot be reached: {innermost}")
}

/// Within the patience of the clients that wait: a call or two.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 256 << 10;
