//! Which credentials sign in a key's name: a long-term key's, known by AWS's id, or the host's own.

use serde::{Deserialize, Serialize};

/// AWS's own id of a long-term key, such as `AKIAIOSFODNN7EXAMPLE`. Not a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AwsKeyId(String);

/// The text is not the id of a long-term key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsKeyIdError {
    #[error("an access key id has 16 to 128 of the characters A-Z and 0-9, such as AKIAIOSFODNN7EXAMPLE")]
    Shape,
    #[error("an id that begins with ASIA belongs to temporary credentials: give an IAM user's long-term key")]
    Temporary,
}

/// Where the credentials come from that sign in a key's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum KeySource {
    /// A long-term key, whose secret is sealed in the store.
    Stored(AwsKeyId),
    /// Who the host itself is in AWS. There is no secret; what is sealed is empty.
    Ambient,
}

impl AwsKeyId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeySource {
    /// The id of the long-term key, or the word that stands in its place.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stored(id) => id.as_str(),
            Self::Ambient => AMBIENT,
        }
    }
}

impl TryFrom<String> for KeySource {
    type Error = AwsKeyIdError;

    fn try_from(text: String) -> Result<Self, AwsKeyIdError> {
        if text == AMBIENT { Ok(Self::Ambient) } else { text.try_into().map(Self::Stored) }
    }
}

impl From<KeySource> for String {
    fn from(source: KeySource) -> Self {
        source.as_str().to_owned()
    }
}

impl std::fmt::Display for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for AwsKeyId {
    type Error = AwsKeyIdError;

    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
    fn try_from(text: String) -> Result<Self, AwsKeyIdError> {
        if !(16..=128).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(AwsKeyIdError::Shape);
        }
        if text.starts_with("ASIA") { Err(AwsKeyIdError::Temporary) } else { Ok(Self(text)) }
    }
}

impl From<AwsKeyId> for String {
    fn from(id: AwsKeyId) -> Self {
        id.0
    }
}

impl std::fmt::Display for AwsKeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// No key's id has small letters.
const AMBIENT: &str = "ambient";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_credentials_are_no_long_term_key() {
        let parse = |id: &str| AwsKeyId::try_from(id.to_owned());
        assert!(parse("AKIAIOSFODNN7EXAMPLE").is_ok());
        assert_eq!(parse("ASIAIOSFODNN7EXAMPLE"), Err(AwsKeyIdError::Temporary));
        assert_eq!(parse("akiaiosfodnn7example"), Err(AwsKeyIdError::Shape));
        assert_eq!(parse("AKIA"), Err(AwsKeyIdError::Shape));
    }
}
