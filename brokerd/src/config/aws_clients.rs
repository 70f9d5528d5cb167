//! What AWS's own clients are told: names of accounts, and whom to ask for what one may not use.

use std::collections::BTreeMap;

use broker_core::arn::AccountId;
use broker_core::character::is_hidden;
use serde::Deserialize;

/// How AWS's own clients are met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsClients {
    /// A sentence that comes with every refusal.
    pub access_help: Option<String>,
    /// What people call the accounts; one without a name is called by its number.
    pub account_names: BTreeMap<AccountId, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AwsClientsFields {
    pub(super) access_help: Option<Words>,
    pub(super) account_names: BTreeMap<AccountId, Words>,
}

/// A line that people read on a terminal.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Words(String);

impl TryFrom<String> for Words {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX).contains(&text.chars().count()) && !text.trim().is_empty();
        if fits && !text.chars().any(is_hidden) {
            Ok(Self(text))
        } else {
            Err("write one line of 1 to 200 characters, none of them invisible")
        }
    }
}

impl From<AwsClientsFields> for AwsClients {
    fn from(fields: AwsClientsFields) -> Self {
        let named = fields.account_names.into_iter().map(|(account, Words(name))| (account, name));
        Self { access_help: fields.access_help.map(|Words(text)| text), account_names: named.collect() }
    }
}

const MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_is_one_line_that_shows_all_of_itself() {
        let parse = |text: &str| Words::try_from(text.to_owned());
        assert!(parse("Ask in #cloud, https://wiki.corp.example/aws").is_ok());
        for bad in ["", "  ", "two\nlines", "a\u{202e}b", "\u{1b}[2J", &"x".repeat(201)] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
