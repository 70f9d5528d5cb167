//! What AWS's own clients are told: names of accounts, and whom to ask for what one may not use.

use std::collections::{BTreeMap, BTreeSet};

use broker_core::arn::AccountId;
use broker_core::character::is_hidden;
use broker_core::name::{DirectoryName, Group};
use serde::Deserialize;
use toml::Spanned;

use super::load::Loader;

/// How AWS's own clients are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsClients {
    /// A sentence that comes with every refusal.
    pub access_help: Option<String>,
    /// What people call the accounts; one without a name is called by its number.
    pub account_names: BTreeMap<AccountId, String>,
    /// Whose members may let in programs on other machines by a code.
    pub device_groups: BTreeSet<Group>,
    /// Whether `aws login` is met; from another machine only as `device_groups` says besides.
    pub login: bool,
}

impl AwsClients {
    /// Whom to ask for what one may not use, in a sentence.
    pub fn help(&self) -> &str {
        self.access_help.as_deref().unwrap_or("Ask an administrator of the broker for the group that is granted it.")
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AwsClientsFields {
    pub(super) access_help: Option<Words>,
    pub(super) account_names: BTreeMap<AccountId, Words>,
    pub(super) device_groups: Vec<Spanned<String>>,
    pub(super) login: bool,
}

/// A line that people read on a terminal.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Words(String);

impl Default for AwsClients {
    fn default() -> Self {
        Self { access_help: None, account_names: BTreeMap::new(), device_groups: BTreeSet::new(), login: true }
    }
}

impl Default for AwsClientsFields {
    fn default() -> Self {
        Self { access_help: None, account_names: BTreeMap::new(), device_groups: Vec::new(), login: true }
    }
}

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

impl Loader<'_> {
    pub(super) fn aws_clients(&mut self, fields: AwsClientsFields, directories: &[DirectoryName]) -> AwsClients {
        let named = fields.account_names.into_iter().map(|(account, Words(name))| (account, name));
        let device_groups = self.groups("aws_clients.device_groups", &fields.device_groups, directories);
        AwsClients {
            access_help: fields.access_help.map(|Words(text)| text),
            account_names: named.collect(),
            device_groups,
            login: fields.login,
        }
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
