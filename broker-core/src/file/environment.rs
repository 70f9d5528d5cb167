//! The environment variables that may hold secrets: those that say so by their name.

use std::collections::BTreeMap;

use secrecy::SecretString;

/// The variables `BROKERD_SECRET_…` that the process was started with.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, SecretString>);

impl Environment {
    /// Reads the process's own. One whose value is not UTF-8 counts as not set.
    pub fn of_process() -> Self {
        let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        texts.filter_map(|(name, value)| Some((name, SecretString::from(value.into_string().ok()?)))).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// The variables by name, for whoever hands them to another process.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl FromIterator<(String, SecretString)> for Environment {
    /// Keeps those whose name has the prefix.
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(pairs: I) -> Self {
        Self(pairs.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }
}

/// What a variable's name must begin with, so that a file cannot ask for any other part of the environment.
pub(super) const PREFIX: &str = "BROKERD_SECRET_";
