//! Where a broker answers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

use crate::failure::Failure;
use crate::text::Text;

/// An origin to which passwords may be sent: https, or http on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server(Url);

impl Server {
    /// `https://broker.corp.example`, by which it is known everywhere.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Its host, and its port where it has one, in characters that are fit for a section of a file and for the name of a folder.
    pub(crate) fn plain_name(&self) -> String {
        let origin = self.origin();
        let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
        let plain = |char: char| if char.is_ascii_alphanumeric() || matches!(char, '.' | '-') { char } else { '-' };
        host.chars().map(plain).collect()
    }

    /// One of its addresses; what stands between slashes is one segment, whatever is in it.
    pub(crate) fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url
    }

    /// Whether it is asked by http, with no certificate.
    pub(crate) fn is_in_clear(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether it is this machine, to which no proxy leads.
    pub(crate) fn is_here(&self) -> bool {
        is_here(&self.0)
    }
}

/// Whether an address is this machine's.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

impl FromStr for Server {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        // What is no URL of a broker may hold a secret: it is not repeated.
        let wrong = |why: &str| {
            Failure::mend(format!("the broker's URL {why}"), "it looks like https://broker.corp.example, with no path")
        };
        let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a name or a password in it"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("goes on behind the host"));
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_here(&url) => Ok(Self(url)),
            "http" => Err(wrong("begins with http, by which everybody on the way could read passwords")),
            _ => Err(wrong("does not begin with https")),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(&self.origin()).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_to_an_https_origin_or_stays_on_this_machine() {
        for good in [
            "https://broker.corp.example",
            "https://broker.corp.example:8443/",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1",
        ] {
            assert!(good.parse::<Server>().is_ok(), "{good}");
        }
        for bad in [
            "http://broker.corp.example",
            "http://127.0.0.1.corp.example",
            "http://localhost.corp.example",
            "https://ada:secret@broker.corp.example",
            "https://broker.corp.example/v1",
            "https://broker.corp.example/?a",
            "https://broker.corp.example/#a",
            "file:///etc/passwd",
            "broker.corp.example",
            "",
        ] {
            let failure = bad.parse::<Server>().unwrap_err().to_string();
            assert!(!failure.contains("secret"), "{bad}: {failure}");
        }
    }

    #[test]
    fn nothing_gets_out_of_its_segment() {
        let server: Server = "https://broker.corp.example".parse().unwrap();
        let url = server.at(&["v1", "connectors", "../admin?x#y", "credentials"]);
        assert_eq!(url.as_str(), "https://broker.corp.example/v1/connectors/..%2Fadmin%3Fx%23y/credentials");
    }
}
