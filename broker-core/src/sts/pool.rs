//! The way out: one pool of connections for all keys and accounts, through the proxy and with the CA that the configuration names.

use aws_smithy_http_client::pool::{self, ConnectionPool};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::direct::PastTheProxy;
use super::proxy::Proxies;
use super::{Outage, Proxy, ProxyFailure, ProxyLogin};

/// How requests leave the house.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// Without one, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment count.
    pub proxy: Option<Proxy>,
    /// PEM certificates trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// The connections to AWS, kept for whoever asks next, whichever access key signs: what speaks by the SDK shares them, and the console's
/// federation endpoint is asked by it too. Clones share them as well.
#[derive(Clone, Debug)]
pub struct Pool {
    usual: SharedHttpClient,
    direct: SharedHttpClient,
}

/// The way out cannot be built from the settings.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("aws.proxy cannot be used: {0}")]
    Proxy(String),
    /// What it says may hold a password, so it is not repeated.
    #[error(
        "{0} of the environment names no proxy that brokerd can go by: write http://HOST:PORT or https://HOST:PORT, with what is special in a user or password as %XX, or unset it"
    )]
    Environment(&'static str),
    #[error("aws.ca_file holds no certificates in PEM")]
    Ca,
    #[error("the pool of connections cannot be made")]
    Pool,
}

impl Outbound {
    /// One pool; a process needs no second one.
    pub fn pool(&self) -> Result<Pool, OutboundError> {
        let usual = Guarded { inner: self.sdk_client(self.sdk_proxy()?)?, proxies: Some(self.proxies()?) };
        let direct = Guarded { inner: self.sdk_client(ProxyConfig::disabled())?, proxies: None };
        Ok(Pool { usual: SharedHttpClient::new(usual), direct: SharedHttpClient::new(direct) })
    }

    fn sdk_client(&self, proxy: ProxyConfig) -> Result<SharedHttpClient, OutboundError> {
        let mut trust = TrustStore::default();
        if let Some(pem) = &self.ca_pem {
            trust = trust.with_pem_certificate(pem.clone());
        }
        let tls = TlsContext::builder().with_trust_store(trust).build().map_err(|_| OutboundError::Ca)?;
        let pool = ConnectionPool::builder()
            .proxy_config(proxy)
            .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls)
            .build_https()
            .map_err(|_| OutboundError::Pool)?;
        Ok(SharedHttpClient::new(pool::Client::new(&pool).map_err(|_| OutboundError::Pool)?))
    }

    /// A client for what is asked beside the SDK: of IAM by `brokerd revoke`, of registries by the daemon. Follows no redirects.
    pub(crate) fn http_client(&self) -> Result<BareClient, OutboundError> {
        let proxies = self.proxies()?;
        Ok(BareClient { http: self.builder()?.build().map_err(|_| OutboundError::Pool)?, proxies })
    }

    /// What a client of its own begins with: the way out that the configuration names, and no redirects.
    pub(crate) fn builder(&self) -> Result<reqwest::ClientBuilder, OutboundError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .https_only(false);
        if let Some(proxy) = &self.proxy {
            // The environment counts only where the configuration is silent, here as in the SDK's half.
            let url = with_login(proxy).ok_or_else(not_a_url)?;
            let chosen = reqwest::Proxy::all(url.expose_secret())
                .map_err(|_| not_a_url())?
                .no_proxy(reqwest::NoProxy::from_string(&proxy.past()));
            builder = builder.no_proxy().proxy(chosen);
        }
        if let Some(pem) = &self.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| OutboundError::Ca)?;
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(builder)
    }

    fn sdk_proxy(&self) -> Result<ProxyConfig, OutboundError> {
        let Some(proxy) = &self.proxy else { return Ok(ProxyConfig::from_env()) };
        // Not by its own setting for a login, which puts a password into the URL as it is: one with a `/` in it made the URL
        // unreadable, and so the proxy was gone past.
        let url = with_login(proxy).ok_or_else(not_a_url)?;
        let config = ProxyConfig::all(url.expose_secret()).map_err(|_| not_a_url())?;
        Ok(config.no_proxy(proxy.past()))
    }

    fn proxies(&self) -> Result<Proxies, OutboundError> {
        self.proxy.as_ref().map_or_else(Proxies::of_environment, |proxy| Ok(Proxies::configured(proxy)))
    }
}

/// The proxy's URL as the libraries want it: with user and password, in which no character has a meaning of its own.
fn with_login(proxy: &Proxy) -> Option<SecretString> {
    let mut url = proxy.url.clone();
    if let Some(ProxyLogin { username, password }) = &proxy.login {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        url.set_username(&encoded(username)).ok()?;
        url.set_password(Some(&encoded(password.expose_secret()))).ok()?;
    }
    Some(SecretString::from(String::from(url)))
}

fn not_a_url() -> OutboundError {
    OutboundError::Proxy("its `url` is none".to_owned())
}

/// For requests beside the SDK's.
#[derive(Clone, Debug)]
pub(crate) struct BareClient {
    http: reqwest::Client,
    proxies: Proxies,
}

impl BareClient {
    pub(crate) fn post(&self, url: Url) -> reqwest::RequestBuilder {
        self.http.post(url)
    }

    /// The answer, or why there is none: never the library's own text, which may quote the peer.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Outage> {
        let request = request.build().map_err(|_| Outage::Silent)?;
        let url = request.url().as_str().to_owned();
        let answer = self.http.execute(request).await.map_err(|error| {
            self.proxies.blame(&url, &error, error.is_timeout()).map_or(Outage::Silent, Outage::Proxy)
        })?;
        match self.proxies.blame_status(&url, answer.status().as_u16()) {
            Some(failure) => Err(Outage::Proxy(failure)),
            None => Ok(answer),
        }
    }
}

impl Pool {
    /// No pool, but somebody who plays AWS.
    #[cfg(test)]
    pub(super) fn of(client: SharedHttpClient) -> Self {
        Self { usual: client.clone(), direct: client }
    }

    /// What the SDK asks by.
    pub(crate) fn client(&self) -> SharedHttpClient {
        self.usual.clone()
    }

    /// The same, but by no proxy to what is on this machine or next to it.
    pub(super) fn past_the_proxy(&self) -> PastTheProxy {
        PastTheProxy::new(self.usual.clone(), self.direct.clone())
    }
}

/// Lets no answer be endless: the SDK reads all of it into memory before it looks at it. And says where a proxy stood in the way.
#[derive(Debug)]
struct Guarded<T> {
    inner: T,
    proxies: Option<Proxies>,
}

impl HttpClient for Guarded<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Guarded { inner, proxies: self.proxies.clone() })
    }
}

impl HttpConnector for Guarded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let way = self.proxies.clone().map(|proxies| (proxies, request.uri().to_owned()));
        let answer = self.inner.call(request);
        let limited = |body: SdkBody| SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER));
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            let Some((proxies, uri)) = way else { return Ok(answer?.map(limited)) };
            match answer {
                Ok(answer) => match proxies.blame_status(&uri, answer.status().as_u16()) {
                    Some(failure) => Err(told(failure)),
                    None => Ok(answer.map(limited)),
                },
                Err(error) => match proxies.blame(&uri, &error, error.is_timeout()) {
                    Some(failure) => Err(told(failure)),
                    None => Err(error),
                },
            }
        })
    }
}

/// As the SDK's retries read it.
fn told(failure: ProxyFailure) -> ConnectorError {
    if failure.may_pass() { ConnectorError::io(failure.into()) } else { ConnectorError::other(failure.into(), None) }
}

/// None of AWS's has a tenth of it: the longest session tokens have some KiB.
const MAX_ANSWER: usize = 256 * 1_024;
const CONNECT: std::time::Duration = std::time::Duration::from_secs(3);
