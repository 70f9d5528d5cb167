//! An LDAP directory's settings, every part of them checked when they are loaded.

mod groups;
#[cfg(test)]
mod tests;
mod unfit;
mod users;

use std::time::Duration;

use rustls_pki_types::ServerName;
use secrecy::SecretString;

use self::groups::groups;
use self::unfit::{checked_dn, seconds};
use self::users::users;
use super::config::{LdapConfig, PoolConfig};
use super::pool::Keeping;
use super::server::{Server, UrlError};
use super::servers::Access;
use super::tls::{ClientCertificate, Tls, TlsProblem, TlsVersion};
use crate::directory::{LONGEST_ANSWER, Lockout, TrustedAttribute};

pub(super) use self::groups::Groups;
pub use self::unfit::{LdapSettingsError, SettingsProblem};
pub(super) use self::users::Users;

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
    lockout_is_assumed: bool,
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

impl LdapSettings {
    /// Checks every setting.
    pub fn new<Secret>(config: LdapConfig<Secret>, referenced: Referenced) -> Result<Self, LdapSettingsError> {
        let Referenced { ca_pem, bind_password, client_certificate } = referenced;
        let (servers, tls) = servers(&config, ca_pem.as_deref(), client_certificate.as_ref())?;
        let groups = groups(config.preset, config.groups)?;
        let lockout = config.lockout.unwrap_or_default();
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
            lockout: lockout.checked().map_err(|(key, problem)| LdapSettingsError::at(key, problem))?,
            lockout_is_assumed: config.lockout.is_none(),
        })
    }

    /// The usual rule, where nobody wrote down the directory's own.
    pub fn assumed_lockout(&self) -> Option<Lockout> {
        self.lockout_is_assumed.then_some(self.lockout)
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

const MAX_SECONDS: u64 = 300;

/// More than servers commonly grant one client.
const MAX_POOL: u32 = 256;

const MAX_KEPT_SECONDS: u64 = 86_400;
