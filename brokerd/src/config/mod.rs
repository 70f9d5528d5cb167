//! `brokerd.toml`: read whole, with the secrets that it refers to, or refused with all its mistakes.

mod audit;
mod aws;
mod aws_clients;
mod directory;
mod environment;
mod fields;
mod limits;
mod listen;
mod kms;
mod load;
mod master_key;
mod master_key_ref;
mod operations;
mod seconds;
mod spoilt;
mod store;
mod workload_issuer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use broker_core::access_key::AccessKey;
use broker_core::caller::AdminGroups;
use broker_core::catalog;
use broker_core::directory::crowd::CrowdSettings;
use broker_core::directory::ldap::LdapSettings;
use broker_core::directory::local::LocalPerson;
use broker_core::entitlement::Rules;
use broker_core::file::{Document, Environment, FileError, FileWarning, Place, Source};
use broker_core::iam::IamSettings;
use broker_core::name::{DirectoryName, Group};
use broker_core::registry::RegistrySettings;
use broker_core::store::{Found, Location};
use broker_core::sts::{Outbound, StsSettings};
use broker_core::workload::IssuerSettings;
use ipnet::IpNet;
use url::Url;

use crate::certificate::CertificateFiles;

pub use self::aws_clients::AwsClients;
pub use self::environment::{HandOverError, take_out_of_environment};
pub use self::fields::{Level, LogFormat};
pub use self::kms::{WrappedKeyToMake, WrappedKeysToMake, wrapped_keys_to_make};
pub use self::limits::Limits;
pub use self::master_key::{ConfiguredMasterKey, SealingKey, sealing_key, sqlite_store};
pub use self::operations::OperationsSettings;
pub use self::spoilt::SpoiltConfig;

/// Why the configuration cannot be used.
pub type ConfigError = FileError;

/// Everything that `brokerd.toml` says, checked; docs/configuration.md explains each key.
#[derive(Debug)]
pub struct Config {
    /// Where people and clients reach the broker: a scheme, a host and perhaps a port.
    pub public_url: Url,
    /// Where connectors are described in a file; without it, only the API and the command line make them.
    pub connectors_file: Option<PathBuf>,
    /// Whose members administrate, operate and audit, each of a directory that may say so.
    pub admin_groups: AdminGroups,
    /// What the installation allows beyond the connectors' own groups.
    pub rules: Rules,
    /// Whose members may do nothing without a second factor but enrol one.
    pub second_factor_groups: BTreeSet<Group>,
    pub listen: Listen,
    pub limits: Limits,
    pub store: Location,
    pub audit: Audit,
    pub sessions: Sessions,
    pub aws: Aws,
    /// What AWS's own clients are told.
    pub aws_clients: AwsClients,
    /// A second folder that secrets and policies may be referred to in.
    pub secrets_folder: Option<PathBuf>,
    pub log: Log,
    /// Where operators and their machines ask.
    pub operations: OperationsSettings,
    /// All that can open what is sealed. To be taken out by whoever opens the store.
    pub master_keys: Vec<ConfiguredMasterKey>,
    /// Where each of them is, by its id: for whoever is told that it does not fit.
    pub master_key_places: BTreeMap<String, String>,
    /// The id of the one that seals.
    pub seals_with: String,
    /// In the order in which somebody is looked for.
    pub directories: Vec<DirectoryConfig>,
    /// Who vouches for jobs. To be taken out by whoever serves.
    pub workload_issuers: Vec<IssuerSettings>,
    /// The names of the directories, in the same order.
    pub directory_names: Vec<DirectoryName>,
    /// The environment's secrets, kept for the connectors file.
    pub environment: Environment,
    /// What its writer may not have meant.
    pub warnings: Vec<FileWarning>,
}

/// Where the daemon listens, and whose word on a client's address it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub address: SocketAddr,
    /// What the daemon proves itself with; without it, it speaks plain HTTP.
    pub tls: Option<CertificateFiles>,
    /// Reverse proxies. Never everything.
    pub trusted_proxies: Vec<IpNet>,
}

/// What is kept of the trail, and outside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where heads of the trail's chains are kept: outside the store, for whoever reaches that.
    pub anchor_file: Option<PathBuf>,
    /// Older records are removed; without it, none.
    pub retention_days: Option<u32>,
}

/// How long somebody stays signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Without a request.
    pub idle: Duration,
    /// Whatever happens.
    pub absolute: Duration,
    /// How old groups and account state may be when they decide.
    pub recheck: Duration,
    pub max_per_person: NonZeroU32,
}

/// How AWS is asked.
#[derive(Debug)]
pub struct Aws {
    pub sts: StsSettings,
    pub iam: IamSettings,
    pub registries: RegistrySettings,
    /// For one vend, retries included.
    pub deadline: Duration,
    /// The same, where a person waits before a page.
    pub interactive_deadline: Duration,
    pub outbound: Outbound,
    /// Where the console's federation endpoint is, when not where the partition says.
    pub federation_url: Option<Url>,
}

/// What is written to standard error, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: Level,
}

/// A place that knows people.
#[derive(Debug)]
pub struct DirectoryConfig {
    pub name: DirectoryName,
    /// Whether one of its groups can make an administrator.
    pub may_grant_admin: bool,
    pub backend: Backend,
}

/// What stands behind a directory.
#[derive(Debug)]
pub enum Backend {
    Local(Vec<LocalPerson>),
    Ldap(Box<LdapSettings>),
    Crowd(Box<CrowdSettings>),
}

impl Config {
    /// Reads the file and the secrets that it refers to. Asks no server anything, so it serves `brokerd check` as well.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigError>> {
        Self::load_with(path, Environment::of_process())
    }

    /// The same, with the environment's secrets given.
    pub fn load_with(path: &Path, environment: Environment) -> Result<Self, Vec<ConfigError>> {
        load::load(path, environment)
    }

    /// Where a key stands in this file, for what is found out about it later.
    pub fn place_of(path: &Path, keys: &[&str]) -> Option<Place> {
        let source = Source::read(path, load::MAX_FILE).ok()?;
        let document = Document::parse(&source).ok()?;
        document.offset_of(keys).map(|offset| source.place(offset))
    }

    /// What the connectors file is to be read with; `stored_keys` are the store's, where somebody has asked it.
    pub fn catalog_context<'a>(&'a self, stored_keys: Option<&'a Found<AccessKey>>) -> catalog::Context<'a> {
        catalog::Context {
            directories: &self.directory_names,
            secrets_folder: self.secrets_folder.as_deref(),
            environment: &self.environment,
            stored_keys,
        }
    }
}

#[cfg(test)]
mod tests;
