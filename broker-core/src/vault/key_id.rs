//! What a master key is known by: seals name it, so it can be part of them.

/// The id of a master key, such as `2026-01`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId(String);

/// The text is not the id of a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key's id has 1 to 32 of the characters a-z 0-9 . _ -")]
pub struct NotAKeyId;

impl KeyId {
    pub(super) fn is(text: &str) -> bool {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        (1..=32).contains(&text.len()) && text.bytes().all(known)
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;

    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        if Self::is(&text) { Ok(Self(text)) } else { Err(NotAKeyId) }
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
