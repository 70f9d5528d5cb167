//! An address that secrets may be sent to: https, or plain on this very machine.

use serde::Deserialize;
use url::{Host, Url};

/// An https URL, or an http one of this very machine; without user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WebUrl(Url);

/// The text is not such a URL. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebUrlError {
    #[error("write a URL, such as https://broker.corp.example")]
    NotAUrl,
    #[error("write https: plain http is for 127.0.0.1, [::1] and localhost only")]
    Plain,
    #[error("take the user and password out of the URL")]
    User,
    #[error("take `?…` and `#…` off the URL")]
    Query,
}

impl WebUrl {
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    pub fn into_url(self) -> Url {
        self.0
    }

    /// Whether the URL is a host alone, perhaps with a port.
    pub fn is_origin(&self) -> bool {
        self.0.path() == "/"
    }
}

impl TryFrom<String> for WebUrl {
    type Error = WebUrlError;

    fn try_from(text: String) -> Result<Self, WebUrlError> {
        let url = Url::parse(&text).map_err(|_| WebUrlError::NotAUrl)?;
        let (false, Some(host)) = (text.contains(char::is_whitespace), url.host()) else {
            return Err(WebUrlError::NotAUrl);
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(WebUrlError::Plain),
            _ => return Err(WebUrlError::NotAUrl),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebUrlError::User);
        }
        if url.query().is_some() || url.fragment().is_some() { Err(WebUrlError::Query) } else { Ok(Self(url)) }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_by_https_or_stay_here() {
        let parse = |text: &str| WebUrl::try_from(text.to_owned());
        for good in [
            "https://a.example",
            "https://a.example:8443/x",
            "http://127.0.0.1:1",
            "http://[::1]:1/",
            "http://localhost",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("http://a.example", WebUrlError::Plain),
            ("http://localhost.a.example", WebUrlError::Plain),
            ("http://0.0.0.0", WebUrlError::Plain),
            ("https://u:p@a.example", WebUrlError::User),
            ("https://u@a.example", WebUrlError::User),
            ("https://a.example?x", WebUrlError::Query),
            ("https://a.example#x", WebUrlError::Query),
            ("ftp://a.example", WebUrlError::NotAUrl),
            ("a.example", WebUrlError::NotAUrl),
            ("https://", WebUrlError::NotAUrl),
            ("https://a.example/a b", WebUrlError::NotAUrl),
            ("", WebUrlError::NotAUrl),
        ] {
            assert_eq!(parse(bad), Err(why), "{bad}");
        }
    }
}
