//! A directory's own sessions in browsers, where the broker takes the directory's word for who that is.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Attested, Refusal, Unavailable};

/// A directory that signs people in by itself, for all applications of a domain.
#[async_trait]
pub trait SingleSignOn: Send + Sync {
    /// The name of the cookie in which browsers show such a session, if there is one.
    async fn cookie(&self) -> Result<Option<String>, Unavailable>;

    /// Whose session it is, if it was begun at this address: one that was copied to another machine is nobody's.
    async fn vouch(&self, token: &SsoToken, address: IpAddr) -> Result<Vouched, Unavailable>;
}

/// What a directory says of a session that a browser shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Vouched {
    /// No session of its own, or not one for that address.
    Nobody,
    /// Somebody's, who is not let in all the same.
    Refused(Refusal),
    /// Read just now, with groups.
    Somebody {
        attested: Box<Attested>,
        /// When the session was begun there, where the directory says so.
        since: Option<Timestamp>,
    },
}

/// A token as a browser showed it: of bearable length, and nothing that anybody could mistake for something else in an address.
#[derive(Clone)]
pub struct SsoToken(SecretString);

impl SsoToken {
    pub fn parse(text: &SecretString) -> Option<Self> {
        let shown = text.expose_secret();
        let fits = (8..=512).contains(&shown.len())
            && shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+=:|".contains(&byte));
        fits.then(|| Self(text.clone()))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SsoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SsoToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_part_of_an_address_and_nothing_else() {
        let parse = |text: &str| SsoToken::parse(&SecretString::from(text)).is_some();
        assert!(parse("NdLyVs00-Zm9v.YmFy~00"));
        for bad in [
            "",
            "..",
            "../../../user",
            "token/../user",
            "token?x=1",
            "token%2f..",
            "tok en 00",
            "t\u{e9}kentoken",
            "token\r\nx",
        ] {
            assert!(!parse(bad), "{bad:?}");
        }
        assert!(!parse(&"a".repeat(513)));
        assert!(!format!("{:?}", SsoToken::parse(&SecretString::from("abcdefgh")).unwrap()).contains("abc"));
    }
}
