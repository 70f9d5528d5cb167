//! What a configuration with mistakes still says of the connectors file, so that `check` can tell the mistakes of both at once.

use std::path::{Component, Path, PathBuf};

use broker_core::catalog;
use broker_core::file::{Document, Environment, Folders, Source};
use broker_core::name::DirectoryName;
use toml::de::DeValue;

use super::load::MAX_FILE;

/// Where the connectors file is, and what it is to be read with.
#[derive(Debug)]
pub struct SpoiltConfig {
    pub connectors_file: PathBuf,
    directories: Vec<DirectoryName>,
    secrets_folder: Option<PathBuf>,
    environment: Environment,
}

impl SpoiltConfig {
    /// Nothing where the file is no TOML, names no connectors file, or has a directory without a good name: what would be said of
    /// groups then might not be true.
    pub fn load(path: &Path) -> Option<Self> {
        let source = Source::read(path, MAX_FILE).ok()?;
        let document = Document::parse(&source).ok()?;
        let text = |key: &str| document.table.get(key).and_then(|value| value.get_ref().as_str()).map(PathBuf::from);
        let stays = |path: &PathBuf| path.is_absolute() || !path.components().any(|part| part == Component::ParentDir);
        let environment = Environment::of_process();
        let connectors_file = Folders::of(path, None, &environment).locate(&text("connectors_file").filter(stays)?);
        let secrets_folder = text("secrets_folder")
            .map(|folder| path.parent().map_or_else(|| folder.clone(), |parent| parent.join(&folder)));
        let directories = match document.table.get("directory").map(toml::Spanned::get_ref) {
            Some(DeValue::Array(entries)) => {
                entries.iter().map(|entry| name_of(entry.get_ref())).collect::<Option<_>>()?
            }
            Some(_) => return None,
            None => Vec::new(),
        };
        Some(Self { connectors_file, directories, secrets_folder, environment })
    }

    pub fn catalog_context(&self) -> catalog::Context<'_> {
        catalog::Context {
            directories: &self.directories,
            secrets_folder: self.secrets_folder.as_deref(),
            environment: &self.environment,
            stored_keys: None,
        }
    }
}

fn name_of(entry: &DeValue<'_>) -> Option<DirectoryName> {
    entry.as_table()?.get("name")?.get_ref().as_str()?.to_owned().try_into().ok()
}
