//! For `brokerd init --kms`: the wrapped files that the configuration names and that are not there yet.

use std::path::{Path, PathBuf};

use broker_core::arn::KmsKeyArn;
use broker_core::file::{Document, Environment, Folders, Reading, Source, WebUrl, with_causes};
use broker_core::id::InstallationId;
use broker_core::kms::{KmsKey, WrappedKey};
use broker_core::store::Location;
use broker_core::vault::KeyId;

use super::fields::ConfigFields;
use super::load::{self, Loader};
use super::master_key::MASTER_KEY;
use super::master_key_ref::MasterKeyRef;
use super::{Aws, ConfigError};

/// What is to be made, and what that takes. The rest of the configuration need not be good yet.
#[derive(Debug)]
pub struct WrappedKeysToMake {
    pub keys: Vec<WrappedKeyToMake>,
    /// The installation that other wrapped keys are for, which may have no store yet.
    pub installation: Option<InstallationId>,
    pub store: Location,
    pub aws: Aws,
}

/// One wrapped key, and whether its file is there.
#[derive(Debug)]
pub struct WrappedKeyToMake {
    pub id: KeyId,
    pub key: KmsKey,
    pub file: PathBuf,
}

/// Finds each `[[master_key]]` that the key of that ARN is to wrap.
pub fn wrapped_keys_to_make(
    path: &Path,
    arn: &KmsKeyArn,
    environment: &Environment,
) -> Result<WrappedKeysToMake, Vec<ConfigError>> {
    let source = Source::read(path, load::MAX_FILE).map_err(|error| vec![error])?;
    let document = Document::parse(&source)?;
    let Reading { value, errors } = document.read::<ConfigFields>();
    let Some(fields) = value else { return Err(errors) };
    let secrets_folder = load::secrets_folder(path, &fields);
    let folders = Folders::of(path, secrets_folder.as_deref(), environment);
    let mut loader = Loader { document: &document, folders, errors: Vec::new(), warnings: Vec::new() };
    let (store, aws) = (loader.store(&fields.store), loader.aws(fields.aws));
    let (mut keys, mut installation) = (Vec::new(), None);
    for entry in fields.master_key {
        let at = entry.span().start;
        let fields = entry.into_inner();
        let MasterKeyRef::Kms(kms) = fields.source else { continue };
        if let Ok(text) = loader.folders.text(&kms.wrapped_file, super::master_key::MAX_WRAPPED) {
            installation = installation.or(WrappedKey::parse(&text).ok().map(|wrapped| wrapped.installation()));
        }
        if kms.key_arn != *arn {
            continue;
        }
        match (KeyId::try_from(fields.id.clone()), loader.folders.resolve_new(&kms.wrapped_file)) {
            (Ok(id), Ok(file)) => {
                let key = KmsKey { arn: kms.key_arn, endpoint_url: kms.endpoint_url.map(WebUrl::into_url) };
                keys.push(WrappedKeyToMake { id, key, file });
            }
            (Err(error), _) => loader.entry_error(MASTER_KEY, &fields.id, at, &["id"], &error.to_string()),
            (_, Err(error)) => loader.entry_error(MASTER_KEY, &fields.id, at, &["source"], &with_causes(&error)),
        }
    }
    if keys.is_empty() && loader.errors.is_empty() {
        let text = format!(
            "no key here is wrapped with {}: add a [[master_key]] with source = {{ kms = {{ key_arn = \"…\", wrapped_file = \"…\" }} }}",
            arn.as_str()
        );
        loader.error(&[MASTER_KEY], &text);
    }
    match (store, aws) {
        (Some(store), Some(aws)) if loader.errors.is_empty() => {
            Ok(WrappedKeysToMake { keys, installation, store, aws })
        }
        _ => Err(loader.errors),
    }
}
