//! What an administrator writes about a Crowd server.

use std::path::PathBuf;

use serde::Deserialize;

use crate::directory::{LockoutConfig, TrustedAttribute};

/// The table `[directory.backend.crowd]`. `Secret` is how the file's reader writes down where a secret is; this module never
/// sees more of it than what was found there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrowdConfig<Secret> {
    /// Crowd's base URL with its path: `https://crowd.corp.example/crowd`.
    pub url: String,
    /// For a server on this very machine, whose address is written `127.0.0.1` or `[::1]`. There is no other way to do without TLS,
    /// and none to do without verifying the certificate.
    #[serde(default)]
    pub plain_text_on_loopback: bool,
    /// The certificates (PEM) that may have signed the server's; without it, those that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The name under which the broker is an application of Crowd's.
    pub application: String,
    /// That application's password.
    pub password: Secret,
    #[serde(default)]
    pub id: IdFrom,
    /// What people cannot change about themselves there, so that it may name a session or a tag.
    #[serde(default)]
    pub trusted_attributes: Vec<TrustedAttribute>,
    /// Whether Crowd's own sessions let people in to pages, beside passwords.
    #[serde(default)]
    pub single_sign_on: bool,
    #[serde(default = "three")]
    pub connect_timeout_seconds: u64,
    #[serde(default = "ten")]
    pub operation_timeout_seconds: u64,
    /// The limit on everything that one question to the directory takes.
    #[serde(default = "twenty")]
    pub deadline_seconds: u64,
    #[serde(default)]
    pub lockout: LockoutConfig,
}

/// What says for good who somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdFrom {
    /// Crowd's own key of a user, which stays when they are renamed and is not given again.
    #[default]
    Key,
    /// The user name, for a Crowd that says no keys. Whoever gets somebody's old name is them.
    Name,
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
