//! The directories, in the order of look-up.

use std::path::Path;
use std::sync::Arc;

use broker_core::directory::crowd::{CrowdConfig, CrowdSettings};
use broker_core::directory::ldap::{ClientCertificate, ClientCertificateConfig, LdapConfig, LdapSettings, Referenced};
use broker_core::directory::local::{LocalDirectory, LocalPerson};
use broker_core::file::{Document, Reading, SecretRef, Source, with_causes};
use broker_core::name::DirectoryName;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use toml::Spanned;

use super::fields::{BackendFields, DirectoryFields, LocalFields, PeopleFields};
use super::load::Loader;
use super::{Backend, DirectoryConfig};

/// A file cannot be read, which has been told already.
struct Told;

impl Loader<'_> {
    pub(super) fn directories(&mut self, entries: Vec<Spanned<DirectoryFields>>) -> Vec<DirectoryConfig> {
        let mut directories: Vec<DirectoryConfig> = Vec::new();
        if entries.is_empty() && !self.is_spoilt(DIRECTORY) {
            self.error(&[DIRECTORY], "nobody can sign in without one: add a [[directory]]");
        }
        for entry in entries {
            let at = entry.span().start;
            let DirectoryFields { name, may_grant_admin, backend } = entry.into_inner();
            if directories.iter().any(|known| known.name == name) {
                let text = "another [[directory]] has this name: give each its own";
                self.entry_error(DIRECTORY, name.as_str(), at, &["name"], text);
            }
            let backend = match backend {
                BackendFields::Local(fields) => self.local(&name, at, fields).map(Backend::Local),
                BackendFields::Ldap(config) => self.ldap(&name, at, *config).map(|ldap| Backend::Ldap(Box::new(ldap))),
                BackendFields::Crowd(config) => {
                    self.crowd(&name, at, *config).map(|crowd| Backend::Crowd(Box::new(crowd)))
                }
            };
            directories.extend(backend.map(|backend| DirectoryConfig { name, may_grant_admin, backend }));
        }
        directories
    }

    fn local(&mut self, name: &DirectoryName, at: usize, fields: LocalFields) -> Option<Vec<LocalPerson>> {
        let LocalFields { mut people, people_file } = fields;
        if let Some(path) = people_file {
            let keys = ["backend", "local", "people_file"];
            match self.folders.resolve(&path) {
                Ok(_) => people.extend(self.people_file(&self.folders.locate(&path))?),
                Err(error) => {
                    self.entry_error(DIRECTORY, name.as_str(), at, &keys, &with_causes(&error));
                    return None;
                }
            }
        }
        // Only to hear whether they are good: the daemon makes its own, with a limit that all share.
        if let Err(error) = LocalDirectory::new(name.clone(), people.clone(), Arc::new(Semaphore::new(1))) {
            self.entry_error(DIRECTORY, name.as_str(), at, &["backend", "local", "people"], &with_causes(&error));
            return None;
        }
        Some(people)
    }

    fn people_file(&mut self, path: &Path) -> Option<Vec<LocalPerson>> {
        let source = match Source::read(path, MAX_PEOPLE_FILE) {
            Ok(source) => source,
            Err(error) => {
                self.errors.push(error);
                return None;
            }
        };
        let Reading { value, errors } = match Document::parse(&source) {
            Ok(document) => document.read::<PeopleFields>(),
            Err(errors) => Reading { value: None, errors },
        };
        let good = errors.is_empty();
        self.errors.extend(errors);
        value.filter(|_| good).map(|fields| fields.person)
    }

    fn ldap(&mut self, name: &DirectoryName, at: usize, config: LdapConfig<SecretRef>) -> Option<LdapSettings> {
        let below = |keys: &[&'static str]| [&["backend", "ldap"], keys].concat();
        let ca_pem = self.ca_pem(name, at, "ldap", config.ca_file.as_deref()).ok()?;
        let bind_password = match &config.bind_password {
            None => None,
            Some(reference) => Some(self.password(name, at, &below(&["bind_password"]), reference)?),
        };
        let client_certificate = match &config.client_certificate {
            None => None,
            Some(files) => Some(self.client_certificate(name, at, files)?),
        };
        match LdapSettings::new(config, Referenced { ca_pem, bind_password, client_certificate }) {
            Ok(settings) => Some(settings),
            Err(error) => {
                let keys: Vec<&'static str> = error.key.split('.').collect();
                self.entry_error(DIRECTORY, name.as_str(), at, &below(&keys), &with_causes(&error.problem));
                None
            }
        }
    }

    fn crowd(&mut self, name: &DirectoryName, at: usize, config: CrowdConfig<SecretRef>) -> Option<CrowdSettings> {
        let below = |keys: &[&'static str]| [&["backend", "crowd"], keys].concat();
        let ca_pem = self.ca_pem(name, at, "crowd", config.ca_file.as_deref()).ok()?;
        let password = self.password(name, at, &below(&["password"]), &config.password)?;
        match CrowdSettings::new(config, ca_pem.as_deref().map(str::as_bytes), password) {
            Ok(settings) => Some(settings),
            Err(error) => {
                let keys: Vec<&'static str> = error.key.split('.').collect();
                self.entry_error(DIRECTORY, name.as_str(), at, &below(&keys), &with_causes(&error.problem));
                None
            }
        }
    }

    /// What a file of certificates holds, if one is named.
    fn ca_pem(
        &mut self,
        name: &DirectoryName,
        at: usize,
        backend: &'static str,
        path: Option<&Path>,
    ) -> Result<Option<String>, Told> {
        path.map(|path| self.folders.text(path, MAX_CA_FILE)).transpose().map_err(|error| {
            self.entry_error(DIRECTORY, name.as_str(), at, &["backend", backend, "ca_file"], &with_causes(&error));
            Told
        })
    }

    fn password(
        &mut self,
        name: &DirectoryName,
        at: usize,
        keys: &[&'static str],
        reference: &SecretRef,
    ) -> Option<SecretString> {
        match self.folders.secret(reference) {
            Ok(password) => Some(password),
            Err(error) => {
                self.entry_error(DIRECTORY, name.as_str(), at, keys, &with_causes(&error));
                None
            }
        }
    }

    fn client_certificate(
        &mut self,
        name: &DirectoryName,
        at: usize,
        files: &ClientCertificateConfig,
    ) -> Option<ClientCertificate> {
        let certificate = self.folders.text(&files.certificate, MAX_CA_FILE).map_err(|error| ("certificate", error));
        let key = self.folders.private_text(&files.key, MAX_KEY_FILE).map_err(|error| ("key", error));
        match certificate.and_then(|certificate| Ok(ClientCertificate { certificate, key: key? })) {
            Ok(both) => Some(both),
            Err((which, error)) => {
                let keys = ["backend", "ldap", "client_certificate", which];
                self.entry_error(DIRECTORY, name.as_str(), at, &keys, &with_causes(&error));
                None
            }
        }
    }
}

const DIRECTORY: &str = "directory";
/// Room for a hundred thousand people.
const MAX_PEOPLE_FILE: u64 = 32 << 20;
/// The largest bundles that are about have 300 KiB.
const MAX_CA_FILE: u64 = 1 << 20;
const MAX_KEY_FILE: u64 = 64 << 10;
