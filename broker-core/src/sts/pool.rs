//! The way out: one pool of connections for all keys and accounts, through the proxy and with the CA that the configuration names.

use aws_smithy_http_client::pool::{self, ConnectionPool};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use secrecy::{ExposeSecret, SecretString};

/// How requests leave the house; the SDK and the console's federation endpoint share it.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// `http://host:port`. Without one, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` of the environment count.
    pub proxy: Option<Proxy>,
    /// PEM certificates trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// A configured proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub url: url::Url,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// Hosts that are reached without it, separated by commas.
    pub no_proxy: String,
}

/// The way out cannot be built from the settings.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("aws.proxy cannot be used: {0}")]
    Proxy(String),
    #[error("aws.ca_file holds no certificates in PEM")]
    Ca,
    #[error("the pool of connections cannot be made")]
    Pool,
}

impl Outbound {
    /// The pool for the SDK.
    pub(crate) fn sdk_client(&self) -> Result<SharedHttpClient, OutboundError> {
        self.pool(self.sdk_proxy()?)
    }

    /// One that goes by no proxy, for what is on this machine or next to it.
    pub(super) fn direct_sdk_client(&self) -> Result<SharedHttpClient, OutboundError> {
        self.pool(ProxyConfig::disabled())
    }

    fn pool(&self, proxy: ProxyConfig) -> Result<SharedHttpClient, OutboundError> {
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
        let client = pool::Client::new(&pool).map_err(|_| OutboundError::Pool)?;
        Ok(SharedHttpClient::new(Measured(SharedHttpClient::new(client))))
    }

    /// A client for the few requests beside the SDK. Follows no redirects.
    pub fn http_client(&self) -> Result<reqwest::Client, OutboundError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .https_only(false);
        if let Some(proxy) = &self.proxy {
            // The environment counts only where the configuration is silent, here as in the SDK's half.
            let mut chosen = reqwest::Proxy::all(proxy.url.as_str())
                .map_err(|_| OutboundError::Proxy("it is not a URL".to_owned()))?
                .no_proxy(reqwest::NoProxy::from_string(&proxy.no_proxy));
            if let (Some(username), Some(password)) = (&proxy.username, &proxy.password) {
                chosen = chosen.basic_auth(username, password.expose_secret());
            }
            builder = builder.no_proxy().proxy(chosen);
        }
        if let Some(pem) = &self.ca_pem {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| OutboundError::Ca)?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|_| OutboundError::Pool)
    }

    fn sdk_proxy(&self) -> Result<ProxyConfig, OutboundError> {
        let Some(proxy) = &self.proxy else { return Ok(ProxyConfig::from_env()) };
        let mut config =
            ProxyConfig::all(proxy.url.as_str()).map_err(|error| OutboundError::Proxy(error.to_string()))?;
        if let (Some(username), Some(password)) = (&proxy.username, &proxy.password) {
            config = config.with_basic_auth(username, password.expose_secret());
        }
        Ok(config.no_proxy(&proxy.no_proxy))
    }
}

/// Lets no answer be endless: the SDK reads all of it into memory before it looks at it.
#[derive(Debug)]
struct Measured<T>(T);

impl HttpClient for Measured<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Measured(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Measured<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        let limited = |body: SdkBody| SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER));
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(limited)) })
    }
}

/// None of AWS's has a tenth of it: the longest session tokens have some KiB.
const MAX_ANSWER: usize = 256 * 1_024;
const CONNECT: std::time::Duration = std::time::Duration::from_secs(3);
