//! CodeArtifact's GetAuthorizationToken: a password for the repositories of one domain, for as long as is asked.
//! <https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_GetAuthorizationToken.html>

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{RegistryPassword, is_password, moment};
use crate::arn::AccountId;
use crate::partition::Region;

/// The name of a domain: 2 to 50 of `a-z`, `0-9` and `-`, with a letter before and no `-` behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName(String);

/// A text that is no domain's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a CodeArtifact domain is named by 2 to 50 of a-z, 0-9 and `-`, begins with a letter and does not end with `-`"
)]
pub struct NotADomain;

/// How long a token is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLife {
    /// As long as the credentials that it is asked with, or a quarter of an hour: AWS gives none that lives shorter.
    AsTheCredentials,
    /// Whatever becomes of the credentials.
    Seconds(u32),
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) region: &'a Region,
    pub(super) domain: &'a DomainName,
    pub(super) owner: &'a AccountId,
    pub(super) life: TokenLife,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    authorization_token: SecretString,
    expiration: f64,
}

impl TryFrom<String> for DomainName {
    type Error = NotADomain;

    fn try_from(name: String) -> Result<Self, NotADomain> {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let ends_well = name.starts_with(|char: char| char.is_ascii_lowercase()) && !name.ends_with('-');
        if plain && ends_well && (2..=50).contains(&name.len()) { Ok(Self(name)) } else { Err(NotADomain) }
    }
}

impl DomainName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TokenLife {
    pub const MIN_SECONDS: u32 = 900;
    pub const MAX_SECONDS: u32 = 43_200;

    /// As AWS takes it.
    fn seconds(self, of_credentials: u32) -> u32 {
        match self {
            Self::AsTheCredentials => of_credentials.clamp(Self::MIN_SECONDS, Self::MAX_SECONDS),
            Self::Seconds(seconds) => seconds,
        }
    }
}

impl Wanted<'_> {
    /// Where it is asked for, with credentials that live so many seconds more.
    pub(super) fn url(&self, mut endpoint: Url, seconds_left: u32) -> Url {
        endpoint.set_path("/v1/authorization-token");
        endpoint
            .query_pairs_mut()
            .append_pair("domain", self.domain.as_str())
            .append_pair("domain-owner", self.owner.as_str())
            .append_pair("duration", &self.life.seconds(seconds_left).to_string());
        endpoint
    }

    /// The host of the domain's repositories: `FORMAT/REPOSITORY/` goes behind it.
    fn repositories(&self) -> String {
        let (domain, owner, region) = (self.domain.as_str(), self.owner.as_str(), self.region);
        format!("https://{domain}-{owner}.d.codeartifact.{region}.{}/", region.dns_suffix())
    }
}

pub(super) fn read(body: &[u8], wanted: &Wanted<'_>) -> Option<RegistryPassword> {
    let Given { authorization_token, expiration } = serde_json::from_slice(body).ok()?;
    let expires_at = moment(expiration)?;
    is_password(authorization_token.expose_secret()).then(|| RegistryPassword {
        username: "aws",
        password: authorization_token,
        url: wanted.repositories(),
        owner: wanted.owner.clone(),
        expires_at,
    })
}
