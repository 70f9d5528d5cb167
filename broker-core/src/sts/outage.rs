//! Why AWS gave no answer that counts: it said so itself, a proxy stood in the way, or nobody knows.

use super::{AwsRefusal, ProxyFailure};

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// AWS asks for patience: throttled, or an error of its own.
    Told(AwsRefusal),
    /// The request did not get as far as AWS.
    Proxy(ProxyFailure),
    Silent,
}

impl Outage {
    /// What AWS said, where it said something.
    pub fn refusal(&self) -> Option<&AwsRefusal> {
        match self {
            Self::Told(refusal) => Some(refusal),
            Self::Proxy(_) | Self::Silent => None,
        }
    }
}

/// To be read after "AWS did not answer": nothing, or what AWS or the way to it said.
impl std::fmt::Display for Outage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(refusal) => write!(f, ": {}", refusal.code),
            Self::Proxy(failure) => write!(f, ": {failure}"),
            Self::Silent => Ok(()),
        }
    }
}
