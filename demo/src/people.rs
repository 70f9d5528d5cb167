//! Three people: one who administers, one who develops, one who may do nothing.

use broker_core::vault::new_token;
use secrecy::{ExposeSecret, SecretString};

/// Somebody in the demo's local directory.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) username: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) password: SecretString,
    pub(crate) groups: &'static [&'static str],
    pub(crate) admin: bool,
    pub(crate) what: &'static str,
}

/// All of them, in the order that `--print-json` promises.
#[derive(Debug)]
pub(crate) struct People([Person; 3]);

impl People {
    /// Passwords are new at every start: nobody's muscle memory ever opens a real installation.
    pub(crate) fn random() -> anyhow::Result<Self> {
        Ok(Self([
            Person {
                username: "ada",
                display_name: "Ada Lovelace",
                password: password()?,
                groups: &["admins"],
                admin: true,
                what: "administrator: may use every connector",
            },
            Person {
                username: "grace",
                display_name: "Grace Hopper",
                password: password()?,
                groups: &["developers"],
                admin: false,
                what: "developer: may use the connectors of group corp/developers",
            },
            Person {
                username: "mallory",
                display_name: "Mallory",
                password: password()?,
                groups: &["visitors"],
                admin: false,
                what: "outsider: may use none",
            },
        ]))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Person> {
        self.0.iter()
    }

    pub(crate) fn developer(&self) -> &Person {
        let [_, developer, _] = &self.0;
        developer
    }

    pub(crate) fn outsider(&self) -> &Person {
        let [_, _, outsider] = &self.0;
        outsider
    }
}

fn password() -> anyhow::Result<SecretString> {
    let long = new_token("")?;
    Ok(SecretString::from(long.expose_secret().chars().take(16).collect::<String>()))
}

/// The demo's one directory.
pub(crate) const DIRECTORY: &str = "corp";
