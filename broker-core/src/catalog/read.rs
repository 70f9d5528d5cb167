//! Goes through the file entry by entry, and then checks what the entries say of each other.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::access_key::ReadKey;
use super::connector::ReadConnector;
use super::policy::Policies;
use super::{Catalog, Context, FileConnector, FileKey};
use crate::access_key::{KeyDetails, KeyOwner};
use crate::connector::ManagedBy;
use crate::file::{FileError, FileWarning, Folders, MAX_ERRORS, Source};
use crate::name::AccessKeyName;
use crate::store::Damage;

/// Everything that is known so far.
pub(super) struct Reader<'s> {
    pub(super) source: &'s Source,
    pub(super) context: &'s Context<'s>,
    pub(super) folders: Folders<'s>,
    pub(super) policies: Policies,
    pub(super) errors: Vec<FileError>,
    pub(super) warnings: Vec<FileWarning>,
    pub(super) named_keys: Vec<NamedKey>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s Source, context: &'s Context<'s>) -> Self {
        Self {
            source,
            context,
            folders: Folders::of(source.path(), context.secrets_folder, context.environment),
            policies: Policies::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            named_keys: Vec::new(),
        }
    }

    /// What AWS said of a key that the file describes as it did before.
    pub(super) fn known_owner(&self, name: &AccessKeyName, details: &KeyDetails) -> Option<KeyOwner> {
        let known =
            self.context.stored_keys?.good.iter().find(|key| key.name == *name && key.managed_by == ManagedBy::File)?;
        known.details.replaced_unproved(details.clone()).owner
    }

    pub(super) fn read(mut self, table: DeTable<'_>) -> Result<Catalog, Vec<FileError>> {
        let (mut keys, mut connectors) = (Entries::default(), Entries::default());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                ACCESS_KEY => {
                    self.entries(ACCESS_KEY, value, &mut keys, |reader, name, entry| reader.access_key(name, entry));
                }
                CONNECTOR => self.entries(CONNECTOR, value, &mut connectors, Self::connector),
                other => {
                    let text =
                        format!("`{other}` is not a key that can stand here: use [[access_key]] and [[connector]]");
                    self.error(key.span().start, other, &text);
                }
            }
        }
        self.check(&keys, &connectors);
        self.finish(keys, connectors)
    }

    /// Says that something is wrong. A file can hold more mistakes than anybody wants to read.
    pub(super) fn error(&mut self, at: usize, about: &str, text: &str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(self.source.remark(Some(at), about, text));
        }
    }

    pub(super) fn warn(&mut self, at: usize, about: &str, text: &str) {
        self.warnings.push(self.source.remark(Some(at), about, text));
    }

    /// Reads one value, says what is wrong with it, and gives it only if nothing is.
    pub(super) fn value<T: serde::de::DeserializeOwned>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        about: &str,
    ) -> Option<T> {
        let reading = crate::file::read(self.source, value, about);
        let good = reading.errors.is_empty();
        self.errors.extend(reading.errors);
        reading.value.filter(|_| good)
    }

    fn entries<T>(
        &mut self,
        kind: &str,
        value: Spanned<DeValue<'_>>,
        entries: &mut Entries<T>,
        read: impl Fn(&mut Self, &EntryName, &mut Spanned<DeValue<'_>>) -> Option<T>,
    ) {
        let at = value.span().start;
        let DeValue::Array(array) = value.into_inner() else {
            return self.error(at, kind, &format!("begin each with [[{kind}]], in double brackets"));
        };
        for (number, mut entry) in (1..).zip(array) {
            if self.errors.len() >= MAX_ERRORS {
                return;
            }
            let at = entry.span().start;
            let DeValue::Table(fields) = entry.get_mut() else {
                self.error(at, kind, &format!("begin each with [[{kind}]], in double brackets"));
                continue;
            };
            let name = self.name(kind, number, at, fields.remove("name").as_ref());
            if let Some(text) = &name.text
                && let Some(first) = entries.names.insert(text.clone(), name.at)
            {
                let line = self.source.place(first).line;
                self.error(name.at, &name.about, &format!("line {line} has this name already: give each its own"));
                entries.names.insert(text.clone(), first);
            }
            entries.good.extend(read(self, &name, &mut entry));
        }
    }

    /// An entry without a good name has other mistakes that are worth telling, too.
    fn name(&mut self, kind: &str, number: usize, entry: usize, name: Option<&Spanned<DeValue<'_>>>) -> EntryName {
        let nameless = EntryName { text: None, at: entry, about: format!("{kind}[{number}]") };
        match name.map(|name| (name.get_ref(), name.span().start)) {
            Some((DeValue::String(text), at)) => {
                EntryName { text: Some(text.clone().into_owned()), at, about: format!("{kind} {text:?}") }
            }
            Some((other, at)) => {
                let about = format!("{}: name", nameless.about);
                self.error(at, &about, &format!("this is a {}: write a string", other.type_str()));
                nameless
            }
            None => {
                self.error(entry, &nameless.about, "`name` is missing: add it");
                nameless
            }
        }
    }

    /// The name as its type wants it.
    pub(super) fn parsed<T: TryFrom<String>>(&mut self, name: &EntryName) -> Option<T>
    where
        T::Error: std::fmt::Display,
    {
        let parsed = T::try_from(name.text.clone()?);
        parsed.map_err(|error| self.error(name.at, &format!("{}: name", name.about), &error.to_string())).ok()
    }

    fn check(&mut self, keys: &Entries<ReadKey>, connectors: &Entries<ReadConnector>) {
        let mut known: HashMap<&str, &KeyDetails> = HashMap::new();
        let stored = self.context.stored_keys.into_iter().flat_map(|keys| &keys.good);
        let stored = stored.filter(|key| key.managed_by == ManagedBy::Api);
        known.extend(stored.map(|key| (key.name.as_str(), &key.details)));
        known.extend(keys.good.iter().map(|read| (read.key.name.as_str(), &read.key.details)));
        for connector in &connectors.good {
            if let Some(details) = known.get(connector.connector.spec.access_key().as_str()) {
                self.check_key(connector, details);
            }
        }
        for NamedKey { connector, key, at } in std::mem::take(&mut self.named_keys) {
            // One that stands in the file may have mistakes, which have been told.
            if !known.contains_key(key.as_str()) && !keys.names.contains_key(&key) {
                self.unknown_key(&connector, &key, at);
            }
        }
        for read in &keys.good {
            for name in
                read.key.details.serves.connectors.iter().filter(|name| !connectors.names.contains_key(name.as_str()))
            {
                let about = format!("access_key {:?}: serves.connectors", read.key.name.as_str());
                self.warn(read.at, &about, &format!("`{name}` is not a connector of this file"));
            }
        }
    }

    fn unknown_key(&mut self, connector: &str, key: &str, at: usize) {
        let about = format!("{connector}: access_key");
        let Some(stored) = self.context.stored_keys else {
            let text = format!("`{key}` is not in this file, and whether the store has it was not looked up");
            return self.warn(at, &about, &text);
        };
        let damaged = stored.damaged.iter().find(|row| row.is_called(key));
        match damaged.map(|row| row.damage) {
            None => self.error(
                at,
                &about,
                &format!(
                    "no access key is called `{key}`: add an [[access_key]] of this name, or `brokerd key add` it"
                ),
            ),
            Some(Damage::NotOurs) => self.warn(
                at,
                &about,
                &format!(
                    "the row of access key `{key}` does not prove to be ours, and this connector is out of service with it: put the key right with `brokerd key add {key}`"
                ),
            ),
            Some(Damage::Gone) => self.warn(
                at,
                &about,
                &format!(
                    "access key `{key}` is not in the store any more, this connector is out of service with it, and what changes in it waits: put a key there with `brokerd key add {key}`"
                ),
            ),
            Some(Damage::Unreadable) => self.warn(
                at,
                &about,
                &format!(
                    "a newer release of brokerd wrote the row of access key `{key}`, and this connector is out of service with it: use that release"
                ),
            ),
        }
    }

    fn finish(mut self, keys: Entries<ReadKey>, connectors: Entries<ReadConnector>) -> Result<Catalog, Vec<FileError>> {
        let own = self.source.path();
        let order = |remark: &FileError| (remark.file() != own, remark.file().to_owned(), remark.place());
        self.errors.sort_by_cached_key(order);
        self.warnings.sort_by_cached_key(order);
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let access_keys: Vec<FileKey> = keys.good.into_iter().map(|read| read.key).collect();
        let connectors: Vec<FileConnector> = connectors.good.into_iter().map(|read| read.connector).collect();
        Ok(Catalog { access_keys, connectors, warnings: self.warnings })
    }
}

/// What an entry calls itself, and where.
pub(super) struct EntryName {
    text: Option<String>,
    at: usize,
    /// How people find the entry: by its name, or else by its number.
    pub(super) about: String,
}

/// The key that a connector names, whatever else is wrong with the connector.
pub(super) struct NamedKey {
    pub(super) connector: String,
    pub(super) key: String,
    pub(super) at: usize,
}

/// The entries of one kind: those without a mistake, and where every name was first seen.
struct Entries<T> {
    good: Vec<T>,
    names: HashMap<String, usize>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { good: Vec::new(), names: HashMap::new() }
    }
}

const ACCESS_KEY: &str = "access_key";
const CONNECTOR: &str = "connector";
