//! The keys that seal and open everything else: one seals, the others only open.

use std::path::{Path, PathBuf};

use broker_core::file::{Document, Environment, Folders, Reading, SecretRef, Source, with_causes};
use broker_core::vault::MasterKey;
use toml::Spanned;

use super::ConfigError;
use super::fields::{ConfigFields, MasterKeyFields};
use super::load::{self, Loader};

impl Loader<'_> {
    /// The keys, and the id of the one that seals.
    pub(super) fn master_keys(&mut self, entries: Vec<Spanned<MasterKeyFields>>) -> (Vec<MasterKey>, Option<String>) {
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
            match self.folders.secret(&fields.source) {
                Ok(text) => match MasterKey::parse(id, &text) {
                    Ok(key) => keys.push(key),
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
            ids.push(fields.id);
        }
        if seals.is_none() && !self.is_spoilt("master_key") {
            self.error(&["master_key"], "none of them seals: set `seals = true` on exactly one");
        }
        (keys, seals)
    }
}

/// For `brokerd init`: where the file of the key that seals is or is to be made; nothing when it comes from the environment.
/// The rest of the configuration need not be good yet.
pub fn sealing_key_file(path: &Path) -> Result<Option<PathBuf>, Vec<ConfigError>> {
    let source = Source::read(path, load::MAX_FILE).map_err(|error| vec![error])?;
    let document = Document::parse(&source)?;
    let Reading { value, errors } = document.read::<ConfigFields>();
    let Some(fields) = value else { return Err(errors) };
    let found = fields.master_key.iter().find(|entry| entry.get_ref().seals);
    let Some((entry, key)) = found.map(|entry| (entry.span().start, entry.get_ref())) else {
        let text = "none of them seals: add a [[master_key]] with `seals = true`";
        return Err(vec![source.remark(document.offset_of(&[MASTER_KEY]), MASTER_KEY, text)]);
    };
    let SecretRef::File(file) = &key.source else { return Ok(None) };
    let environment = Environment::default();
    let secrets_folder = load::secrets_folder(path, &fields);
    let folders = Folders::of(path, secrets_folder.as_deref(), &environment);
    folders.resolve_new(file).map(Some).map_err(|error| {
        let at = document.offset_in_entry(MASTER_KEY, entry, &["source"]);
        vec![source.remark(Some(at), &format!("{MASTER_KEY} {:?}: source", key.id), &with_causes(&error))]
    })
}

const MASTER_KEY: &str = "master_key";
