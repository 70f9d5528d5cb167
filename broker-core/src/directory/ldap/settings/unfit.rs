//! Why settings cannot be used, and the checks that all of them share.

use std::time::Duration;

use super::super::dn::{Dn, is_attribute};
use super::super::filter::FilterError;
use super::super::server::UrlError;
use crate::directory::NotALockout;

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

impl LdapSettingsError {
    pub(super) fn at(key: &'static str, problem: impl Into<SettingsProblem>) -> Self {
        Self { key, problem: problem.into() }
    }
}

pub(super) fn checked_dn(key: &'static str, dn: String) -> Result<String, LdapSettingsError> {
    Dn::parse(&dn).map_err(|_| LdapSettingsError::at(key, SettingsProblem::NotADn))?;
    Ok(dn)
}

pub(super) fn attribute(key: &'static str, name: String) -> Result<String, LdapSettingsError> {
    if is_attribute(&name) { Ok(name) } else { Err(LdapSettingsError::at(key, SettingsProblem::NotAnAttribute)) }
}

pub(super) fn seconds(key: &'static str, seconds: u64, most: u64) -> Result<Duration, LdapSettingsError> {
    if (1..=most).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(LdapSettingsError::at(key, SettingsProblem::OutOfRange { found: seconds, min: 1, max: most }))
    }
}
