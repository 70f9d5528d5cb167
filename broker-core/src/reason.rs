//! Why somebody asks for credentials, in their own words: for the audit trail, and for nothing else.

use std::fmt;

use crate::character::is_hidden;

/// A reason that says something: at most 500 characters, one of them at least a letter or a digit, and none that is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// A text that the trail does not take as a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason has at most {MAX_CHARACTERS} characters and no control characters, nor others that nobody sees")]
pub struct ReasonError;

impl Reason {
    /// Reads what a caller gave. A text without a letter or digit says nothing, which is as good as none.
    pub fn parse(text: &str) -> Result<Option<Self>, ReasonError> {
        if text.chars().count() > MAX_CHARACTERS || text.chars().any(is_hidden) {
            return Err(ReasonError);
        }
        let says_something = text.chars().any(char::is_alphanumeric);
        Ok(says_something.then(|| Self(text.trim().to_owned())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const MAX_CHARACTERS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        let read = |text: &str| Reason::parse(text).unwrap().map(|reason| reason.to_string());
        assert_eq!(read(" ticket 4711 ").as_deref(), Some("ticket 4711"));
        assert_eq!(read("障害").as_deref(), Some("障害"));
        for blank in ["", " ", "\u{a0}\u{2003}", "...", "-", "\"\""] {
            assert_eq!(read(blank), None, "{blank:?}");
        }
    }

    #[test]
    fn it_is_short_and_without_control_characters() {
        assert!(Reason::parse(&"ü".repeat(500)).is_ok());
        for bad in
            ["x".repeat(501), " ".repeat(501), "two\nlines".to_owned(), "\u{0}".to_owned(), "\u{9b}2J".to_owned()]
        {
            assert_eq!(Reason::parse(&bad), Err(ReasonError), "{bad:?}");
        }
        for hidden in ["\u{200b}", "ticket \u{202e}1174", "ticket\u{2066} 4711", "ticket\u{2028}4711"] {
            assert_eq!(Reason::parse(hidden), Err(ReasonError), "{hidden:?}");
        }
    }
}
