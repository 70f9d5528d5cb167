//! A passkey as it is enrolled: a public key, how it is named to browsers, and the site that it was made for.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::Passkey as Credential;

use crate::vault::SealBroken;

/// What somebody has enrolled. Nothing of it is secret, and all of it decides.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// The RP ID: at another name no browser shows it.
    pub(crate) site: String,
    pub(crate) credential: Credential,
}

impl Passkey {
    /// As it is sealed.
    pub(crate) fn text(&self) -> Result<SecretString, SealBroken> {
        serde_json::to_string(self).map(SecretString::from).map_err(|_| SealBroken::Damaged)
    }

    pub(crate) fn read(text: &SecretString) -> Result<Self, SealBroken> {
        serde_json::from_str(text.expose_secret()).map_err(|_| SealBroken::Damaged)
    }
}

impl std::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passkey").field("site", &self.site).field("credential", self.credential.cred_id()).finish()
    }
}
