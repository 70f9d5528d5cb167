//! The file of a wrapped master key: no secret, though nobody else may write to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::arn::KmsKeyArn;
use crate::id::InstallationId;
use crate::vault::KeyId;

/// A master key as KMS gave it: of no use to whoever may not ask KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    id: KeyId,
    installation: InstallationId,
    key: KmsKeyArn,
    ciphertext: Vec<u8>,
}

/// What stands in the file is no wrapped key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is there is not a wrapped master key, as `brokerd init --kms` makes it")]
pub struct NotWrapped;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    master_key: String,
    installation: InstallationId,
    kms_key: String,
    ciphertext: String,
}

impl WrappedKey {
    pub(super) fn new(id: KeyId, installation: InstallationId, key: KmsKeyArn, ciphertext: Vec<u8>) -> Self {
        Self { id, installation, key, ciphertext }
    }

    /// Reads what [`WrappedKey::to_text`] wrote.
    pub fn parse(text: &str) -> Result<Self, NotWrapped> {
        let written: Written = serde_json::from_str(text).map_err(|_| NotWrapped)?;
        let ciphertext = STANDARD.decode(&written.ciphertext).map_err(|_| NotWrapped)?;
        if written.format != FORMAT || !(1..=MAX_CIPHERTEXT).contains(&ciphertext.len()) {
            return Err(NotWrapped);
        }
        Ok(Self {
            id: KeyId::try_from(written.master_key).map_err(|_| NotWrapped)?,
            installation: written.installation,
            key: written.kms_key.try_into().map_err(|_| NotWrapped)?,
            ciphertext,
        })
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let written = Written {
            format: FORMAT.to_owned(),
            master_key: self.id.to_string(),
            installation: self.installation,
            kms_key: self.key.as_str().to_owned(),
            ciphertext: STANDARD.encode(&self.ciphertext),
        };
        let text = serde_json::to_string_pretty(&written).unwrap_or_default();
        format!("{text}\n")
    }

    /// The master key's own id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The installation that it is for.
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// The key that wrapped it.
    pub fn key(&self) -> &KmsKeyArn {
        &self.key
    }

    pub(super) fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

const FORMAT: &str = "brokerd wrapped master key, version 1";
/// As much as KMS ever decrypts.
const MAX_CIPHERTEXT: usize = 6_144;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let key = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab".to_owned();
        let id = KeyId::try_from("kms".to_owned()).unwrap();
        let wrapped = WrappedKey::new(id, InstallationId::random(), key.try_into().unwrap(), vec![1, 2, 3]);
        let text = wrapped.to_text();
        assert_eq!(WrappedKey::parse(&text), Ok(wrapped));
        let spoilt = [
            text.replace("version 1", "version 2"),
            text.replace("AQID", ""),
            text.replace("AQID", "%"),
            text.replace("AQID", &"AQID".repeat(2_049)),
            text.replace("\"kms\"", "\"K/MS\""),
            text.replace(":kms:", ":s3:"),
            text.replace("format", "form"),
            text.replacen('{', "{\"more\": 1,", 1),
            text[..text.len() / 2].to_owned(),
            String::new(),
            "[".repeat(100_000),
        ];
        for text in spoilt {
            assert_eq!(WrappedKey::parse(&text), Err(NotWrapped), "{text:.200}");
        }
    }
}
