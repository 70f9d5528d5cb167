//! The keys that seal and open everything else: one seals, the others only open.

use std::path::{Path, PathBuf};

use broker_core::file::{Document, Environment, Folders, Reading, SecretRef, Source, WebUrl, with_causes};
use broker_core::kms::{KmsKey, WrappedKey};
use broker_core::store::Location;
use broker_core::vault::MasterKey;
use toml::Spanned;

use super::ConfigError;
use super::fields::{ConfigFields, MasterKeyFields};
use super::load::{self, Loader};
use super::master_key_ref::{KmsFields, MasterKeyRef};

/// A master key as far as it can be had without asking anybody.
#[derive(Debug)]
pub enum ConfiguredMasterKey {
    Plain(MasterKey),
    /// To be unwrapped by AWS KMS.
    Wrapped(Box<KmsKey>, WrappedKey),
}

/// Where the key that seals is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealingKey {
    File(PathBuf),
    Environment,
    Kms,
}

impl MasterKeyFields {
    /// Its id, and where it is, in the configuration's own words.
    pub(super) fn place(&self) -> (String, String) {
        let place = match &self.source {
            MasterKeyRef::Plain(SecretRef::File(file)) => format!("the file {}", file.display()),
            MasterKeyRef::Plain(SecretRef::Env(name)) => format!("the variable {name}"),
            MasterKeyRef::Kms(kms) => format!("the file {}", kms.wrapped_file.display()),
        };
        (self.id.clone(), place)
    }
}

impl Loader<'_> {
    /// The keys, and the id of the one that seals.
    pub(super) fn master_keys(
        &mut self,
        entries: Vec<Spanned<MasterKeyFields>>,
    ) -> (Vec<ConfiguredMasterKey>, Option<String>) {
        let mut keys = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        let mut seals: Option<String> = None;
        if entries.is_empty() && !self.is_spoilt("master_key") {
            let text = "nothing can be sealed without one: add a [[master_key]], and make it with `brokerd init`";
            self.error(&["master_key"], text);
            return (keys, None);
        }
        for entry in entries {
            let at = entry.span().start;
            let fields = entry.into_inner();
            let id = fields.id.as_str();
            if ids.iter().any(|known| known == id) {
                self.entry_error(MASTER_KEY, id, at, &["id"], "another [[master_key]] has this id: give each its own");
            }
            if fields.seals
                && let Some(other) = seals.replace(id.to_owned())
            {
                let text = format!("`{other}` seals already: exactly one does, the others only open");
                self.entry_error(MASTER_KEY, id, at, &["seals"], &text);
            }
            match &fields.source {
                MasterKeyRef::Plain(reference) => keys.extend(self.plain_key(id, at, reference)),
                MasterKeyRef::Kms(kms) => keys.extend(self.wrapped_key(id, at, kms)),
            }
            ids.push(fields.id);
        }
        if seals.is_none() && !self.is_spoilt("master_key") {
            self.error(&["master_key"], "none of them seals: set `seals = true` on exactly one");
        }
        (keys, seals)
    }

    fn plain_key(&mut self, id: &str, at: usize, reference: &SecretRef) -> Option<ConfiguredMasterKey> {
        match self.folders.secret(reference) {
            Ok(text) => match MasterKey::parse(id, &text) {
                Ok(key) => return Some(ConfiguredMasterKey::Plain(key)),
                Err(error) => self.entry_error(MASTER_KEY, id, at, &[], &error.to_string()),
            },
            Err(error) => {
                let text = format!(
                    "{} (a key that was lost comes back from its copy alone; `brokerd init` makes one for a new installation)",
                    with_causes(&error)
                );
                self.entry_error(MASTER_KEY, id, at, &["source"], &text);
            }
        }
        None
    }

    /// Reads the wrapped key. Nobody is asked, so whether KMS opens it is seen at the start.
    fn wrapped_key(&mut self, id: &str, at: usize, kms: &KmsFields) -> Option<ConfiguredMasterKey> {
        let arn = kms.key_arn.as_str();
        let problem = match self.folders.text(&kms.wrapped_file, MAX_WRAPPED) {
            Err(error) => format!("{} (`brokerd init --kms {arn}` makes it)", with_causes(&error)),
            Ok(text) => match WrappedKey::parse(&text) {
                Err(error) => error.to_string(),
                Ok(wrapped) if wrapped.id().to_string() != id => {
                    format!("the file holds master key `{}`: it belongs to the [[master_key]] of that id", wrapped.id())
                }
                Ok(wrapped) if *wrapped.key() != kms.key_arn => {
                    format!("the file was wrapped with {}: write that in key_arn", wrapped.key().as_str())
                }
                Ok(wrapped) => {
                    let endpoint_url = kms.endpoint_url.clone().map(WebUrl::into_url);
                    let key = KmsKey { arn: kms.key_arn.clone(), endpoint_url };
                    return Some(ConfiguredMasterKey::Wrapped(Box::new(key), wrapped));
                }
            },
        };
        self.entry_error(MASTER_KEY, id, at, &["source", "kms", "wrapped_file"], &problem);
        None
    }
}

/// For `brokerd init`: where the key that seals is or is to be made. The rest of the configuration need not be good yet.
pub fn sealing_key(path: &Path) -> Result<SealingKey, Vec<ConfigError>> {
    let source = Source::read(path, load::MAX_FILE).map_err(|error| vec![error])?;
    let document = Document::parse(&source)?;
    let Reading { value, errors } = document.read::<ConfigFields>();
    let Some(fields) = value else { return Err(errors) };
    let found = fields.master_key.iter().find(|entry| entry.get_ref().seals);
    let Some((entry, key)) = found.map(|entry| (entry.span().start, entry.get_ref())) else {
        let text = "none of them seals: add a [[master_key]] with `seals = true`";
        return Err(vec![source.remark(document.offset_of(&[MASTER_KEY]), MASTER_KEY, text)]);
    };
    let file = match &key.source {
        MasterKeyRef::Plain(SecretRef::File(file)) => file,
        MasterKeyRef::Plain(SecretRef::Env(_)) => return Ok(SealingKey::Environment),
        MasterKeyRef::Kms(_) => return Ok(SealingKey::Kms),
    };
    let environment = Environment::default();
    let secrets_folder = load::secrets_folder(path, &fields);
    let folders = Folders::of(path, secrets_folder.as_deref(), &environment);
    folders.resolve_new(file).map(SealingKey::File).map_err(|error| {
        let at = document.offset_in_entry(MASTER_KEY, entry, &["source"]);
        vec![source.remark(Some(at), &format!("{MASTER_KEY} {:?}: source", key.id), &with_causes(&error))]
    })
}

/// For `brokerd init` as well: the SQLite file that the configuration names as the store, if it does.
pub fn sqlite_store(path: &Path) -> Option<PathBuf> {
    let source = Source::read(path, load::MAX_FILE).ok()?;
    let fields = Document::parse(&source).ok()?.read::<ConfigFields>().value?;
    match fields.store.url.parse() {
        Ok(Location::Sqlite(file)) => Some(path.parent().map_or_else(|| file.clone(), |folder| folder.join(&file))),
        Ok(Location::Memory | Location::Postgres { .. }) | Err(_) => None,
    }
}

pub(super) const MASTER_KEY: &str = "master_key";
/// Twice what the longest ciphertext of KMS takes.
pub(super) const MAX_WRAPPED: u64 = 16 << 10;
