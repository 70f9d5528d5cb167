//! From the fields to the configuration: what no single field can know is checked here, and told together.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use broker_core::caller::AdminGroups;
use broker_core::entitlement::Rules;
use broker_core::file::{Document, Environment, FileWarning, Folders, Reading, Source, group, with_causes};
use broker_core::name::{DirectoryName, Group};
use toml::Spanned;
use url::Url;

use super::fields::{ConfigFields, LogFields, SessionsFields};
use super::{Config, ConfigError, DirectoryConfig, Log, Sessions};

/// The file, where it may lead, and what is wrong with it so far.
pub(super) struct Loader<'s> {
    pub(super) document: &'s Document<'s>,
    pub(super) folders: Folders<'s>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<FileWarning>,
}

pub(super) fn load(path: &Path, environment: Environment) -> Result<Config, Vec<ConfigError>> {
    let source = Source::read(path, MAX_FILE).map_err(|error| vec![error])?;
    let document = Document::parse(&source)?;
    let Reading { value, errors } = document.read::<ConfigFields>();
    let Some(fields) = value else { return Err(errors) };
    let secrets_folder = secrets_folder(path, &fields);
    let folders = Folders::of(path, secrets_folder.as_deref(), &environment);
    let mut loader = Loader { document: &document, folders, errors, warnings: Vec::new() };
    let config = loader.config(fields);
    let Loader { mut errors, warnings, .. } = loader;
    match config {
        Some(config) if errors.is_empty() => Ok(Config { secrets_folder, environment, warnings, ..config }),
        Some(_) | None => {
            errors.sort_by_cached_key(|error| (error.file() != path, error.file().to_owned(), error.place()));
            Err(errors)
        }
    }
}

/// The second folder for references, as the file means it.
pub(super) fn secrets_folder(file: &Path, fields: &ConfigFields) -> Option<PathBuf> {
    let folder = fields.secrets_folder.as_ref()?;
    Some(file.parent().map_or_else(|| folder.clone(), |parent| parent.join(folder)))
}

impl Loader<'_> {
    /// Goes on after each mistake; gives nothing where a part is missing that nothing can stand in for.
    fn config(&mut self, fields: ConfigFields) -> Option<Config> {
        let secrets = secrets_folder(self.document.source.path(), &fields);
        let public_url = self.public_url(fields.public_url.map(broker_core::file::WebUrl::into_url));
        let connectors_file = fields.connectors_file.and_then(|path| self.own_path(&["connectors_file"], &path));
        let listen = self.listen(fields.listen, public_url.as_ref(), secrets.as_deref());
        let limits = self.limits(&fields.limits);
        let store = self.store(&fields.store);
        let audit = self.audit(fields.audit, store.as_ref());
        let sessions = self.sessions(&fields.sessions);
        let aws = self.aws(fields.aws);
        let master_key_places = fields.master_key.iter().map(|entry| entry.get_ref().place()).collect();
        let (master_keys, seals_with) = self.master_keys(fields.master_key);
        let directories = self.directories(fields.directory);
        let workload_issuers = self.workload_issuers(fields.workload_issuer, public_url.as_ref());
        let directory_names: Vec<DirectoryName> = directories.iter().map(|directory| directory.name.clone()).collect();
        if fields.admin_groups.is_empty() && !self.is_spoilt("admin_groups") {
            self.warn(&["admin_groups"], "nobody administrates: name a group, or use the command line alone");
        }
        let mut granting = |key, written| self.granting_groups(key, written, &directory_names, &directories);
        let admin_groups = AdminGroups {
            administrators: granting("admin_groups", &fields.admin_groups),
            operators: granting("operator_groups", &fields.operator_groups),
            auditors: granting("auditor_groups", &fields.auditor_groups),
        };
        let second_factor_groups = self.groups("second_factor_groups", &fields.second_factor_groups, &directory_names);
        let aws_clients = self.aws_clients(fields.aws_clients, &directory_names);
        let operations = self.operations(&fields.operations, listen.tls.is_some());
        let LogFields { format, level } = fields.log;
        if let Some(folder) = fields.secrets_folder.as_ref().filter(|folder| !self.folders.locate(folder).is_dir()) {
            self.error(&["secrets_folder"], &format!("`{}` is not a folder: make it", folder.display()));
        }
        Some(Config {
            public_url: public_url?,
            connectors_file,
            admin_groups,
            rules: Rules { administrators_use_every_connector: fields.administrators_use_every_connector },
            second_factor_groups,
            listen,
            limits,
            store: store?,
            audit,
            sessions,
            aws: aws?,
            aws_clients,
            secrets_folder: None,
            log: Log { format, level },
            operations,
            master_keys,
            master_key_places,
            seals_with: seals_with?,
            directories,
            workload_issuers,
            directory_names,
            environment: Environment::default(),
            warnings: Vec::new(),
        })
    }

    /// Says that a key is wrong, unless that has been said.
    pub(super) fn error(&mut self, keys: &[&str], text: &str) {
        let remark = self.document.source.remark(self.document.offset_of(keys), &keys.join("."), text);
        self.errors.push(remark);
    }

    /// Says that something at this place is wrong.
    pub(super) fn remark(&mut self, at: usize, about: &str, text: &str) {
        self.errors.push(self.document.source.remark(Some(at), about, text));
    }

    pub(super) fn warn(&mut self, keys: &[&str], text: &str) {
        let remark = self.document.source.remark(self.document.offset_of(keys), &keys.join("."), text);
        self.warnings.push(remark);
    }

    /// Says that a key of an entry is wrong. `name` is what people know the entry by.
    pub(super) fn entry_error(&mut self, list: &str, name: &str, entry: usize, keys: &[&str], text: &str) {
        let at = self.document.offset_in_entry(list, entry, keys);
        let about = if keys.is_empty() { String::new() } else { format!(": {}", keys.join(".")) };
        self.errors.push(self.document.source.remark(Some(at), &format!("{list} {name:?}{about}"), text));
    }

    /// Whether something has been said of this key, or of a key in it: what is left of it then proves nothing.
    pub(super) fn is_spoilt(&self, key: &str) -> bool {
        self.errors.iter().any(|error| {
            let rest = error.about().strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ', ':']))
        })
    }

    /// A path of our own making, so it may be anywhere; only a relative one that climbs is surely a mistake.
    pub(super) fn own_path(&mut self, keys: &[&str], path: &Path) -> Option<PathBuf> {
        if path.is_relative() && path.components().any(|part| part == Component::ParentDir) {
            self.error(keys, "a relative path stays in this file's folder: write an absolute one");
            return None;
        }
        Some(self.folders.locate(path))
    }

    fn public_url(&mut self, url: Option<Url>) -> Option<Url> {
        match url {
            None if self.is_spoilt("public_url") => None,
            None => {
                self.error(&["public_url"], "this is missing: add the URL that people reach the broker by");
                None
            }
            Some(url) if url.path() != "/" => {
                self.error(&["public_url"], "the broker has a host of its own: take the path off the URL");
                None
            }
            Some(url) => Some(url),
        }
    }

    fn sessions(&mut self, fields: &SessionsFields) -> Sessions {
        let (idle, absolute) = (fields.idle_seconds.duration(), fields.absolute_seconds.duration());
        if idle > absolute && !self.is_spoilt("sessions") {
            self.error(&["sessions", "idle_seconds"], "a session cannot idle longer than absolute_seconds");
        }
        let max_per_person = fields.max_per_person.at_least_one();
        Sessions { idle, absolute, recheck: fields.recheck_seconds.duration(), max_per_person }
    }

    /// The groups under a key, each of a directory that is there.
    pub(super) fn groups(
        &mut self,
        key: &str,
        written: &[Spanned<String>],
        directories: &[DirectoryName],
    ) -> BTreeSet<Group> {
        let mut groups = BTreeSet::new();
        for (number, text) in (1..).zip(written) {
            match group(text.get_ref(), directories) {
                Ok(group) => drop(groups.insert(group)),
                // What was to be a directory may be one yet.
                Err(_) if self.is_spoilt("directory") => {}
                Err(error) => self.remark(text.span().start, &format!("{key}[{number}]"), &with_causes(&error)),
            }
        }
        groups
    }

    /// The groups under a key, each of a directory that may make administrators: so that nobody else's directory makes any of
    /// the roles.
    fn granting_groups(
        &mut self,
        key: &str,
        written: &[Spanned<String>],
        names: &[DirectoryName],
        directories: &[DirectoryConfig],
    ) -> BTreeSet<Group> {
        let mut groups = BTreeSet::new();
        // What was to be a directory may be one yet.
        if self.is_spoilt("directory") {
            return groups;
        }
        for (number, text) in (1..).zip(written) {
            let problem = match group(text.get_ref(), names) {
                Ok(group) if directories.iter().any(|known| known.name == group.directory && known.may_grant_admin) => {
                    groups.insert(group);
                    continue;
                }
                Ok(group) => format!(
                    "directory `{}` may not make administrators: set `may_grant_admin = true` in its [[directory]]",
                    group.directory
                ),
                Err(error) => with_causes(&error),
            };
            let about = format!("{key}[{number}]");
            self.errors.push(self.document.source.remark(Some(text.span().start), &about, &problem));
        }
        groups
    }
}

/// Room for a few thousand local people.
pub(super) const MAX_FILE: u64 = 1 << 20;
