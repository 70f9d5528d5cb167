//! AWS's container registry (ECR): a password for docker, which AWS itself gives for credentials that the broker lent.

use std::str::FromStr;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::clock;
use crate::failure::{Failure, Next};
use crate::lent::{AccountId, Lent, Token};
use crate::out;
use crate::outbound::{self, Trust};
use crate::server::is_here;
use crate::site::variable;
use crate::text::Text;

/// A registry of one account in one region: `111111111111.dkr.ecr.eu-central-1.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registry {
    pub(crate) host: String,
    pub(crate) account: AccountId,
    place: Place,
}

/// Where a registry's passwords are to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    region: String,
    endpoint: String,
}

/// For the user `AWS`.
#[derive(Debug)]
pub(crate) struct Password {
    pub(crate) password: Token,
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    authorization_data: Vec<GivenToken>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenToken {
    authorization_token: SecretString,
    expires_at: Option<f64>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl FromStr for Registry {
    type Err = ();

    /// With `https://` before it and a path behind it or without, as docker writes it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let host = text.strip_prefix("https://").unwrap_or(text).split('/').next().unwrap_or_default();
        let (account, rest) = host.split_once(".dkr.").ok_or(())?;
        let (service, rest) = rest.split_once('.').ok_or(())?;
        let (region, domain) = rest.split_once('.').ok_or(())?;
        let account = AccountId::parse(account.to_owned()).map_err(|_| ())?;
        let place = Place::of(service == "ecr-fips", region, domain).filter(|_| matches!(service, "ecr" | "ecr-fips"));
        Ok(Self { host: host.to_owned(), account, place: place.ok_or(())? })
    }
}

impl Registry {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl Place {
    /// That of a region, by the partition that its name says.
    pub(crate) fn of_region(region: &str) -> Option<Self> {
        let domain = match region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        Self::of(false, region, domain)
    }

    fn of(fips: bool, region: &str, domain: &str) -> Option<Self> {
        let plain = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let is_region = plain && region.len() <= 32 && region.split('-').count() >= 3 && !region.contains("--");
        let known = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"].contains(&domain);
        let service = if fips { "ecr-fips" } else { "api.ecr" };
        (is_region && known)
            .then(|| Self { region: region.to_owned(), endpoint: format!("https://{service}.{region}.{domain}/") })
    }
}

/// Asks AWS. It lives for twelve hours, however short the credentials do.
pub(crate) async fn password(place: &Place, lent: &Lent) -> Result<Password, Failure> {
    let url = endpoint(place)?;
    let http = outbound::client(Trust::System, is_here(&url))?;
    let mut asked = http.post(url.clone()).header(CONTENT_TYPE, JSON).header(TARGET.0, TARGET.1).body(NOTHING);
    for (name, value) in signed(&url, place, lent).ok_or_else(|| no_ecr("nothing that can be signed"))? {
        asked = asked.header(name, value);
    }
    let unreachable = |error: reqwest::Error| {
        let said = format!("cannot reach AWS's container registry: {}", outbound::causes(&error));
        Failure::new(Next::TryLater, said, "see to the region and the network, or try again later")
    };
    let mut response =
        out::patiently("waiting for AWS's container registry", asked.send()).await.map_err(unreachable)?;
    let status = response.status();
    let body = outbound::body(&mut response).await.map_err(unreachable)?.ok_or_else(|| no_ecr("too much"))?;
    let body = Zeroizing::new(body);
    if status.is_success() {
        return read(&body).ok_or_else(|| no_ecr("no password"));
    }
    let Ok(Refused { kind, message }) = serde_json::from_slice(&body) else {
        return Err(no_ecr(&format!("status {}", status.as_u16())));
    };
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let said = format!("AWS refuses a password for its container registry: {}: {}", Text::of(kind), Text::of(&message));
    if status.is_server_error() || kind.starts_with("Throttling") {
        return Err(Failure::new(Next::TryLater, said, "try again later"));
    }
    Err(Failure::new(Next::AskFor, said, "the connector's rights must have ecr:GetAuthorizationToken"))
}

/// Where AWS's own clients would ask as well.
fn endpoint(place: &Place) -> Result<Url, Failure> {
    let named = ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"].into_iter().find_map(variable);
    let url = Url::parse(named.as_deref().unwrap_or(&place.endpoint)).ok();
    url.filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_here(url)))
        .ok_or_else(|| Failure::usage("AWS_ENDPOINT_URL is no https address", "unset it, or mend it"))
}

fn signed(url: &Url, place: &Place, lent: &Lent) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let (id, secret, token) = lent.keys();
    let identity = Credentials::new(id, secret, Some(token.to_owned()), None, "broker").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&place.region)
        .name("ecr")
        .time(SystemTime::from(clock::now()))
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    let headers = [("host", url.authority()), ("content-type", JSON), TARGET];
    let body = SignableBody::Bytes(NOTHING.as_bytes());
    let request = SignableRequest::new("POST", url.as_str(), headers.into_iter(), body).ok()?;
    let (instructions, _) = sign(request, &params).ok()?.into_parts();
    let header = |(name, value): (&str, &str)| {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some((name.parse().ok()?, value))
    };
    instructions.headers().map(header).collect()
}

fn read(body: &[u8]) -> Option<Password> {
    let Given { authorization_data } = serde_json::from_slice(body).ok()?;
    let GivenToken { authorization_token, expires_at } = authorization_data.into_iter().next()?;
    let pair = Zeroizing::new(STANDARD.decode(authorization_token.expose_secret()).ok()?);
    let password = std::str::from_utf8(pair.strip_prefix(b"AWS:")?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "AWS writes seconds as a number with a fraction")]
    let expires_at = expires_at.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    Some(Password { password: Token::parse(password.into())?, expires_at })
}

fn no_ecr(what: &str) -> Failure {
    let said = format!("AWS's container registry answered with {what}, which it never does");
    Failure::mend(said, "see to AWS_ENDPOINT_URL, and to what stands between")
}

const JSON: &str = "application/x-amz-json-1.1";
const TARGET: (&str, &str) = ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
const NOTHING: &str = "{}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_amazons_or_none() {
        for (good, endpoint) in [
            ("111111111111.dkr.ecr.eu-central-1.amazonaws.com", "https://api.ecr.eu-central-1.amazonaws.com/"),
            (
                "https://111111111111.dkr.ecr.us-gov-west-1.amazonaws.com/v2/",
                "https://api.ecr.us-gov-west-1.amazonaws.com/",
            ),
            ("111111111111.dkr.ecr-fips.us-east-1.amazonaws.com", "https://ecr-fips.us-east-1.amazonaws.com/"),
            ("111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn", "https://api.ecr.cn-north-1.amazonaws.com.cn/"),
        ] {
            let registry: Registry = good.parse().unwrap();
            assert_eq!((registry.place.endpoint.as_str(), registry.account.as_str()), (endpoint, "111111111111"));
        }
        for bad in [
            "",
            "docker.io",
            "https://index.docker.io/v1/",
            "111111111111.dkr.ecr.eu-central-1.evil.example",
            "111111111111.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
            "111111111111.dkr.ecr.evil.example/.amazonaws.com",
            "111111111111.dkr.ecr.a@b-c-d.amazonaws.com",
            "11111.dkr.ecr.eu-central-1.amazonaws.com",
            "111111111111.dkr.s3.eu-central-1.amazonaws.com",
            "http://111111111111.dkr.ecr.eu-central-1.amazonaws.com",
        ] {
            assert!(bad.parse::<Registry>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_password_of_amazons_is_one() {
        let told = |text: &str| {
            format!("{{\"authorizationData\":[{{\"authorizationToken\":\"{text}\",\"expiresAt\":1.7e9}}]}}")
        };
        let good = read(told(&STANDARD.encode("AWS:0123456789abcdef")).as_bytes()).unwrap();
        assert_eq!(good.password.expose(), "0123456789abcdef");
        for bad in ["", "!", &STANDARD.encode("root:0123456789abcdef"), &STANDARD.encode("AWS:a\nb0123456789abcdef")] {
            assert!(read(told(bad).as_bytes()).is_none(), "{bad}");
        }
        assert!(read(b"{\"authorizationData\":[]}").is_none());
    }
}
