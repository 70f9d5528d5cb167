//! The names that people give to things, each parsed into a type of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::character;

/// The name of a connector: part of URLs, of AWS profile names and of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectorName(String);

/// The name of a stored long-term access key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyName(String);

/// The name of a configured directory: the first half of every group's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DirectoryName(String);

/// The name of a service token, for those who list and revoke them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceTokenName(String);

/// The name of an issuer of workload tokens: the first half of every workload's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkloadIssuerName(String);

/// A group of one directory, written `DIRECTORY/GROUP`. Two directories' `staff` are two groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Group {
    pub directory: DirectoryName,
    pub name: String,
}

/// A name that does not follow the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("`{}` is not a name: begin with a-z or 0-9, go on with a-z, 0-9, `.`, `_` or `-`, 63 characters at most", shown(.0))]
    NotAName(String),
    #[error("`{}` is not a directory's name: a-z, 0-9 and `-`, 32 characters at most", shown(.0))]
    NotADirectory(String),
    #[error("`{}` is not a group: write DIRECTORY/GROUP", shown(.0))]
    NotAGroup(String),
}

impl Group {
    /// Names a group of a directory as the directory spells it, to the letter: what is cut off it would make another group of it.
    pub fn new(directory: DirectoryName, name: &str) -> Result<Self, NameError> {
        let fits = !name.trim().is_empty() && name.len() <= MAX_GROUP && !name.chars().any(char::is_control);
        if fits { Ok(Self { directory, name: name.to_owned() }) } else { Err(NameError::NotAGroup(name.to_owned())) }
    }
}

impl TryFrom<String> for Group {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let Some((directory, name)) = text.split_once('/') else { return Err(NameError::NotAGroup(text)) };
        Self::new(directory.to_owned().try_into()?, name)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.directory, self.name)
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.to_string()
    }
}

impl TryFrom<String> for ConnectorName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl TryFrom<String> for AccessKeyName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl TryFrom<String> for ServiceTokenName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl TryFrom<String> for DirectoryName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let fits = (1..=32).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text)) } else { Err(NameError::NotADirectory(text)) }
    }
}

impl ConnectorName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AccessKeyName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DirectoryName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ServiceTokenName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ConnectorName> for String {
    fn from(name: ConnectorName) -> Self {
        name.0
    }
}

impl From<AccessKeyName> for String {
    fn from(name: AccessKeyName) -> Self {
        name.0
    }
}

impl From<DirectoryName> for String {
    fn from(name: DirectoryName) -> Self {
        name.0
    }
}

impl From<ServiceTokenName> for String {
    fn from(name: ServiceTokenName) -> Self {
        name.0
    }
}

impl fmt::Display for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AccessKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DirectoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServiceTokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for WorkloadIssuerName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl WorkloadIssuerName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<WorkloadIssuerName> for String {
    fn from(name: WorkloadIssuerName) -> Self {
        name.0
    }
}

impl fmt::Display for WorkloadIssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn name(text: String) -> Result<String, NameError> {
    let mut bytes = text.bytes();
    let fits = text.len() <= 63
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if fits { Ok(text) } else { Err(NameError::NotAName(text)) }
}

/// What somebody typed, short enough and harmless enough for an error message.
fn shown(text: &str) -> String {
    character::shown(&text.chars().take(80).collect::<String>())
}

/// Longer than any directory's own limit for a group's name.
const MAX_GROUP: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_url_and_a_file() {
        let parse = |text: &str| ConnectorName::try_from(text.to_owned());
        for good in ["a", "0", "deploy", "team.deploy_eu-1", &"a".repeat(63)] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "-a", "_a", "Deploy", "a/b", "a b", "a\n", "ä", "..", &"a".repeat(64)] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bare_group_is_not_a_group() {
        let parse = |text: &str| Group::try_from(text.to_owned());
        assert_eq!(parse("corp/Release Team/eu").unwrap().name, "Release Team/eu");
        assert_eq!(parse("corp/\u{a0}staff").unwrap().name, "\u{a0}staff", "another one than `staff`");
        for bad in ["staff", "/staff", "corp/", "corp/ ", "Corp/staff", "corp/a\u{7}", "corp/staff\n"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_shows_no_control_characters_and_not_everything() {
        let error = ConnectorName::try_from(format!("\u{1b}[2J{}", "x".repeat(10_000))).unwrap_err().to_string();
        assert!(error.len() < 300 && !error.contains('\u{1b}'), "{error}");
    }
}
