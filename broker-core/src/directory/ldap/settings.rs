//! An LDAP directory's settings, every part of them checked when they are loaded.

use std::time::Duration;

use rustls_pki_types::ServerName;
use secrecy::SecretString;

use super::account::AccountRule;
use super::config::{
    DisabledConfig, GroupsConfig, InChainConfig, LdapConfig, PoolConfig, TokenGroupsConfig, UsersConfig, UsersScope,
};
use super::dn::{Dn, is_attribute};
use super::filter::{FilterError, Template};
use super::group_name::{Naming, NeedsBase};
use super::identity::Identity;
use super::pool::Keeping;
use super::preset::{Preset, PresetUsers};
use super::request::Scope;
use super::server::{Server, UrlError};
use super::servers::Access;
use super::tls::{ClientCertificate, Tls, TlsProblem, TlsVersion};
use crate::directory::{LONGEST_ANSWER, Lockout, NotALockout, TrustedAttribute};

/// An LDAP directory's settings, checked.
#[derive(Clone)]
pub struct LdapSettings {
    pub(super) access: Access,
    pub(super) keeping: Keeping,
    pub(super) users: Users,
    pub(super) groups: Groups,
    pub(super) email_trusted: bool,
    pub(super) deadline: Duration,
    pub(super) lockout: Lockout,
}

/// What the settings name by where it is.
#[derive(Debug, Default)]
pub struct Referenced {
    /// What the file in `ca_file` holds.
    pub ca_pem: Option<String>,
    pub bind_password: Option<SecretString>,
    pub client_certificate: Option<ClientCertificate>,
}

/// Our own credential.
#[derive(Clone, Debug)]
pub(super) struct ServiceAccount {
    pub(super) dn: String,
    pub(super) password: SecretString,
}

#[derive(Clone, Debug)]
pub(super) struct Users {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: Template,
    pub(super) username: String,
    pub(super) id: Identity,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) account_rules: Vec<AccountRule>,
    pub(super) disabled: Option<DisabledConfig>,
}

#[derive(Clone, Debug)]
pub(super) enum Groups {
    MemberOf { attribute: String, naming: Naming, primary: bool },
    Search { base: String, filter: Template, naming: Naming, nested: bool, page_size: u32, primary: bool },
    InChain { base: String, naming: Naming, page_size: u32 },
    Token { base: String, naming: Naming, page_size: u32 },
}

impl Groups {
    /// Whether only Active Directory can tell them.
    pub(super) fn want_active_directory(&self) -> bool {
        match self {
            Self::InChain { .. } | Self::Token { .. } => true,
            Self::MemberOf { primary, .. } | Self::Search { primary, .. } => *primary,
        }
    }
}

/// Why settings cannot be used; `key` names the place below `[directory.backend.ldap]`.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`")]
pub struct LdapSettingsError {
    pub key: &'static str,
    #[source]
    pub problem: SettingsProblem,
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsProblem {
    #[error("name at least one server")]
    NoServer,
    #[error("the address of a server cannot be used")]
    Url(#[from] UrlError),
    #[error("not one usable certificate in PEM form")]
    Certificates,
    #[error("not a private key in PEM form that fits the certificate")]
    Key,
    #[error("neither a name nor an address that a certificate could hold")]
    ServerName,
    #[error("a directory without TLS has no use for it")]
    NoUse,
    #[error("a directory without TLS has no use for certificates")]
    NoTls,
    #[error("the system has no certificates to trust; name the ones that signed your directory's")]
    NoSystemCertificates,
    #[error("say who searches the directory: `bind_dn` with `bind_password`, or `anonymous = true`")]
    NoServiceAccount,
    #[error("`anonymous = true` and a credential exclude each other")]
    AnonymousWithCredential,
    #[error("an empty password would make the search anonymous without saying so")]
    EmptyPassword,
    #[error("not a distinguished name")]
    NotADn,
    #[error("not the name of an attribute")]
    NotAnAttribute,
    #[error("with the preset `custom` nothing goes without saying: write it")]
    NothingUsual,
    #[error("`filter` says by what people are found: leave one of the two out")]
    FilterAndAttributes,
    #[error("name at least one attribute")]
    NoAttribute,
    #[error("groups elsewhere may have the same names: say below which entry groups count, or name them by `dn`")]
    NeedsBase,
    #[error(
        "the values are distinguished names and nothing else: write the attribute that their first parts have, or `dn`"
    )]
    NotInTheName,
    #[error("the search filter cannot be used")]
    Filter(#[from] FilterError),
    #[error("groups in groups are found by their distinguished name: the filter needs {{dn}}")]
    NestedNeedsDn,
    #[error("{found} is out of bounds: write {min} to {max}")]
    OutOfRange { found: u64, min: u64, max: u64 },
    #[error(transparent)]
    Lockout(#[from] NotALockout),
}

impl LdapSettings {
    /// Checks every setting.
    pub fn new<Secret>(config: LdapConfig<Secret>, referenced: Referenced) -> Result<Self, LdapSettingsError> {
        let Referenced { ca_pem, bind_password, client_certificate } = referenced;
        let (servers, tls) = servers(&config, ca_pem.as_deref(), client_certificate.as_ref())?;
        let groups = groups(config.preset, config.groups)?;
        let access = Access {
            servers,
            order: config.order,
            tls,
            service: service(config.anonymous, config.bind_dn, bind_password)?,
            connect_timeout: seconds("connect_timeout_seconds", config.connect_timeout_seconds, MAX_SECONDS)?,
            operation_timeout: seconds("operation_timeout_seconds", config.operation_timeout_seconds, MAX_SECONDS)?,
            rest: seconds("rest_seconds", config.rest_seconds, MAX_SECONDS)?,
            wants_active_directory: groups.want_active_directory(),
        };
        Ok(Self {
            access,
            keeping: keeping(config.pool)?,
            users: users(config.preset, config.users)?,
            groups,
            email_trusted: config.trusted_attributes.contains(&TrustedAttribute::Email),
            deadline: seconds("deadline_seconds", config.deadline_seconds, LONGEST_ANSWER.as_secs())?,
            lockout: config.lockout.checked().map_err(|(key, problem)| LdapSettingsError::at(key, problem))?,
        })
    }
}

impl std::fmt::Debug for LdapSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LdapSettings")
            .field("servers", &self.access.servers)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

impl LdapSettingsError {
    fn at(key: &'static str, problem: impl Into<SettingsProblem>) -> Self {
        Self { key, problem: problem.into() }
    }
}

fn servers<Secret>(
    config: &LdapConfig<Secret>,
    ca_pem: Option<&str>,
    client: Option<&ClientCertificate>,
) -> Result<(Vec<Server>, Tls), LdapSettingsError> {
    let at_urls = |problem: UrlError| LdapSettingsError::at("urls", problem);
    if config.urls.is_empty() {
        return Err(LdapSettingsError::at("urls", SettingsProblem::NoServer));
    }
    let servers = config.urls.iter().map(|url| Server::parse(url, config.starttls, config.plain_text_on_loopback));
    let mut servers = servers.collect::<Result<Vec<_>, _>>().map_err(at_urls)?;
    let needed = servers.iter().any(Server::uses_tls);
    if !needed {
        let without_use = [
            ("ca_file", ca_pem.is_some(), SettingsProblem::NoTls),
            ("client_certificate", config.client_certificate.is_some(), SettingsProblem::NoTls),
            ("server_name", config.server_name.is_some(), SettingsProblem::NoUse),
            ("min_tls_version", config.min_tls_version != TlsVersion::default(), SettingsProblem::NoUse),
        ];
        if let Some((key, _, problem)) = without_use.into_iter().find(|(_, written, _)| *written) {
            return Err(LdapSettingsError::at(key, problem));
        }
    }
    if let Some(name) = &config.server_name {
        let name = ServerName::try_from(name.to_ascii_lowercase())
            .map_err(|_| LdapSettingsError::at("server_name", SettingsProblem::ServerName))?;
        servers = servers.into_iter().map(|server| server.called(name.clone())).collect();
    }
    let tls = Tls::new(needed, ca_pem.map(str::as_bytes), client, config.min_tls_version);
    let tls = tls.map_err(|problem| match problem {
        TlsProblem::Roots(problem) => LdapSettingsError::at("ca_file", problem),
        TlsProblem::Certificate(problem) => LdapSettingsError::at("client_certificate.certificate", problem),
        TlsProblem::Key(problem) => LdapSettingsError::at("client_certificate.key", problem),
    })?;
    Ok((servers, tls))
}

fn keeping(config: PoolConfig) -> Result<Keeping, LdapSettingsError> {
    let PoolConfig { size, wait_seconds, idle_seconds, age_seconds, probe_after_seconds } = config;
    let in_range = (1..=MAX_POOL).contains(&size).then(|| usize::try_from(size).ok()).flatten();
    let out_of_range = || SettingsProblem::OutOfRange { found: size.into(), min: 1, max: MAX_POOL.into() };
    Ok(Keeping {
        size: in_range.ok_or_else(|| LdapSettingsError::at("pool.size", out_of_range()))?,
        wait: seconds("pool.wait_seconds", wait_seconds, LONGEST_ANSWER.as_secs())?,
        idle: seconds("pool.idle_seconds", idle_seconds, MAX_KEPT_SECONDS)?,
        age: seconds("pool.age_seconds", age_seconds, MAX_KEPT_SECONDS)?,
        probe_after: seconds("pool.probe_after_seconds", probe_after_seconds, MAX_KEPT_SECONDS)?,
    })
}

fn service(
    anonymous: bool,
    dn: Option<String>,
    password: Option<SecretString>,
) -> Result<Option<ServiceAccount>, LdapSettingsError> {
    use secrecy::ExposeSecret;
    match (anonymous, dn, password) {
        (true, None, None) => Ok(None),
        (true, ..) => Err(LdapSettingsError::at("anonymous", SettingsProblem::AnonymousWithCredential)),
        (false, Some(_), Some(password)) if password.expose_secret().is_empty() => {
            Err(LdapSettingsError::at("bind_password", SettingsProblem::EmptyPassword))
        }
        (false, Some(dn), Some(password)) => Ok(Some(ServiceAccount { dn: checked_dn("bind_dn", dn)?, password })),
        (false, Some(_), None) => Err(LdapSettingsError::at("bind_password", SettingsProblem::NoServiceAccount)),
        (false, None, _) => Err(LdapSettingsError::at("bind_dn", SettingsProblem::NoServiceAccount)),
    }
}

fn users(preset: Preset, config: UsersConfig) -> Result<Users, LdapSettingsError> {
    let usual = preset.users();
    let or_usual = |key, written: Option<String>, of: fn(&PresetUsers) -> &'static str| {
        let usual = usual.as_ref().map(|usual| of(usual).to_owned());
        written.or(usual).map(|name| attribute(key, name)).transpose()
    };
    let needed = |key, written, of| {
        or_usual(key, written, of)?.ok_or_else(|| LdapSettingsError::at(key, SettingsProblem::NothingUsual))
    };
    if let Some(disabled) = &config.disabled {
        attribute("users.disabled.attribute", disabled.attribute.clone())?;
    }
    Ok(Users {
        base: checked_dn("users.base", config.base)?,
        scope: match config.scope {
            UsersScope::Subtree => Scope::Subtree,
            UsersScope::OneLevel => Scope::OneLevel,
        },
        filter: users_filter(usual.as_ref(), config.filter, config.sign_in_attributes)?,
        username: needed("users.username_attribute", config.username_attribute, |usual| usual.username)?,
        id: Identity::by(needed("users.id_attribute", config.id_attribute, |usual| usual.id)?),
        display_name: or_usual("users.display_name_attribute", config.display_name_attribute, |usual| {
            usual.display_name
        })?,
        email: or_usual("users.email_attribute", config.email_attribute, |usual| usual.email)?,
        account_rules: config
            .account_rules
            .unwrap_or_else(|| usual.as_ref().map_or(Vec::new(), |usual| usual.account_rules.to_vec())),
        disabled: config.disabled,
    })
}

fn users_filter(
    usual: Option<&PresetUsers>,
    filter: Option<String>,
    attributes: Option<Vec<String>>,
) -> Result<Template, LdapSettingsError> {
    let at = |problem| LdapSettingsError::at("users.sign_in_attributes", problem);
    let text = match (filter, attributes) {
        (Some(_), Some(_)) => return Err(at(SettingsProblem::FilterAndAttributes)),
        (Some(filter), None) => filter,
        (None, written) => {
            let usual_ones = || usual.map(|usual| usual.sign_in.iter().map(|name| (*name).to_owned()).collect());
            let nothing = || LdapSettingsError::at("users.filter", SettingsProblem::NothingUsual);
            let names: Vec<String> = written.or_else(usual_ones).ok_or_else(nothing)?;
            let one = |name| Ok(format!("({}={{username}})", attribute("users.sign_in_attributes", name)?));
            let by_name = names.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let by_name = match by_name.as_slice() {
                [] => return Err(at(SettingsProblem::NoAttribute)),
                [one] => one.clone(),
                many => format!("(|{})", many.concat()),
            };
            match usual.map_or("", |usual| usual.class_filter) {
                "" => by_name,
                class => format!("(&{class}{by_name})"),
            }
        }
    };
    Template::for_users(&text).map_err(|error| LdapSettingsError::at("users.filter", error))
}

fn groups(preset: Preset, config: GroupsConfig) -> Result<Groups, LdapSettingsError> {
    let usual_primary = preset.users().is_some_and(|usual| usual.primary_group);
    match config {
        GroupsConfig::MemberOf(config) => {
            let at_base = |problem| LdapSettingsError::at("groups.member_of.base", problem);
            let base = config.base.map(|base| Dn::parse(&base)).transpose();
            let base = base.map_err(|_| at_base(SettingsProblem::NotADn))?;
            let name = attribute("groups.member_of.name_attribute", config.name_attribute)?;
            let naming = Naming::new(name, base).map_err(|NeedsBase| at_base(SettingsProblem::NeedsBase))?;
            if !naming.is_by_dn_alone() {
                return Err(LdapSettingsError::at("groups.member_of.name_attribute", SettingsProblem::NotInTheName));
            }
            let attribute = attribute("groups.member_of.attribute", config.attribute)?;
            Ok(Groups::MemberOf { attribute, naming, primary: config.primary_group.unwrap_or(usual_primary) })
        }
        GroupsConfig::Search(config) => {
            let at_filter = |error: FilterError| LdapSettingsError::at("groups.search.filter", error);
            let filter = Template::for_groups(&config.filter).map_err(at_filter)?;
            if config.nested && !filter.takes_dn() {
                return Err(LdapSettingsError::at("groups.search.nested", SettingsProblem::NestedNeedsDn));
            }
            let (base, naming) = named_below(config.base, config.name, ("groups.search.base", "groups.search.name"))?;
            Ok(Groups::Search {
                base,
                filter,
                naming,
                nested: config.nested,
                page_size: page_size("groups.search.page_size", config.page_size)?,
                primary: config.primary_group.unwrap_or(usual_primary),
            })
        }
        GroupsConfig::InChain(InChainConfig { base, name, page_size: at_once }) => {
            let (base, naming) = named_below(base, name, ("groups.in_chain.base", "groups.in_chain.name"))?;
            Ok(Groups::InChain { base, naming, page_size: page_size("groups.in_chain.page_size", at_once)? })
        }
        GroupsConfig::TokenGroups(TokenGroupsConfig { base, name, page_size: at_once }) => {
            let (base, naming) = named_below(base, name, ("groups.token_groups.base", "groups.token_groups.name"))?;
            Ok(Groups::Token { base, naming, page_size: page_size("groups.token_groups.page_size", at_once)? })
        }
    }
}

fn named_below(
    base: String,
    name: String,
    (base_key, name_key): (&'static str, &'static str),
) -> Result<(String, Naming), LdapSettingsError> {
    let dn = Dn::parse(&base).map_err(|_| LdapSettingsError::at(base_key, SettingsProblem::NotADn))?;
    let naming = Naming::new(attribute(name_key, name)?, Some(dn));
    Ok((base, naming.map_err(|NeedsBase| LdapSettingsError::at(base_key, SettingsProblem::NeedsBase))?))
}

fn page_size(key: &'static str, size: u32) -> Result<u32, LdapSettingsError> {
    if (1..=MAX_PAGE).contains(&size) {
        Ok(size)
    } else {
        let range = SettingsProblem::OutOfRange { found: size.into(), min: 1, max: MAX_PAGE.into() };
        Err(LdapSettingsError::at(key, range))
    }
}

fn checked_dn(key: &'static str, dn: String) -> Result<String, LdapSettingsError> {
    Dn::parse(&dn).map_err(|_| LdapSettingsError::at(key, SettingsProblem::NotADn))?;
    Ok(dn)
}

fn attribute(key: &'static str, name: String) -> Result<String, LdapSettingsError> {
    if is_attribute(&name) { Ok(name) } else { Err(LdapSettingsError::at(key, SettingsProblem::NotAnAttribute)) }
}

fn seconds(key: &'static str, seconds: u64, most: u64) -> Result<Duration, LdapSettingsError> {
    if (1..=most).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(LdapSettingsError::at(key, SettingsProblem::OutOfRange { found: seconds, min: 1, max: most }))
    }
}

/// Active Directory's own limit, the largest that is common.
const MAX_PAGE: u32 = 5_000;

const MAX_SECONDS: u64 = 300;

/// More than servers commonly grant one client.
const MAX_POOL: u32 = 256;

const MAX_KEPT_SECONDS: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        urls = ["ldap://127.0.0.1"]
        plain_text_on_loopback = true
        bind_dn = "cn=brokerd,dc=corp"
        bind_password = "where it is"
        users = { base = "ou=people,dc=corp" }
        groups = { member_of = { base = "ou=groups,dc=corp" } }
    "#;

    const MEMBER_OF: &str = "member_of = { base = \"ou=groups,dc=corp\" }";
    const PEOPLE: &str = "base = \"ou=people,dc=corp\"";

    fn load(text: &str) -> Result<LdapSettings, LdapSettingsError> {
        let config: LdapConfig<String> = toml::from_str(text).unwrap();
        let password = config.bind_password.clone().map(SecretString::from);
        LdapSettings::new(config, Referenced { bind_password: password, ..Referenced::default() })
    }

    #[test]
    fn the_defaults_are_openldaps() {
        let settings = load(GOOD).unwrap();
        assert_eq!(settings.users.id.attribute(), "entryUUID");
        assert_eq!(settings.users.filter, Template::for_users("(uid={username})").unwrap());
        assert_eq!(settings.users.scope, Scope::Subtree);
        assert!(matches!(settings.groups, Groups::MemberOf { primary: false, .. }));
        assert!(!settings.email_trusted);
        assert!(!format!("{:?}", settings.access.service).contains("where it is"), "no secret in Debug");
    }

    #[test]
    fn unknown_keys_are_refused() {
        for more in ["verify = false", "no_tls_verify = true", "users.x = 1"] {
            let text = if more == "users.x = 1" {
                GOOD.replace("\"ou=people,dc=corp\"", "\"ou=people,dc=corp\", x = 1")
            } else {
                format!("{more}\n{GOOD}")
            };
            assert!(toml::from_str::<LdapConfig<String>>(&text).is_err(), "{more}");
        }
    }

    #[test]
    fn every_mistake_names_its_key() {
        for (from, to, key) in [
            ("[\"ldap://127.0.0.1\"]", "[]", "urls"),
            ("plain_text_on_loopback = true", "", "urls"),
            ("ldap://127.0.0.1", "ldap://192.0.2.1", "urls"),
            ("ldap://127.0.0.1", "ldap://localhost", "urls"),
            ("cn=brokerd,dc=corp", "brokerd", "bind_dn"),
            ("bind_dn = \"cn=brokerd,dc=corp\"", "", "bind_dn"),
            ("bind_password = \"where it is\"", "", "bind_password"),
            ("bind_password = \"where it is\"", "bind_password = \"\"", "bind_password"),
            ("bind_password = \"where it is\"", "bind_password = \"x\"\nanonymous = true", "anonymous"),
            (PEOPLE, "base = \"\"", "users.base"),
            (PEOPLE, "base = \"dc=c\", filter = \"(uid=ada)\"", "users.filter"),
            (PEOPLE, "base = \"dc=c\", id_attribute = \"a b\"", "users.id_attribute"),
            (MEMBER_OF, "member_of = { base = \"x\" }", "groups.member_of.base"),
            (MEMBER_OF, "member_of = {}", "groups.member_of.base"),
            (
                MEMBER_OF,
                "member_of = { base = 'dc=c', name_attribute = 'sAMAccountName' }",
                "groups.member_of.name_attribute",
            ),
            (MEMBER_OF, "in_chain = { base = \"\" }", "groups.in_chain.base"),
            (MEMBER_OF, "in_chain = { base = 'dc=c', name = 'a b' }", "groups.in_chain.name"),
            (MEMBER_OF, "in_chain = { base = 'dc=c', page_size = 5001 }", "groups.in_chain.page_size"),
            (MEMBER_OF, "token_groups = { base = 'x' }", "groups.token_groups.base"),
            (MEMBER_OF, "token_groups = { base = 'dc=c', name = '' }", "groups.token_groups.name"),
            (MEMBER_OF, "token_groups = { base = 'dc=c', page_size = 0 }", "groups.token_groups.page_size"),
            (PEOPLE, "base = 'dc=c', sign_in_attributes = []", "users.sign_in_attributes"),
            (PEOPLE, "base = 'dc=c', sign_in_attributes = ['u)(x']", "users.sign_in_attributes"),
            (
                PEOPLE,
                "base = 'dc=c', sign_in_attributes = ['uid'], filter = '(uid={username})'",
                "users.sign_in_attributes",
            ),
            ("users =", "preset = 'custom'\nusers =", "users.filter"),
            (MEMBER_OF, "search = { base = \"dc=c\", filter = \"(cn=x)\" }", "groups.search.filter"),
            (MEMBER_OF, "search = { base = \"dc=c\", page_size = 0 }", "groups.search.page_size"),
            (
                MEMBER_OF,
                "search = { base = \"dc=c\", filter = \"(memberUid={username})\", nested = true }",
                "groups.search.nested",
            ),
            ("groups =", "pool = { size = 0 }\ngroups =", "pool.size"),
            ("groups =", "pool = { size = 257 }\ngroups =", "pool.size"),
            ("groups =", "pool = { wait_seconds = 31 }\ngroups =", "pool.wait_seconds"),
            ("groups =", "pool = { idle_seconds = 0 }\ngroups =", "pool.idle_seconds"),
            ("groups =", "pool = { age_seconds = 86401 }\ngroups =", "pool.age_seconds"),
            ("groups =", "pool = { probe_after_seconds = 0 }\ngroups =", "pool.probe_after_seconds"),
            ("groups =", "server_name = 'ldap'\ngroups =", "server_name"),
            ("groups =", "min_tls_version = '1.3'\ngroups =", "min_tls_version"),
            ("groups =", "client_certificate = { certificate = 'c', key = 'k' }\ngroups =", "client_certificate"),
            ("groups =", "deadline_seconds = 0\ngroups =", "deadline_seconds"),
            ("groups =", "deadline_seconds = 31\ngroups =", "deadline_seconds"),
            ("groups =", "rest_seconds = 301\ngroups =", "rest_seconds"),
        ] {
            assert_eq!(load(&GOOD.replace(from, to)).unwrap_err().key, key, "{to}");
        }
    }

    #[test]
    fn a_preset_says_what_is_usual_and_each_of_it_can_be_written_otherwise() {
        let text = |more: &str| {
            GOOD.replace("users =", "preset = 'active_directory'\nusers =").replace(PEOPLE, &format!("{PEOPLE}{more}"))
        };
        let usual = load(&text("")).unwrap().users;
        let filter =
            "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={username})(userPrincipalName={username})))";
        assert_eq!(usual.filter, Template::for_users(filter).unwrap());
        assert_eq!((usual.username.as_str(), usual.id.attribute()), ("sAMAccountName", "objectGUID"));
        assert_eq!(usual.account_rules, [AccountRule::ActiveDirectory]);
        let written = ", scope = 'one_level', sign_in_attributes = ['mail'], username_attribute = 'cn', id_attribute = 'objectSid', \
            display_name_attribute = 'description', email_attribute = 'userPrincipalName', account_rules = []";
        let other = load(&text(written)).unwrap().users;
        let filter = "(&(objectCategory=person)(objectClass=user)(mail={username}))";
        assert_eq!(other.filter, Template::for_users(filter).unwrap());
        assert_eq!((other.username.as_str(), other.id.attribute()), ("cn", "objectSid"));
        assert_eq!(
            (other.display_name.as_deref(), other.email.as_deref()),
            (Some("description"), Some("userPrincipalName"))
        );
        assert_eq!((other.scope, other.account_rules.len()), (Scope::OneLevel, 0));
    }

    #[test]
    fn custom_takes_nothing_for_granted() {
        let text = |users: &str| {
            GOOD.replace("users =", "preset = 'custom'\nusers =").replace(PEOPLE, &format!("{PEOPLE}{users}"))
        };
        for (users, missing) in [
            ("", "users.filter"),
            (", filter = '(cn={username})'", "users.username_attribute"),
            (", sign_in_attributes = ['cn'], username_attribute = 'cn'", "users.id_attribute"),
        ] {
            assert_eq!(load(&text(users)).unwrap_err().key, missing);
        }
        let all =
            load(&text(", sign_in_attributes = ['cn'], username_attribute = 'cn', id_attribute = 'x-id'")).unwrap();
        assert_eq!((all.users.display_name, all.users.email, all.users.account_rules.len()), (None, None, 0));
    }

    #[test]
    fn nobody_searches_anonymously_by_accident() {
        let anonymous = GOOD
            .replace("bind_dn = \"cn=brokerd,dc=corp\"", "anonymous = true")
            .replace("bind_password = \"where it is\"", "");
        assert!(load(&anonymous).unwrap().access.service.is_none());
    }
}
