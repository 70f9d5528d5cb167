//! The proxies on the way to AWS: which one a request goes by, and what is wrong with one. Told without its password.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

use super::OutboundError;

/// A configured proxy, for everything that goes to AWS.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// A scheme, a host and perhaps a port; never a user or password.
    pub url: Url,
    pub login: Option<ProxyLogin>,
    /// What is reached without it.
    pub past: Vec<PastProxy>,
}

/// What a proxy is told about who asks (Basic).
#[derive(Clone, Debug)]
pub struct ProxyLogin {
    pub username: String,
    pub password: SecretString,
}

/// Hosts that are reached without the proxy: a host and all below it, an address, a network, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PastProxy(String);

/// The text names no such hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPastProxy {
    #[error("write .corp.example for all hosts below a domain, without `*`")]
    Wildcard,
    #[error(
        "write a host, a domain such as .corp.example, an address, a network such as 10.0.0.0/8, or \"*\"; no scheme, no port"
    )]
    Unknown,
}

/// Which proxy a request goes by, as the SDK's connections and the few beside them decide it.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Arc<Matcher>);

/// The way to AWS ends at the proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proxy {proxy} {why}")]
pub struct ProxyFailure {
    /// Scheme, host and port.
    proxy: String,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Why {
    #[error("wants a user and a password that it knows (407): correct `username` and `password` of `aws.proxy`")]
    Login,
    #[error("cannot be reached, or its certificate is not trusted: look at `url` of `aws.proxy`, and at the proxy")]
    Unreachable,
    #[error("did not let us through in time: look at the proxy")]
    Silent,
    #[error(
        "does not let us through to AWS, or is no HTTP proxy: look at `url` of `aws.proxy`, and at what it permits"
    )]
    Closed,
}

impl TryFrom<String> for PastProxy {
    type Error = NotPastProxy;

    fn try_from(text: String) -> Result<Self, NotPastProxy> {
        let domain = text.strip_prefix('.').unwrap_or(&text);
        let is_address = || text.parse::<IpNet>().is_ok() || text.parse::<std::net::IpAddr>().is_ok();
        // The list of them is separated by commas.
        let is_plain = domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        let is_host = || is_plain && matches!(Host::parse(domain), Ok(Host::Domain(_)));
        match text.as_str() {
            "*" => Ok(Self(text)),
            wild if wild.contains('*') => Err(NotPastProxy::Wildcard),
            _ if is_address() || is_host() => Ok(Self(text)),
            _ => Err(NotPastProxy::Unknown),
        }
    }
}

impl fmt::Display for PastProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Proxy {
    /// As the matcher and the SDK read it.
    pub(super) fn past(&self) -> String {
        self.past.iter().map(PastProxy::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Proxies {
    pub(super) fn configured(proxy: &Proxy) -> Self {
        Self(Arc::new(Matcher::builder().all(proxy.url.as_str()).no(proxy.past()).build()))
    }

    /// Those of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. One that could not be gone by is an error: the libraries
    /// would go past it without a word.
    pub(super) fn of_environment() -> Result<Self, OutboundError> {
        for names in VARIABLES {
            let set = names.iter().find_map(|name| Some((*name, std::env::var_os(name)?)));
            if let Some((name, value)) = set
                && !value.is_empty()
                && !value.to_str().is_some_and(leads_somewhere)
            {
                return Err(OutboundError::Environment(name));
            }
        }
        Ok(Self(Arc::new(Matcher::from_env())))
    }

    /// The proxy for a request to this address, without its password.
    fn toward(&self, uri: &str) -> Option<String> {
        let proxy = self.0.intercept(&uri.parse::<Uri>().ok()?)?;
        let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?);
        Some(format!("{scheme}://{authority}"))
    }

    /// What a connection's failure says about the proxy; nothing where it is not the proxy that failed.
    pub(super) fn blame(&self, uri: &str, error: &(dyn Error + 'static), is_timeout: bool) -> Option<ProxyFailure> {
        let proxy = self.toward(uri)?;
        let tunnel = causes(error).find_map(|cause| cause.to_string().strip_prefix(TUNNEL).map(str::to_owned));
        let why = match tunnel.as_deref() {
            Some("proxy authorization required") => Why::Login,
            _ if is_timeout => Why::Silent,
            Some("failed to create underlying connection") => Why::Unreachable,
            Some(_) => Why::Closed,
            // Plain HTTP goes without a tunnel: the whole connection is the proxy's.
            None if uri.starts_with("http:") => Why::Unreachable,
            None => return None,
        };
        Some(ProxyFailure { proxy, why })
    }

    /// What an answer's status says about the proxy: AWS never sends this one.
    pub(super) fn blame_status(&self, uri: &str, status: u16) -> Option<ProxyFailure> {
        if status != PROXY_AUTHENTICATION_REQUIRED {
            return None;
        }
        Some(ProxyFailure { proxy: self.toward(uri)?, why: Why::Login })
    }
}

impl ProxyFailure {
    /// Whether the next attempt may find it otherwise.
    pub(super) fn may_pass(&self) -> bool {
        self.why != Why::Login
    }

    /// The one in an error's causes, where there is one.
    pub(crate) fn among<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether the libraries read a proxy in it, and the one that its writer meant: a password with a `/` in it ends the host early.
fn leads_somewhere(value: &str) -> bool {
    let matcher = Matcher::builder().all(value).build();
    let is_read = matcher.intercept(&Uri::from_static("https://sts.amazonaws.com")).is_some();
    let with_scheme = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let is_meant = |url: Url| {
        matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    };
    is_read && Url::parse(&with_scheme).is_ok_and(is_meant)
}

/// In the order in which each is looked for.
const VARIABLES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];
/// How hyper's errors about a tunnel begin. Their type is not public.
const TUNNEL: &str = "tunnel error: ";
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;

#[cfg(test)]
mod tests {
    use super::*;

    fn past(text: &str) -> Result<PastProxy, NotPastProxy> {
        text.to_owned().try_into()
    }

    #[test]
    fn what_would_match_nothing_is_refused() {
        let good = [
            "localhost",
            ".corp.example",
            "corp.example",
            "Corp.Example",
            "10.1.2.3",
            "10.0.0.0/8",
            "::1",
            "fd00::/8",
            "*",
        ];
        for good in good {
            assert!(past(good).is_ok(), "{good}");
        }
        for wild in ["*.corp.example", "sts.*", "10.0.*"] {
            assert_eq!(past(wild), Err(NotPastProxy::Wildcard), "{wild}");
        }
        for bad in
            ["", ".", "a b", "host:443", "https://host", "a,b", "10.0.0.0/33", "[::1]", "10.0.0.256", "é.example"]
        {
            assert_eq!(past(bad), Err(NotPastProxy::Unknown), "{bad:?}");
        }
    }

    #[test]
    fn a_domain_stands_for_all_hosts_below_it_and_for_no_other() {
        let proxy = Proxy {
            url: "http://proxy.corp.example:3128".parse().unwrap(),
            login: None,
            past: [".aws.corp.example", "vpce.example", "10.0.0.0/8", "fd00::/8"]
                .map(|text| past(text).unwrap())
                .to_vec(),
        };
        let proxies = Proxies::configured(&proxy);
        for direct in [
            "https://sts.aws.corp.example/",
            "https://a.b.aws.corp.example:8443",
            "https://STS.vpce.example",
            "https://vpce.example",
            "https://10.1.2.3/",
            "https://[fd00:ec2::1]/",
        ] {
            assert_eq!(proxies.toward(direct), None, "{direct}");
        }
        for through in [
            "https://sts.amazonaws.com",
            "https://notvpce.example",
            "https://vpce.example.org",
            "https://aws.corp.example.org",
            "https://11.0.0.1",
            "https://[fe00::1]",
            "http://sts.amazonaws.com",
        ] {
            assert_eq!(proxies.toward(through).as_deref(), Some("http://proxy.corp.example:3128"), "{through}");
        }
    }

    #[test]
    fn a_proxy_of_the_environment_is_the_one_that_its_writer_meant() {
        for good in [
            "http://proxy:3128",
            "proxy.corp.example:3128",
            "https://u:p%2Fq@proxy:3128/",
            "http://u@10.0.0.1",
            "http://[::1]:1",
        ] {
            assert!(leads_somewhere(good), "{good}");
        }
        for bad in [
            "http://u:p/q@proxy:3128",
            "http://u:p#q@proxy",
            "http://u:p?q@proxy",
            "socks5://proxy",
            "http://",
            "http://a b",
            "/x",
            "ftp://proxy",
        ] {
            assert!(!leads_somewhere(bad), "{bad}");
        }
    }
}
