//! What is legal of a principal, and perhaps not meant.

use super::Principal;
use crate::policy::SessionPolicy;

impl Principal {
    /// What whoever makes such a connector should know, each in a sentence.
    pub fn warnings(&self) -> Vec<String> {
        let policy = self.policy().into_iter().flat_map(SessionPolicy::warnings);
        let power = matches!(self, Self::SessionToken(_)).then(|| FULL_POWER.to_owned());
        policy.map(|warning| warning.to_string()).chain(power).collect()
    }
}

/// Of GetSessionToken: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
pub const FULL_POWER: &str =
    "it hands out the full power of the key's owner, and AWS cannot tell the people who use it apart";
