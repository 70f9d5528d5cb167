//! What may stand in a profile: text that gets out of no head and no line, and that no client misreads.

use std::str::FromStr;

use crate::failure::Failure;
use crate::lent::AccountId;
use crate::name::ConnectorName;
use crate::text::is_hidden;

/// What a profile is called: text that gets out of no head, and that no client misreads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProfileName(String);

/// `{connector}-{account}`
#[derive(Clone, Debug)]
pub(crate) struct Template(String);

/// What may stand behind a key: one line, with nothing that some client takes for a comment.
#[derive(Clone, Debug)]
pub(crate) struct Value(String);

impl ProfileName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Template {
    pub(crate) fn name(&self, connector: &ConnectorName, account: Option<&AccountId>) -> Result<ProfileName, Failure> {
        if account.is_none() && self.0.contains("{account}") {
            let said = format!("nobody knows the account of `{connector}`");
            return Err(Failure::usage(said, "use {connector} alone in --profile"));
        }
        let name = self.0.replace("{connector}", connector.as_str());
        Ok(ProfileName(name.replace("{account}", account.map_or("", AccountId::as_str))))
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.replace("{connector}", "").replace("{account}", "");
        let fits =
            plain.len() <= 64 && plain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !fits {
            return Err("use {connector}, {account}, letters, digits, `.`, `_` and `-`".to_owned());
        }
        if text.contains('{') {
            Ok(Self(text.to_owned()))
        } else {
            Err("use {connector}: all profiles would have one name".to_owned())
        }
    }
}

impl Value {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn followed_by(&self, plain: &str) -> Self {
        Self(format!("{} {plain}", self.0))
    }
}

impl FromStr for Value {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err("a region is as in eu-central-1".to_owned()) }
    }
}

/// Words as AWS's clients take them apart; nothing where one of them cannot be written so that all of them read the same.
pub(crate) fn command_line(words: &[&str]) -> Option<Value> {
    let quoted = |word: &&str| {
        let hidden =
            |char: char| is_hidden(char) || matches!(char, '"' | '\'' | '\\' | '[' | ']' | '#' | ';' | '%' | '$' | '`');
        // A backslash is a path's on Windows, and is read there as it is.
        let allowed = |char: char| !hidden(char) || (cfg!(windows) && char == '\\');
        if word.is_empty() || !word.chars().all(allowed) {
            return None;
        }
        Some(if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
    };
    Some(Value(words.iter().map(quoted).collect::<Option<Vec<_>>>()?.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_line() {
        for bad in ["", "{connector}]\n[x", "{x}", "a", "{connector} b", "ä{connector}"] {
            assert!(bad.parse::<Template>().is_err(), "{bad}");
        }
        assert_eq!(command_line(&["/opt/a b/broker", "--url"]).unwrap().0, "\"/opt/a b/broker\" --url");
        for bad in ["", "a\nb", "a\"b", "a'b", "a #b", "a;b", "a\u{1b}b", "a\u{202e}b", "a]b"] {
            assert!(command_line(&["broker", bad]).is_none(), "{bad}");
        }
        for bad in ["", "eu central", "eu\nx = y", "[eu]"] {
            assert!(bad.parse::<Value>().is_err(), "{bad}");
        }
    }
}
