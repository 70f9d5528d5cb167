//! The Elastic Container Registry's one call, GetAuthorizationToken, whose answer holds a user and a password in one.
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{RegistryPassword, is_password, moment};
use crate::arn::AccountId;
use crate::partition::Region;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    authorization_data: Vec<Authorization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    #[serde(rename = "authorizationToken")]
    pair: SecretString,
    expires_at: f64,
    proxy_endpoint: String,
}

pub(super) fn read(body: &[u8], region: &Region) -> Option<RegistryPassword> {
    let Given { authorization_data } = serde_json::from_slice(body).ok()?;
    let given = authorization_data.into_iter().next()?;
    let pair = Zeroizing::new(STANDARD.decode(given.pair.expose_secret()).ok()?);
    let password = std::str::from_utf8(pair.strip_prefix(b"AWS:")?).ok().filter(|text| is_password(text))?;
    let (url, expires_at) = (given.proxy_endpoint, moment(given.expires_at)?);
    let owner = owner_of(&url, region)?;
    Some(RegistryPassword { username: "AWS", password: password.into(), url, owner, expires_at })
}

/// Of Amazon's registry of this region and no other: people give it to docker on a command line, and docker the password to it.
fn owner_of(url: &str, region: &Region) -> Option<AccountId> {
    let end = format!(".dkr.ecr.{region}.{}", region.dns_suffix());
    AccountId::try_from(url.strip_prefix("https://")?.strip_suffix(&end)?.to_owned()).ok()
}

pub(super) const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"),
];
/// Naming registries is deprecated: one password is for all of them that the caller may use.
pub(super) const NOTHING: &str = "{}";
