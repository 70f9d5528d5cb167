//! A Crowd directory's settings, every part of them checked when they are loaded.

use std::time::Duration;

use reqwest::Certificate;
use secrecy::{ExposeSecret, SecretString};

use super::base::{Base, BaseError};
use super::config::{CrowdConfig, IdFrom};
use crate::character::is_hidden;
use crate::directory::{LONGEST_ANSWER, Lockout, NotALockout, TrustedAttribute};

/// A Crowd directory's settings, checked.
#[derive(Clone)]
pub struct CrowdSettings {
    pub(super) base: Base,
    /// Those that may have signed the server's; where there are none, the system's count.
    pub(super) certificates: Vec<Certificate>,
    pub(super) application: String,
    pub(super) password: SecretString,
    pub(super) id: IdFrom,
    pub(super) email_trusted: bool,
    pub(super) single_sign_on: bool,
    pub(super) connect_timeout: Duration,
    pub(super) operation_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) lockout: Lockout,
}

/// Why settings cannot be used; `key` names the place below `[directory.backend.crowd]`.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`")]
pub struct CrowdSettingsError {
    pub key: &'static str,
    #[source]
    pub problem: CrowdProblem,
}

/// What is wrong with a setting.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrowdProblem {
    #[error(transparent)]
    Url(#[from] BaseError),
    #[error("not one usable certificate in PEM form")]
    Certificates,
    #[error("a server without TLS has no use for certificates")]
    NoTls,
    #[error(
        "write the application's name as Crowd has it: up to 255 characters, without `:`, since it stands before one (RFC 7617)"
    )]
    Application,
    #[error("Crowd gives no application an empty password")]
    EmptyPassword,
    #[error("{found} is out of bounds: write {min} to {max}")]
    OutOfRange { found: u64, min: u64, max: u64 },
    #[error(transparent)]
    Lockout(#[from] NotALockout),
}

impl CrowdSettings {
    /// Checks every setting. `ca_pem` is what the file in `ca_file` holds, `password` what `password` refers to.
    pub fn new<Secret>(
        config: CrowdConfig<Secret>,
        ca_pem: Option<&[u8]>,
        password: SecretString,
    ) -> Result<Self, CrowdSettingsError> {
        let at = CrowdSettingsError::at;
        let base = Base::parse(&config.url, config.plain_text_on_loopback).map_err(|error| at("url", error.into()))?;
        let certificates = match ca_pem {
            None => Vec::new(),
            Some(_) if !base.uses_tls() => return Err(at("ca_file", CrowdProblem::NoTls)),
            Some(pem) => Certificate::from_pem_bundle(pem).unwrap_or_default(),
        };
        if ca_pem.is_some() && certificates.is_empty() {
            return Err(at("ca_file", CrowdProblem::Certificates));
        }
        let application = config.application;
        let fits = |name: &str| (1..=255).contains(&name.len()) && !name.contains(':') && !name.chars().any(is_hidden);
        if !fits(&application) {
            return Err(at("application", CrowdProblem::Application));
        }
        if password.expose_secret().is_empty() {
            return Err(at("password", CrowdProblem::EmptyPassword));
        }
        Ok(Self {
            base,
            certificates,
            application,
            password,
            id: config.id,
            single_sign_on: config.single_sign_on,
            email_trusted: config.trusted_attributes.contains(&TrustedAttribute::Email),
            connect_timeout: seconds("connect_timeout_seconds", config.connect_timeout_seconds, MAX_SECONDS)?,
            operation_timeout: seconds("operation_timeout_seconds", config.operation_timeout_seconds, MAX_SECONDS)?,
            deadline: seconds("deadline_seconds", config.deadline_seconds, LONGEST_ANSWER.as_secs())?,
            lockout: config.lockout.checked().map_err(|(key, problem)| at(key, problem.into()))?,
        })
    }
}

impl std::fmt::Debug for CrowdSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrowdSettings")
            .field("base", &self.base)
            .field("application", &self.application)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl CrowdSettingsError {
    fn at(key: &'static str, problem: CrowdProblem) -> Self {
        Self { key, problem }
    }
}

fn seconds(key: &'static str, seconds: u64, most: u64) -> Result<Duration, CrowdSettingsError> {
    if (1..=most).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(CrowdSettingsError::at(key, CrowdProblem::OutOfRange { found: seconds, min: 1, max: most }))
    }
}

const MAX_SECONDS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        url = "https://crowd.corp.example/crowd"
        application = "broker"
        password = "where it is"
    "#;

    fn load(text: &str, ca_pem: Option<&str>, password: &str) -> Result<CrowdSettings, CrowdSettingsError> {
        let config: CrowdConfig<String> = toml::from_str(text).unwrap();
        CrowdSettings::new(config, ca_pem.map(str::as_bytes), SecretString::from(password))
    }

    #[test]
    fn people_are_known_by_their_key_unless_the_file_says_otherwise() {
        let settings = load(GOOD, None, "hush hush").unwrap();
        assert_eq!(settings.id, IdFrom::Key);
        assert!(!settings.email_trusted);
        assert!(!format!("{settings:?}").contains("hush"), "no secret in Debug");
        let named = load(&format!("{GOOD}\nid = \"name\"\ntrusted_attributes = [\"email\"]"), None, "x").unwrap();
        assert_eq!((named.id, named.email_trusted), (IdFrom::Name, true));
    }

    #[test]
    fn unknown_keys_are_refused() {
        for more in ["verify = false", "lockout = { x = 1 }", "id = \"email\"", "trusted_attributes = [\"name\"]"] {
            assert!(toml::from_str::<CrowdConfig<String>>(&format!("{GOOD}\n{more}")).is_err(), "{more}");
        }
    }

    #[test]
    fn every_mistake_names_its_key() {
        for (from, to, key) in [
            ("https://crowd.corp.example/crowd", "http://crowd.corp.example/crowd", "url"),
            ("\"broker\"", "\"\"", "application"),
            ("\"broker\"", "\"bro:ker\"", "application"),
            ("\"broker\"", "\"bro\\u0007ker\"", "application"),
            ("application", "deadline_seconds = 31\napplication", "deadline_seconds"),
            ("application", "connect_timeout_seconds = 0\napplication", "connect_timeout_seconds"),
            ("application", "operation_timeout_seconds = 301\napplication", "operation_timeout_seconds"),
            ("application", "lockout = { failures = 2 }\napplication", "lockout.failures"),
            ("application", "lockout = { window_seconds = 1 }\napplication", "lockout.window_seconds"),
        ] {
            assert_eq!(load(&GOOD.replacen(from, to, 1), None, "x").unwrap_err().key, key, "{to}");
        }
        assert_eq!(load(GOOD, None, "").unwrap_err().key, "password");
        for pem in ["", "nonsense"] {
            assert_eq!(load(GOOD, Some(pem), "x").unwrap_err().key, "ca_file", "{pem:?}");
        }
        let plain = GOOD.replace("https://crowd.corp.example/crowd", "http://127.0.0.1:8095/crowd");
        let plain = format!("{plain}\nplain_text_on_loopback = true");
        assert!(load(&plain, None, "x").is_ok());
        assert_eq!(load(&plain, Some("x"), "x").unwrap_err().problem, CrowdProblem::NoTls);
    }
}
