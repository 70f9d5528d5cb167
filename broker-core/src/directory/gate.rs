//! What keeps a password back until the attempt has been counted against the person whose it would be.

use async_trait::async_trait;

use super::Password;
use crate::caller::Subject;

/// Holds the password that somebody typed. A directory has no other way to it: it must have found the person first, and say who
/// they are for good, so that several names of one person are not several chances.
#[async_trait]
pub trait Gate: Send + Sync {
    /// The password, once the attempt has been counted against this person. Asked once in an attempt.
    async fn admit(&self, subject: &Subject) -> Result<&Password, NotAdmitted>;
}

/// The password may not be tried now. The directory does for this person what it does for nobody; the gate knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password may not be tried now")]
pub struct NotAdmitted;
