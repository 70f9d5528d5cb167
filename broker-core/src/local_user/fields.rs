//! What stands in a local user's and a group's fields, parsed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::character::is_hidden;
use crate::id::LocalUserId;

/// The name that somebody signs in by. Capitals count for nothing when names are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// The second half of a group's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalGroupName(String);

/// What somebody is called by people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

/// A mail address, as far as it can be told without sending something there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// What a field does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAField {
    #[error(
        "not a user name: begin with a letter or a digit of ASCII, go on with those and `.`, `_`, `@`, `+`, `-`, 64 characters at most, and no UUID"
    )]
    UserName,
    #[error(
        "not a group's name: begin with a letter or a digit of ASCII, go on with those and `.`, `_`, `-`, 64 characters at most, and no UUID"
    )]
    GroupName,
    #[error("not a display name: no control characters, 1 to 256 characters")]
    DisplayName,
    #[error("not a mail address")]
    Email,
}

impl UserName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As names are compared.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl LocalGroupName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As names are compared.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl DisplayName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Upper and lower case do not count in names.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

impl TryFrom<String> for UserName {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        if is_name(&text, b"._@+-") { Ok(Self(text)) } else { Err(NotAField::UserName) }
    }
}

impl TryFrom<String> for LocalGroupName {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        if is_name(&text, b"._-") { Ok(Self(text)) } else { Err(NotAField::GroupName) }
    }
}

impl TryFrom<String> for DisplayName {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        let fits = !text.trim().is_empty() && text.chars().count() <= MAX_DISPLAY && !text.chars().any(is_hidden);
        if fits { Ok(Self(text)) } else { Err(NotAField::DisplayName) }
    }
}

impl TryFrom<String> for Email {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        let at = text.split_once('@');
        let halves = at.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let fits = text.len() <= MAX_EMAIL && !text.chars().any(|char| is_hidden(char) || char.is_whitespace());
        if halves && fits { Ok(Self(text)) } else { Err(NotAField::Email) }
    }
}

macro_rules! text {
    ($($field:ident),*) => {$(
        impl From<$field> for String {
            fn from(field: $field) -> Self {
                field.0
            }
        }

        impl fmt::Display for $field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text!(UserName, LocalGroupName, DisplayName, Email);

/// Plain ASCII, so that no name looks like another; and never what an id looks like, which stands in the same places of URLs.
fn is_name(text: &str, marks: &[u8]) -> bool {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte));
    begins && fits && text.len() <= MAX_NAME && text.parse::<LocalUserId>().is_err()
}

const MAX_NAME: usize = 64;
const MAX_DISPLAY: usize = 256;
/// RFC 5321, 4.5.3.1: 64 before the sign, 255 after it.
const MAX_EMAIL: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_looks_like_no_other_and_like_no_id() {
        let user = |text: &str| UserName::try_from(text.to_owned());
        for good in ["ada", "Ada.Lovelace", "ada@corp.example", "a+b", "7", &"x".repeat(64)] {
            assert!(user(good).is_ok(), "{good}");
        }
        for bad in
            ["", " ada", "ada ", "-a", "@a", "a/b", "a\\b", "a b", "\u{430}da", "a\u{0}", "a%2fb", &"x".repeat(65)]
        {
            assert_eq!(user(bad), Err(NotAField::UserName), "{bad}");
        }
        for id in ["0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d", "0190a5c87f4e7b3a9d2c1e5f6a7b8c9d"] {
            assert!(user(id).is_err() && LocalGroupName::try_from(id.to_owned()).is_err(), "{id}");
        }
        assert!(LocalGroupName::try_from("a@b".to_owned()).is_err());
        assert_eq!(user("ADA").unwrap().folded(), "ada");
    }

    #[test]
    fn display_names_and_addresses_hide_nothing() {
        let display = |text: &str| DisplayName::try_from(text.to_owned());
        assert!(display("Ada Lovelace").is_ok() && display("Größe 漢").is_ok());
        for bad in ["", " ", "\u{1b}[2J", "a\u{202e}b", &"x".repeat(257)] {
            assert!(display(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "ada",
            "@corp.example",
            "ada@",
            "ada@corp example",
            "ada@\u{200b}corp.example",
            &format!("a@{}", "x".repeat(320)),
        ] {
            assert!(Email::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
