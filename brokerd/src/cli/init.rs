//! `brokerd init`: a master key that nobody has seen, and two files to start from.

mod starter;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use broker_core::arn::KmsKeyArn;
use broker_core::clock::SystemClock;
use broker_core::id::InstallationId;
use broker_core::kms::Kms;
use broker_core::store::Store;
use broker_core::vault::MasterKey;
use clap::Args;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::failure::Mistakes;
use super::output;
use super::site::Site;
use crate::config::{SealingKey, WrappedKeysToMake, sealing_key, sqlite_store, wrapped_keys_to_make};

/// Make a master key and two files to start from; overwrites nothing
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to make them [default: the folder of --config, else the current directory]
    #[arg(long, value_name = "PATH")]
    directory: Option<PathBuf>,
    /// Have AWS KMS make the master key, and wrap it with this key
    #[arg(long, value_name = "KEY_ARN", value_parser = key_arn)]
    kms: Option<KmsKeyArn>,
}

impl Init {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let config = self.config_file(site);
        let folder = match config.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let mut made_any = made(&config, make(&config, starter::config(self.kms.as_ref()).as_bytes(), PUBLIC)?)?;
        let connectors = config.with_file_name("connectors.toml");
        made_any |= made(&connectors, make(&connectors, starter::CONNECTORS.as_bytes(), PUBLIC)?)?;
        // Where the configuration says: it may have been there before.
        let keep = match &self.kms {
            Some(arn) => {
                let keys = wrapped_keys_to_make(&config, arn, site.environment()).map_err(Mistakes)?;
                made_any |= make_wrapped(keys).await?;
                starter::KEEP_WRAPPED
            }
            None => match sealing_key(&config).map_err(Mistakes)? {
                SealingKey::File(file) => {
                    none_beside_a_store(&file, sqlite_store(&config))?;
                    let key = MasterKey::generate()?;
                    let text = format!("{}\n", key.expose_secret());
                    made_any |= made(&file, make(&file, text.as_bytes(), SECRET)?)?;
                    starter::KEEP_PLAIN
                }
                SealingKey::Environment => {
                    output::line(&format!("{} takes the master key from the environment", config.display()))?;
                    starter::KEEP_PLAIN
                }
                SealingKey::Kms => {
                    output::line(&format!("{} has AWS KMS wrap the master key: give --kms KEY_ARN", config.display()))?;
                    starter::KEEP_WRAPPED
                }
            },
        };
        if made_any {
            output::line(&starter::next_steps(&config, keep))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn config_file(&self, site: &Site) -> PathBuf {
        match (&self.directory, site.named()) {
            (Some(folder), _) => folder.join("brokerd.toml"),
            (None, Some(named)) => named.to_owned(),
            (None, None) => PathBuf::from("brokerd.toml"),
        }
    }
}

/// Has KMS make each key whose file is not there, for the installation that the store is of, or else is to become.
async fn make_wrapped(wanted: WrappedKeysToMake) -> anyhow::Result<bool> {
    let WrappedKeysToMake { keys, installation, store, aws } = wanted;
    let stored = Store::installation_of(&store).await.context("cannot learn which installation the store is of")?;
    let installation = stored.or(installation).unwrap_or_else(InstallationId::random);
    let kms = Kms::new(aws.outbound.pool()?, aws.sts, std::sync::Arc::new(SystemClock));
    let mut made_any = false;
    for key in keys {
        if key.file.exists() {
            made(&key.file, false)?;
            continue;
        }
        let wrapped = kms.make(&key.key, key.id, installation, Instant::now() + aws.deadline).await?;
        made_any |= made(&key.file, make(&key.file, wrapped.to_text().as_bytes(), SECRET)?)?;
        output::line(&format!("it is bound to the encryption context brokerd:installation = {installation}"))?;
    }
    Ok(made_any)
}

/// A new key opens nothing of a store that is there: its own has been lost, and only a copy of it helps.
fn none_beside_a_store(key: &Path, store: Option<PathBuf>) -> anyhow::Result<()> {
    match store.filter(|store| store.exists() && !key.exists()) {
        None => Ok(()),
        Some(store) => bail!(
            "no master key is made: the store {} is there already, and nothing that is sealed in it would open with a new one. Put back the copy of the key that was in {}. If a new installation is to begin, move the store away first",
            store.display(),
            key.display()
        ),
    }
}

fn key_arn(text: &str) -> Result<KmsKeyArn, String> {
    KmsKeyArn::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// Says whether it was made, and hands that on.
fn made(path: &Path, made: bool) -> std::io::Result<bool> {
    let what = if made { "made" } else { "there already, left as it is:" };
    output::line(&format!("{what} {}", path.display())).map(|()| made)
}

/// Makes a file that is not there, whole or not at all; says whether it did.
fn make(path: &Path, contents: &[u8], mode: u32) -> anyhow::Result<bool> {
    let cannot = || format!("cannot make {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error).with_context(cannot),
    };
    if let Err(error) = file.write_all(contents).and_then(|()| file.sync_all()) {
        drop(file);
        let _ = fs::remove_file(path);
        return Err(error).with_context(cannot);
    }
    Ok(true)
}

const PUBLIC: u32 = 0o644;
const SECRET: u32 = 0o600;
