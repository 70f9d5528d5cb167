//! Long-term access keys.

use std::fmt;

use jiff::Timestamp;

/// An access key of an IAM user, or of an account's root.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) status: KeyStatus,
    /// Not of those that the world began with.
    pub(crate) made_at: Option<Timestamp>,
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyStatus {
    /// It may.
    #[default]
    Active,
    /// It answers `InvalidClientTokenId`, as if it were not there.
    Inactive,
}

impl AccessKey {
    /// An active key. The id has 16 to 128 letters and digits, the secret 40 characters.
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned(), status: KeyStatus::Active, made_at: None }
    }

    /// A new active key with a random id and secret.
    pub fn random() -> Self {
        Self::new(&crate::chance::id("AKIA"), &crate::chance::secret())
    }

    /// The key as IAM made it at this time.
    pub(crate) fn made_at(mut self, now: Timestamp) -> Self {
        self.made_at = Some(now);
        self
    }

    /// The key in this state.
    #[must_use]
    pub fn status(mut self, status: KeyStatus) -> Self {
        self.status = status;
        self
    }

    /// Changes the state in place.
    pub fn set_status(&mut self, status: KeyStatus) {
        self.status = status;
    }

    /// The access key id: not a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret access key.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn is_well_formed(&self) -> bool {
        (16..=128).contains(&self.id.len())
            && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && self.secret.len() == 40
            && self.secret.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}
