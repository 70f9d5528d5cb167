//! Where a code may go: a listener on the person's own machine, by its address and never by a name (RFC 8252, section 7.3).

/// A redirect as a client registers it: which loopback address and exactly which path. The port counts for nothing, since clients take
/// whichever is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    host: Host,
    path: String,
}

/// The redirect of one request, with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    redirect: Redirect,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    V4,
    V6,
}

/// A redirect that leads elsewhere, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a redirect is http://127.0.0.1/PATH or http://[::1]/PATH, with or without a port, and nothing else")]
pub struct NotLoopback;

impl Redirect {
    /// Reads what a client registers.
    pub fn parse(text: &str) -> Result<Self, NotLoopback> {
        Callback::parse(text).map(|callback| callback.redirect)
    }

    /// As a client may register it.
    pub fn written(&self) -> String {
        format!("http://{}{}", self.host.as_str(), self.path)
    }
}

impl Callback {
    /// Reads to the letter: whatever a URL may hold besides is refused, so that nothing is left to read differently.
    pub fn parse(text: &str) -> Result<Self, NotLoopback> {
        let rest = text.strip_prefix("http://").ok_or(NotLoopback)?;
        let mut hosts = [Host::V4, Host::V6].into_iter();
        let (host, rest) = hosts.find_map(|host| Some((host, rest.strip_prefix(host.as_str())?))).ok_or(NotLoopback)?;
        let path_at = rest.find('/').ok_or(NotLoopback)?;
        let (port, path) = rest.split_at(path_at);
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(port_of(digits).ok_or(NotLoopback)?),
            None if port.is_empty() => None,
            None => return Err(NotLoopback),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let climbs = path.split('/').any(|part| part == "." || part == "..");
        if path.len() > MAX_PATH || climbs || !path.bytes().all(plain) {
            return Err(NotLoopback);
        }
        Ok(Self { redirect: Redirect { host, path: path.to_owned() }, port })
    }

    /// Whether it is one of those that were registered.
    pub fn is_one_of(&self, registered: &[Redirect]) -> bool {
        registered.contains(&self.redirect)
    }

    /// Whether it has exactly this path.
    pub fn is_at(&self, path: &str) -> bool {
        self.redirect.path == path
    }

    /// Scheme, address and port.
    pub fn origin(&self) -> String {
        let host = self.redirect.host.as_str();
        self.port.map_or_else(|| format!("http://{host}"), |port| format!("http://{host}:{port}"))
    }

    /// Whether the address is an IPv6 one, which not every grammar of a browser's can say.
    pub fn is_v6(&self) -> bool {
        self.redirect.host == Host::V6
    }
}

impl std::fmt::Display for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin(), self.redirect.path)
    }
}

impl Host {
    fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "127.0.0.1",
            Self::V6 => "[::1]",
        }
    }
}

fn port_of(digits: &str) -> Option<u16> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

const MAX_PATH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_named_by_its_address() {
        for good in [
            "http://127.0.0.1/oauth/callback",
            "http://127.0.0.1:49152/oauth/callback",
            "http://[::1]:1/oauth/callback",
            "http://[::1]/",
        ] {
            assert_eq!(Callback::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn every_other_place_is_refused() {
        for bad in [
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:80",
            "https://127.0.0.1/oauth/callback",
            "HTTP://127.0.0.1/oauth/callback",
            "http://localhost/oauth/callback",
            "http://localhost.evil.example/oauth/callback",
            "http://127.0.0.1.evil.example/oauth/callback",
            "http://127.0.0.1:80.evil.example/oauth/callback",
            "http://127.0.0.1@evil.example/oauth/callback",
            "http://127.0.0.1:80@evil.example/oauth/callback",
            "http://evil.example/oauth/callback",
            "http://evil.example#http://127.0.0.1/",
            "http://127.1/oauth/callback",
            "http://127.0.0.2/oauth/callback",
            "http://0x7f000001/oauth/callback",
            "http://2130706433/oauth/callback",
            "http://[::ffff:127.0.0.1]/oauth/callback",
            "http://[0:0:0:0:0:0:0:1]/oauth/callback",
            "http://[::1%25lo]/oauth/callback",
            "http://127.0.0.1:/oauth/callback",
            "http://127.0.0.1:0/oauth/callback",
            "http://127.0.0.1:080/oauth/callback",
            "http://127.0.0.1:65536/oauth/callback",
            "http://127.0.0.1:+80/oauth/callback",
            "http://127.0.0.1\\@evil.example/oauth/callback",
            "http://127.0.0.1/oauth/callback?next=x",
            "http://127.0.0.1/oauth/callback#x",
            "http://127.0.0.1/oauth/%63allback",
            "http://127.0.0.1/oauth/../callback",
            "http://127.0.0.1/oauth/./callback",
            "http://127.0.0.1/oauth/callback\r\nX: y",
            " http://127.0.0.1/oauth/callback",
            "http:127.0.0.1/oauth/callback",
            "http:///127.0.0.1/oauth/callback",
            "http://user@127.0.0.1/",
            "javascript:alert(1)",
        ] {
            assert_eq!(Callback::parse(bad), Err(NotLoopback), "{bad:?}");
        }
        assert!(Callback::parse(&format!("http://127.0.0.1/{}", "a".repeat(MAX_PATH))).is_err());
    }

    #[test]
    fn only_the_port_may_differ_from_what_was_registered() {
        let registered = [Redirect::parse("http://127.0.0.1/oauth/callback").unwrap()];
        let is_one = |text: &str| Callback::parse(text).unwrap().is_one_of(&registered);
        assert!(is_one("http://127.0.0.1:5000/oauth/callback") && is_one("http://127.0.0.1/oauth/callback"));
        for other in [
            "http://[::1]:5000/oauth/callback",
            "http://127.0.0.1:5000/oauth/callback/",
            "http://127.0.0.1:5000/oauth//callback",
            "http://127.0.0.1:5000/oauth/callbac",
            "http://127.0.0.1:5000/",
        ] {
            assert!(!is_one(other), "{other}");
        }
    }
}
