//! One LDAP server: its address, and how the connection to it is kept secret.

use std::net::IpAddr;

use rustls_pki_types::ServerName;
use url::Url;

/// Where a server is and how to talk to it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Without brackets, also where it is an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    shown: String,
}

/// How a connection is kept secret.
#[derive(Clone, Debug)]
pub(super) enum Security {
    /// TLS from the first byte (`ldaps`). The certificate must be for this name.
    Tls(ServerName<'static>),
    /// TLS after asking for it (RFC 4511, 4.14). A refusal is an error: nothing is ever sent without it.
    StartTls(ServerName<'static>),
    /// None. Loopback only.
    Plain,
}

/// Why the address of a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("write ldaps://HOST or ldap://HOST, with :PORT where it is not the usual one, and nothing after it")]
    Shape,
    #[error("a server's address has no user name and no password in it: use `bind_dn` and `bind_password`")]
    UserInfo,
    #[error("the host is neither a name nor an address that a certificate could hold")]
    Host,
    #[error("ldap:// needs `starttls = true`, or `plain_text_on_loopback = true` with the address 127.0.0.1 or [::1]")]
    PlainText,
    #[error("`starttls` goes with ldap:// only: ldaps:// is TLS from the start")]
    StartTlsOverTls,
}

impl Server {
    /// Reads an address. Plain text is possible with a literal loopback address only: a name like `localhost` is whatever a
    /// resolver says.
    pub(super) fn parse(text: &str, starttls: bool, plain_text_on_loopback: bool) -> Result<Self, UrlError> {
        if text.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err(UrlError::Shape);
        }
        let url = Url::parse(text).map_err(|_| UrlError::Shape)?;
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(UrlError::UserInfo);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(UrlError::Shape);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(UrlError::Shape)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase();
        let name = ServerName::try_from(host.clone()).map_err(|_| UrlError::Host)?;
        let (security, usual_port) = match (url.scheme(), starttls) {
            ("ldaps", true) => return Err(UrlError::StartTlsOverTls),
            ("ldaps", false) => (Security::Tls(name), 636),
            ("ldap", true) => (Security::StartTls(name), 389),
            ("ldap", false) if plain_text_on_loopback && is_loopback(&host) => (Security::Plain, 389),
            ("ldap", false) => return Err(UrlError::PlainText),
            _ => return Err(UrlError::Shape),
        };
        let port = url.port().unwrap_or(usual_port);
        if port == 0 {
            return Err(UrlError::Shape);
        }
        let shown = format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default());
        Ok(Self { host, port, security, shown })
    }

    /// The same server, whose certificate is for another name than its address.
    pub(super) fn called(mut self, name: ServerName<'static>) -> Self {
        self.security = match self.security {
            Security::Tls(_) => Security::Tls(name),
            Security::StartTls(_) => Security::StartTls(name),
            Security::Plain => Security::Plain,
        };
        self
    }

    pub(super) fn uses_tls(&self) -> bool {
        match self.security {
            Security::Tls(_) | Security::StartTls(_) => true,
            Security::Plain => false,
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_kinds_are_understood() {
        for (url, starttls, host, port) in [
            ("ldaps://LDAP.corp.example", false, "ldap.corp.example", 636),
            ("ldaps://ldap.corp.example:1636/", false, "ldap.corp.example", 1636),
            ("ldap://ldap.corp.example", true, "ldap.corp.example", 389),
            ("ldaps://192.0.2.7", false, "192.0.2.7", 636),
            ("ldaps://[2001:db8::7]:1636", false, "2001:db8::7", 1636),
            ("LDAPS://ldap", false, "ldap", 636),
        ] {
            let server = Server::parse(url, starttls, false).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{url}");
            assert!(server.uses_tls());
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for (url, why) in [
            ("", UrlError::Shape),
            ("ldap.corp.example", UrlError::Shape),
            ("ldaps://", UrlError::Shape),
            ("ldaps:///dc=corp", UrlError::Shape),
            ("ldaps://host/dc=corp", UrlError::Shape),
            ("ldaps://host?x", UrlError::Shape),
            ("ldaps://host#x", UrlError::Shape),
            ("ldaps://ho st", UrlError::Shape),
            ("ldaps://host:0", UrlError::Shape),
            ("ldaps://host:99999", UrlError::Shape),
            ("https://host", UrlError::Shape),
            ("ldapi://%2fvar%2frun", UrlError::Host),
            ("ldaps://user:secret@host", UrlError::UserInfo),
            ("ldaps://@host", UrlError::UserInfo),
            ("ldaps://a_b%20c", UrlError::Host),
            ("ldap://host", UrlError::PlainText),
        ] {
            assert_eq!(Server::parse(url, false, false).unwrap_err(), why, "{url}");
        }
        assert_eq!(Server::parse("ldaps://host", true, false).unwrap_err(), UrlError::StartTlsOverTls);
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        for url in ["ldap://127.0.0.1", "ldap://127.8.9.10:1389", "ldap://[::1]"] {
            assert!(!Server::parse(url, false, true).unwrap().uses_tls(), "{url}");
            assert_eq!(Server::parse(url, false, false).unwrap_err(), UrlError::PlainText, "{url}");
            assert!(Server::parse(url, true, true).unwrap().uses_tls(), "{url} with StartTLS");
        }
        for url in [
            "ldap://localhost",
            "ldap://127.0.0.1.example",
            "ldap://192.0.2.1",
            "ldap://[2001:db8::1]",
            "ldap://0.0.0.0",
        ] {
            assert_eq!(Server::parse(url, false, true).unwrap_err(), UrlError::PlainText, "{url}");
        }
    }
}
