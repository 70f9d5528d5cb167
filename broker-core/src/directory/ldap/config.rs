//! What an administrator writes about an LDAP directory.

use std::path::PathBuf;

use serde::Deserialize;

use super::account::AccountRule;
use super::preset::Preset;
use super::tls::TlsVersion;
use crate::directory::{LockoutConfig, TrustedAttribute};

/// The table `[directory.backend.ldap]`. `Secret` is how the file's reader writes down where a secret is; this module never
/// sees more of it than what was found there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapConfig<Secret> {
    /// The kind of directory, which says what is usual there.
    #[serde(default)]
    pub preset: Preset,
    /// `ldaps://HOST[:PORT]`, or `ldap://HOST[:PORT]` together with `starttls`.
    pub urls: Vec<String>,
    /// Which of them is asked first.
    #[serde(default)]
    pub order: Order,
    #[serde(default)]
    pub starttls: bool,
    /// For a server on this very machine, whose address is written `127.0.0.1` or `[::1]`. There is no other way to do without TLS,
    /// and none to do without verifying the certificate.
    #[serde(default)]
    pub plain_text_on_loopback: bool,
    /// The certificates (PEM) that may have signed the servers' ones; without it, those that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// For whom the servers' certificates are, where that is not the host of their address.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Shows servers who we are.
    #[serde(default)]
    pub client_certificate: Option<ClientCertificateConfig>,
    #[serde(default)]
    pub min_tls_version: TlsVersion,
    #[serde(default)]
    pub bind_dn: Option<String>,
    #[serde(default = "Option::default")]
    pub bind_password: Option<Secret>,
    /// Searches without any credential of our own, instead of `bind_dn` and `bind_password`.
    #[serde(default)]
    pub anonymous: bool,
    pub users: UsersConfig,
    pub groups: GroupsConfig,
    /// What people cannot change about themselves there, so that it may name a session or a tag.
    #[serde(default)]
    pub trusted_attributes: Vec<TrustedAttribute>,
    #[serde(default = "three")]
    pub connect_timeout_seconds: u64,
    #[serde(default = "ten")]
    pub operation_timeout_seconds: u64,
    /// The limit on everything that one question to the directory takes, servers that fail included.
    #[serde(default = "twenty")]
    pub deadline_seconds: u64,
    /// How long a server that failed is only asked when all others have failed too.
    #[serde(default = "thirty")]
    pub rest_seconds: u64,
    #[serde(default)]
    pub pool: PoolConfig,
    pub lockout: Option<LockoutConfig>,
}

/// Which server is asked first; one that failed lately comes last either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    AsWritten,
    /// Another one for each connection, so that all have the same to do.
    Random,
}

/// Files in PEM form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificateConfig {
    /// The certificate, then those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key, which nobody else may read.
    pub key: PathBuf,
}

/// The connections that are kept open for searches.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// So many at most.
    pub size: u32,
    /// How long a question waits for one while all are in use.
    pub wait_seconds: u64,
    /// One that was not asked for so long is closed: below what firewalls and servers commonly allow.
    pub idle_seconds: u64,
    /// One that is older is closed.
    pub age_seconds: u64,
    /// One that was not asked for so long is tried before somebody relies on it.
    pub probe_after_seconds: u64,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { size: 16, wait_seconds: 5, idle_seconds: 50, age_seconds: 5 * 60, probe_after_seconds: 15 }
    }
}

/// Where people are and what is to be read of them. What is not said is as the preset has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersConfig {
    pub base: String,
    #[serde(default)]
    pub scope: UsersScope,
    /// By which attributes people may name themselves, each enough. Instead of `filter`.
    #[serde(default)]
    pub sign_in_attributes: Option<Vec<String>>,
    /// Finds somebody by what was typed. Who is no longer found by it under any name is gone at the next check.
    #[serde(default)]
    pub filter: Option<String>,
    /// The canonical name.
    #[serde(default)]
    pub username_attribute: Option<String>,
    /// What never changes and is never given again: `entryUUID`, `objectGUID`, `nsUniqueId`.
    #[serde(default)]
    pub id_attribute: Option<String>,
    #[serde(default)]
    pub display_name_attribute: Option<String>,
    #[serde(default)]
    pub email_attribute: Option<String>,
    /// By which rules entries say that an account is not in use.
    #[serde(default)]
    pub account_rules: Option<Vec<AccountRule>>,
    /// Marks accounts that are switched off, beside those rules.
    #[serde(default)]
    pub disabled: Option<DisabledConfig>,
}

/// How far below their base people are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsersScope {
    #[default]
    Subtree,
    /// Right below it, and no deeper.
    OneLevel,
}

/// An attribute that says that an account is switched off.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledConfig {
    pub attribute: String,
    /// Without it, any value disables.
    #[serde(default)]
    pub value: Option<String>,
}

/// How groups are found.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupsConfig {
    /// The person's entry names them.
    MemberOf(MemberOfConfig),
    /// The groups' entries name the person.
    Search(GroupSearchConfig),
    /// Active Directory follows groups in groups itself, by its rule for chains.
    InChain(InChainConfig),
    /// Active Directory names all groups of a person, those in groups too, by their security identifiers.
    TokenGroups(TokenGroupsConfig),
}

/// Groups from `memberOf`: the name is the first part of each value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberOfConfig {
    #[serde(default = "member_of")]
    pub attribute: String,
    /// The attribute by which groups' entries are named, or `dn`.
    #[serde(default = "cn")]
    pub name_attribute: String,
    /// Groups elsewhere do not count.
    #[serde(default)]
    pub base: Option<String>,
    /// Whether `primaryGroupID` names one more; as the preset has it.
    #[serde(default)]
    pub primary_group: Option<bool>,
}

/// Groups by searching for them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSearchConfig {
    pub base: String,
    /// With `{dn}` or `{username}`, as in `(memberUid={username})`.
    #[serde(default = "member_filter")]
    pub filter: String,
    /// The attribute by which groups' entries are named, `sAMAccountName`, or `dn`.
    #[serde(default = "cn")]
    pub name: String,
    /// Groups in groups as well, asked for level by level; needs `{dn}`.
    #[serde(default)]
    pub nested: bool,
    /// How many to ask for at a time: not more than the server gives at once.
    #[serde(default = "five_hundred")]
    pub page_size: u32,
    /// Whether `primaryGroupID` names one more; as the preset has it.
    #[serde(default)]
    pub primary_group: Option<bool>,
}

/// Groups by Active Directory's rule for chains, which one search follows to the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InChainConfig {
    pub base: String,
    /// `sAMAccountName`, which no two groups of a domain share, the attribute by which groups' entries are named, or `dn`.
    #[serde(default = "sam_account_name")]
    pub name: String,
    #[serde(default = "five_hundred")]
    pub page_size: u32,
}

/// Groups by `tokenGroups`: those that Active Directory itself gives rights by.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenGroupsConfig {
    pub base: String,
    /// As of `in_chain`.
    #[serde(default = "sam_account_name")]
    pub name: String,
    #[serde(default = "five_hundred")]
    pub page_size: u32,
}

fn member_filter() -> String {
    "(member={dn})".to_owned()
}

fn member_of() -> String {
    "memberOf".to_owned()
}

fn cn() -> String {
    "cn".to_owned()
}

fn sam_account_name() -> String {
    "sAMAccountName".to_owned()
}

fn three() -> u64 {
    3
}

fn ten() -> u64 {
    10
}

fn twenty() -> u64 {
    20
}

fn thirty() -> u64 {
    30
}

fn five_hundred() -> u32 {
    500
}
