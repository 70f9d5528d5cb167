//! The names of connectors: fit for a URL, a file's name, an AWS profile and a shell.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::Text;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ConnectorName(String);

#[derive(Debug)]
pub(crate) struct NotAName(Text);

impl std::error::Error for NotAName {}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        write!(f, "`{text}` is not the name of a connector: a-z, 0-9, `.`, `_` and `-`, 63 characters at most")
    }
}

impl ConnectorName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectorName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let mut bytes = text.bytes();
        let fits = text.len() <= 63
            && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAName(Text::of(text))) }
    }
}

impl TryFrom<String> for ConnectorName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        text.parse()
    }
}

impl From<ConnectorName> for String {
    fn from(name: ConnectorName) -> Self {
        name.0
    }
}

impl fmt::Display for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gets_out_of_nothing_that_it_is_put_into() {
        for good in ["a", "0", "deploy", "team.deploy_eu-1", &"a".repeat(63)] {
            assert!(good.parse::<ConnectorName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", "Deploy", "a/b", "a b", "a\n", "a]", "ä", "a'", "\u{1b}[2J", &"a".repeat(64)]
        {
            assert!(bad.parse::<ConnectorName>().is_err(), "{bad}");
        }
    }
}
