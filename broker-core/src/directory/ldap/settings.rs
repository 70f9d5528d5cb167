//! An LDAP directory's settings, every part of them checked when they are loaded.

use std::time::Duration;

use secrecy::SecretString;
use tokio_rustls::TlsConnector;

use super::config::{DisabledConfig, GroupsConfig, LdapConfig, UsersConfig};
use super::dn::{Dn, is_attribute};
use super::filter::{FilterError, Template};
use super::server::{Server, UrlError, tls};
use crate::directory::{LONGEST_ANSWER, Lockout, NotALockout, TrustedAttribute};

/// An LDAP directory's settings, checked.
#[derive(Clone)]
pub struct LdapSettings {
    pub(super) servers: Vec<Server>,
    pub(super) tls: TlsConnector,
    pub(super) service: Option<ServiceAccount>,
    pub(super) users: Users,
    pub(super) groups: Groups,
    pub(super) email_trusted: bool,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) rest: Duration,
    pub(super) lockout: Lockout,
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
    pub(super) filter: Template,
    pub(super) username: String,
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) email: String,
    pub(super) disabled: Option<DisabledConfig>,
}

#[derive(Clone, Debug)]
pub(super) enum Groups {
    MemberOf { attribute: String, name: String, base: Option<Dn> },
    Search { base: String, filter: Template, name: String, nested: bool, page_size: u32 },
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
    /// Checks every setting. `ca_pem` is what the file in `ca_file` holds, `bind_password` what `bind_password` refers to.
    pub fn new<Secret>(
        config: LdapConfig<Secret>,
        ca_pem: Option<&[u8]>,
        bind_password: Option<SecretString>,
    ) -> Result<Self, LdapSettingsError> {
        let (servers, tls) = servers(&config, ca_pem)?;
        Ok(Self {
            servers,
            tls,
            service: service(config.anonymous, config.bind_dn, bind_password)?,
            users: users(config.users)?,
            groups: groups(config.groups)?,
            email_trusted: config.trusted_attributes.contains(&TrustedAttribute::Email),
            connect_timeout: seconds("connect_timeout_seconds", config.connect_timeout_seconds, MAX_SECONDS)?,
            operation_timeout: seconds("operation_timeout_seconds", config.operation_timeout_seconds, MAX_SECONDS)?,
            deadline: seconds("deadline_seconds", config.deadline_seconds, LONGEST_ANSWER.as_secs())?,
            rest: seconds("rest_seconds", config.rest_seconds, MAX_SECONDS)?,
            lockout: config.lockout.checked().map_err(|(key, problem)| LdapSettingsError::at(key, problem))?,
        })
    }
}

impl std::fmt::Debug for LdapSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LdapSettings")
            .field("servers", &self.servers)
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
    ca_pem: Option<&[u8]>,
) -> Result<(Vec<Server>, TlsConnector), LdapSettingsError> {
    let at_urls = |problem: UrlError| LdapSettingsError::at("urls", problem);
    if config.urls.is_empty() {
        return Err(LdapSettingsError::at("urls", SettingsProblem::NoServer));
    }
    let servers = config.urls.iter().map(|url| Server::parse(url, config.starttls, config.plain_text_on_loopback));
    let servers = servers.collect::<Result<Vec<_>, _>>().map_err(at_urls)?;
    let needed = servers.iter().any(Server::uses_tls);
    if ca_pem.is_some() && !needed {
        return Err(LdapSettingsError::at("ca_file", SettingsProblem::NoTls));
    }
    let tls = tls(needed, ca_pem).map_err(|problem| LdapSettingsError::at("ca_file", problem))?;
    Ok((servers, tls))
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

fn users(config: UsersConfig) -> Result<Users, LdapSettingsError> {
    if let Some(disabled) = &config.disabled {
        attribute("users.disabled.attribute", disabled.attribute.clone())?;
    }
    Ok(Users {
        base: checked_dn("users.base", config.base)?,
        filter: Template::for_users(&config.filter).map_err(|error| LdapSettingsError::at("users.filter", error))?,
        username: attribute("users.username_attribute", config.username_attribute)?,
        id: attribute("users.id_attribute", config.id_attribute)?,
        display_name: attribute("users.display_name_attribute", config.display_name_attribute)?,
        email: attribute("users.email_attribute", config.email_attribute)?,
        disabled: config.disabled,
    })
}

fn groups(config: GroupsConfig) -> Result<Groups, LdapSettingsError> {
    match config {
        GroupsConfig::MemberOf(config) => {
            let base = config.base.map(|base| Dn::parse(&base)).transpose();
            Ok(Groups::MemberOf {
                attribute: attribute("groups.member_of.attribute", config.attribute)?,
                name: attribute("groups.member_of.name_attribute", config.name_attribute)?,
                base: base.map_err(|_| LdapSettingsError::at("groups.member_of.base", SettingsProblem::NotADn))?,
            })
        }
        GroupsConfig::Search(config) => {
            let at_filter = |error: FilterError| LdapSettingsError::at("groups.search.filter", error);
            let filter = Template::for_groups(&config.filter).map_err(at_filter)?;
            if config.nested && !filter.takes_dn() {
                return Err(LdapSettingsError::at("groups.search.nested", SettingsProblem::NestedNeedsDn));
            }
            if !(1..=MAX_PAGE).contains(&config.page_size) {
                let found = config.page_size.into();
                let range = SettingsProblem::OutOfRange { found, min: 1, max: MAX_PAGE.into() };
                return Err(LdapSettingsError::at("groups.search.page_size", range));
            }
            Ok(Groups::Search {
                base: checked_dn("groups.search.base", config.base)?,
                filter,
                name: attribute("groups.search.name", config.name)?,
                nested: config.nested,
                page_size: config.page_size,
            })
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        urls = ["ldap://127.0.0.1"]
        plain_text_on_loopback = true
        bind_dn = "cn=brokerd,dc=corp"
        bind_password = "where it is"
        users = { base = "ou=people,dc=corp" }
        groups = { member_of = {} }
    "#;

    fn load(text: &str) -> Result<LdapSettings, LdapSettingsError> {
        let config: LdapConfig<String> = toml::from_str(text).unwrap();
        let password = config.bind_password.clone().map(SecretString::from);
        LdapSettings::new(config, None, password)
    }

    #[test]
    fn the_defaults_are_openldaps() {
        let settings = load(GOOD).unwrap();
        assert_eq!(settings.users.id, "entryUUID");
        assert_eq!(settings.users.filter, Template::for_users("(uid={username})").unwrap());
        assert!(matches!(settings.groups, Groups::MemberOf { name, base: None, .. } if name == "cn"));
        assert!(!settings.email_trusted);
        assert!(!format!("{:?}", settings.service).contains("where it is"), "no secret in Debug");
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
            ("base = \"ou=people,dc=corp\"", "base = \"\"", "users.base"),
            ("base = \"ou=people,dc=corp\"", "base = \"dc=c\", filter = \"(uid=ada)\"", "users.filter"),
            ("base = \"ou=people,dc=corp\"", "base = \"dc=c\", id_attribute = \"a b\"", "users.id_attribute"),
            ("member_of = {}", "member_of = { base = \"x\" }", "groups.member_of.base"),
            ("member_of = {}", "search = { base = \"dc=c\", filter = \"(cn=x)\" }", "groups.search.filter"),
            ("member_of = {}", "search = { base = \"dc=c\", page_size = 0 }", "groups.search.page_size"),
            (
                "member_of = {}",
                "search = { base = \"dc=c\", filter = \"(memberUid={username})\", nested = true }",
                "groups.search.nested",
            ),
            ("groups =", "deadline_seconds = 0\ngroups =", "deadline_seconds"),
            ("groups =", "deadline_seconds = 31\ngroups =", "deadline_seconds"),
            ("groups =", "rest_seconds = 301\ngroups =", "rest_seconds"),
        ] {
            assert_eq!(load(&GOOD.replace(from, to)).unwrap_err().key, key, "{to}");
        }
    }

    #[test]
    fn nobody_searches_anonymously_by_accident() {
        let anonymous = GOOD
            .replace("bind_dn = \"cn=brokerd,dc=corp\"", "anonymous = true")
            .replace("bind_password = \"where it is\"", "");
        assert!(load(&anonymous).unwrap().service.is_none());
    }
}
