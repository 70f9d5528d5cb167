//! One issuer: where it is, what its tokens must be for, and what its claims open.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::{Validation, decode};
use reqwest::Certificate;
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::address::{PublicOnly, is_public};
use super::claim::{ClaimPath, Claims};
use super::fetch::Fetch;
use super::keys::{Fetched, KeySet};
use super::mapping::{Granted, Mapping, MappingError, MappingFields};
use super::token::Unproved;
use super::{Hindrance, NotProved};
use crate::clock::Clock;
use crate::file::WebUrl;
use crate::name::{ConnectorName, WorkloadIssuerName};
use crate::sts::{Outbound, OutboundError};

/// Where an issuer is, exactly as its tokens say it in `iss`: a slash more is another issuer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct IssuerUrl {
    text: String,
    url: Url,
}

/// What is no issuer's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write the issuer's URL as its tokens have it in `iss`: https, without user, query or fragment (plain http on this machine alone)"
)]
pub struct IssuerUrlError;

/// Which system it is, and so which claims say whose a job is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    GithubActions(Hosted),
    Gitlab(Hosted),
    Buildkite(Hosted),
    Kubernetes(Own),
    Custom(Custom),
}

/// A service that many use; its own address where there is no other.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosted {
    #[serde(default)]
    url: Option<IssuerUrl>,
}

/// A cluster of one's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    url: IssuerUrl,
}

/// Any other issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    url: IssuerUrl,
    /// Which claim says whose a job is.
    tenant_claim: ClaimPath,
}

/// An issuer as the configuration says it, its files read.
#[derive(Debug)]
pub struct IssuerFields {
    pub name: WorkloadIssuerName,
    pub issuer: Preset,
    /// This installation's own value.
    pub audience: String,
    /// A certificate authority in PEM, beside those that the system trusts.
    pub ca_pem: Option<Vec<u8>>,
    /// Keys of a file, instead of those that the issuer says.
    pub keys: Option<KeySet>,
    /// Whether it may be on a network of our own.
    pub private_network: bool,
    pub mappings: Vec<MappingFields>,
}

/// An issuer that can be used.
#[derive(Debug)]
pub struct IssuerSettings {
    pub name: WorkloadIssuerName,
    pub url: IssuerUrl,
    pub audience: String,
    certificates: Vec<Certificate>,
    keys: Option<KeySet>,
    private_network: bool,
    mappings: Vec<Mapping>,
}

/// What is wrong with an issuer, and at which key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Url(#[from] IssuerUrlError),
    #[error("an audience has 1 to 255 characters: this installation's own, such as its public URL")]
    Audience,
    #[error("it is at a private address: say `private_network = true` if that is meant")]
    Private,
    #[error("it holds no certificate in PEM")]
    Ca,
    #[error("without a mapping it opens nothing: add a [[workload_issuer.mapping]]")]
    NoMapping,
    #[error("mapping {number}: {error}")]
    Mapping { number: usize, error: MappingError },
}

/// The way to an issuer cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("workload issuer `{0}`: no client can be made for it")]
    Client(WorkloadIssuerName),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

/// An issuer at work.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) settings: IssuerSettings,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Fixed(KeySet),
    Fetched(Fetched),
}

impl IssuerFields {
    /// What can be known without asking anybody. All mistakes at once.
    pub fn checked(self) -> Result<IssuerSettings, Vec<SettingsError>> {
        let url = self.issuer.url().map_err(|error| vec![SettingsError::Url(error)])?;
        let mut errors = Vec::new();
        if !(1..=255).contains(&self.audience.len()) {
            errors.push(SettingsError::Audience);
        }
        if !self.private_network && self.keys.is_none() && !url.may_be_public() {
            errors.push(SettingsError::Private);
        }
        let certificates = self.ca_pem.as_deref().map(Certificate::from_pem_bundle).transpose().unwrap_or_default();
        if self.ca_pem.is_some() && certificates.as_ref().is_none_or(Vec::is_empty) {
            errors.push(SettingsError::Ca);
        }
        if self.mappings.is_empty() {
            errors.push(SettingsError::NoMapping);
        }
        let mut mappings = Vec::new();
        for (number, fields) in (1..).zip(self.mappings) {
            match Mapping::new(fields, &self.issuer) {
                Ok(mapping) => mappings.push(mapping),
                Err(error) => errors.push(SettingsError::Mapping { number, error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let Self { name, audience, keys, private_network, .. } = self;
        let certificates = certificates.unwrap_or_default();
        Ok(IssuerSettings { name, url, audience, certificates, keys, private_network, mappings })
    }
}

impl IssuerSettings {
    /// By the first mapping that fits.
    /// What its jobs may have, by some mapping or other.
    pub fn connectors(&self) -> impl Iterator<Item = &ConnectorName> {
        self.mappings.iter().flat_map(Mapping::connectors)
    }

    pub(super) fn granted(&self, claims: &Claims) -> Result<Granted, NotProved> {
        self.mappings.iter().find_map(|mapping| mapping.granted(claims)).unwrap_or(Err(NotProved::NoMapping))
    }
}

impl Issuer {
    pub(super) fn new(
        mut settings: IssuerSettings,
        outbound: &Outbound,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let keys = if let Some(keys) = settings.keys.take() {
            Keys::Fixed(keys)
        } else {
            let fetch = Fetch::new(client(&settings, outbound)?, settings.url.clone());
            Keys::Fetched(Fetched::new(fetch, Arc::clone(clock)))
        };
        Ok(Self { settings, keys })
    }

    /// What a token claims, when the issuer has signed it.
    pub(super) async fn verify(&self, token: &Unproved<'_>) -> Result<Claims, NotProved> {
        let key = match &self.keys {
            Keys::Fixed(keys) => keys.get(&token.key_id, token.algorithm),
            Keys::Fetched(keys) => keys.get(&token.key_id, token.algorithm).await.map_err(|it| self.unavailable(it))?,
        };
        let key = key.ok_or(NotProved::Key)?;
        let mut validation = Validation::new(token.algorithm);
        // Times go by our own clock, and audience and issuer have been compared to the letter.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let verified = decode::<Value>(token.text, &key, &validation).map_err(|_| NotProved::Signature)?;
        Claims::new(verified.claims)
    }

    fn unavailable(&self, hindrance: Hindrance) -> NotProved {
        NotProved::Unavailable { issuer: self.settings.name.clone(), hindrance }
    }
}

fn client(settings: &IssuerSettings, outbound: &Outbound) -> Result<reqwest::Client, ClientError> {
    let builder = if settings.private_network {
        // On a network of our own there is no proxy on the way.
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy()
    } else {
        let host = settings.url.as_url().host_str().unwrap_or_default();
        outbound.builder()?.dns_resolver(PublicOnly::of(host))
    };
    // It is asked once in an hour: a connection that is kept would be closed by then.
    let builder = builder.tls_certs_merge(settings.certificates.iter().cloned()).pool_max_idle_per_host(0);
    builder.build().map_err(|_| ClientError::Client(settings.name.clone()))
}

impl Preset {
    pub fn url(&self) -> Result<IssuerUrl, IssuerUrlError> {
        let hosted = |hosted: &Hosted, usual: &str| hosted.url.clone().map_or_else(|| usual.to_owned().try_into(), Ok);
        match self {
            Self::GithubActions(it) => hosted(it, "https://token.actions.githubusercontent.com"),
            Self::Gitlab(it) => hosted(it, "https://gitlab.com"),
            Self::Buildkite(it) => hosted(it, "https://agent.buildkite.com"),
            Self::Kubernetes(it) => Ok(it.url.clone()),
            Self::Custom(it) => Ok(it.url.clone()),
        }
    }

    /// One of these must be bound to the letter. Ids, where there are any: names are given again.
    pub(super) fn tenant_claims(&self) -> Vec<ClaimPath> {
        let names: &[&str] = match self {
            Self::GithubActions(_) => &["repository_id", "repository_owner_id"],
            Self::Gitlab(_) => &["project_id", "namespace_id"],
            Self::Buildkite(_) => &["pipeline_id", "organization_id"],
            Self::Kubernetes(_) => &["sub", "/kubernetes.io/namespace"],
            Self::Custom(it) => return vec![it.tenant_claim.clone()],
        };
        names.iter().filter_map(|name| (*name).to_owned().try_into().ok()).collect()
    }

    /// What a stranger's pull request makes run is kept out by this claim's beginning.
    pub(super) fn event_claim(&self) -> Option<(ClaimPath, &'static str)> {
        match self {
            Self::GithubActions(_) => Some(("event_name".to_owned().try_into().ok()?, "pull_request")),
            Self::Gitlab(_) | Self::Buildkite(_) | Self::Kubernetes(_) | Self::Custom(_) => None,
        }
    }
}

impl IssuerUrl {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn as_url(&self) -> &Url {
        &self.url
    }

    pub(super) fn discovery(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", self.url.path().trim_end_matches('/')));
        url
    }

    /// What is written as an address says itself where it is; names are looked at when they are asked for.
    fn may_be_public(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(name)) => name != "localhost" && self.url.scheme() == "https",
            None => false,
        }
    }
}

impl TryFrom<String> for IssuerUrl {
    type Error = IssuerUrlError;

    fn try_from(text: String) -> Result<Self, IssuerUrlError> {
        let url = WebUrl::try_from(text.clone()).map_err(|_| IssuerUrlError)?.into_url();
        if text.len() > 512 || text.chars().any(char::is_whitespace) {
            Err(IssuerUrlError)
        } else {
            Ok(Self { text, url })
        }
    }
}

/// Two entries for the same tokens: which of them counts would be a matter of their order.
pub fn twice(issuers: &[IssuerSettings]) -> Option<(&IssuerSettings, &IssuerSettings)> {
    let mut seen = BTreeMap::new();
    issuers.iter().find_map(|issuer| {
        let before = seen.insert((issuer.url.as_str(), issuer.audience.as_str()), issuer)?;
        Some((before, issuer))
    })
}
