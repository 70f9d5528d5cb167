//! Where Crowd is: its base URL, and the addresses of its resources below it.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Crowd's base URL, such as `https://crowd.corp.example/crowd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base(Url);

/// Why a URL cannot be used. It is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    #[error("write Crowd's base URL with its path, such as https://crowd.corp.example/crowd")]
    Shape,
    #[error("a server's URL has no user name and no password in it: use `application` and `password`")]
    UserInfo,
    #[error("write https: http needs `plain_text_on_loopback = true` with the address 127.0.0.1 or [::1]")]
    PlainText,
}

impl Base {
    /// Plain text is possible with a literal loopback address only: a name like `localhost` is whatever a resolver says.
    pub(super) fn parse(text: &str, plain_text_on_loopback: bool) -> Result<Self, BaseError> {
        if text.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err(BaseError::Shape);
        }
        let url = Url::parse(text).map_err(|_| BaseError::Shape)?;
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(BaseError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() || url.port() == Some(0) {
            return Err(BaseError::Shape);
        }
        let loopback = match url.host().ok_or(BaseError::Shape)? {
            Host::Domain(_) => false,
            Host::Ipv4(address) => IpAddr::V4(address).is_loopback(),
            Host::Ipv6(address) => IpAddr::V6(address).is_loopback(),
        };
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if plain_text_on_loopback && loopback => Ok(Self(url)),
            "http" => Err(BaseError::PlainText),
            _ => Err(BaseError::Shape),
        }
    }

    pub(super) fn uses_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address of a resource for applications, by the parts of its path. What is in a part cannot become another part.
    pub(super) fn resource(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["rest", "usermanagement", "1"]).extend(path);
        }
        url
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_lie_below_the_base() {
        for (base, user) in [
            ("https://crowd.corp.example", "https://crowd.corp.example/rest/usermanagement/1/user"),
            ("https://crowd.corp.example/crowd", "https://crowd.corp.example/crowd/rest/usermanagement/1/user"),
            ("https://crowd.corp.example:8443/a/b/", "https://crowd.corp.example:8443/a/b/rest/usermanagement/1/user"),
        ] {
            assert_eq!(Base::parse(base, false).unwrap().resource(&["user"]).as_str(), user);
        }
        let base = Base::parse("https://crowd.corp.example/crowd", false).unwrap();
        let odd = base.resource(&["session", "a/../b?c#d"]);
        assert_eq!(odd.path(), "/crowd/rest/usermanagement/1/session/a%2F..%2Fb%3Fc%23d");
        assert_eq!((odd.query(), odd.fragment()), (None, None));
    }

    #[test]
    fn the_applications_password_goes_by_tls_or_stays_on_this_machine() {
        let parse = |text: &str, plain| Base::parse(text, plain).map(|base| base.uses_tls());
        assert_eq!(parse("https://crowd/crowd", true), Ok(true));
        for url in ["http://127.0.0.1:8095/crowd", "http://[::1]:8095/crowd", "http://127.8.9.10"] {
            assert_eq!(parse(url, true), Ok(false), "{url}");
            assert_eq!(parse(url, false), Err(BaseError::PlainText), "{url}");
        }
        for url in ["http://localhost:8095/crowd", "http://crowd/crowd", "http://0.0.0.0", "http://192.0.2.1"] {
            assert_eq!(parse(url, true), Err(BaseError::PlainText), "{url}");
        }
        for (url, why) in [
            ("", BaseError::Shape),
            ("crowd.corp.example", BaseError::Shape),
            ("https://", BaseError::Shape),
            ("https://crowd:0/", BaseError::Shape),
            ("https://crowd/ crowd", BaseError::Shape),
            ("https://crowd?x", BaseError::Shape),
            ("https://crowd#x", BaseError::Shape),
            ("ftp://crowd", BaseError::Shape),
            ("https://broker:secret@crowd", BaseError::UserInfo),
            ("https://@crowd", BaseError::UserInfo),
        ] {
            assert_eq!(parse(url, true), Err(why), "{url}");
        }
    }
}
