//! Asks AWS whose a long-term key is, before anything relies on it.

use secrecy::SecretString;
use tokio::time::Instant;

use crate::access_key::{KeyDetails, KeyOwner};
use crate::id::AccessKeyId;
use crate::sts::{AwsRefusal, CallerIdentity, OpenKey, Sts, StsError};

/// Whether AWS is asked whose a key is.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// By GetCallerIdentity, which needs no permission; until the deadline.
    Required(&'a dyn Sts, Instant),
    /// The key comes in unproved, and the daemon asks as soon as it can.
    Skipped,
}

/// Why it is not known whose a key is. Cut by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// The key id or the secret is wrong, or the key is not active.
    #[error("AWS refused the access key: {}: {}", .0.code, .0.message)]
    Refused(AwsRefusal),
    #[error(
        "this is an access key of account {account}'s root user: make an IAM user for brokerd and take a key of that one"
    )]
    Root { account: String },
    /// Nothing was learnt about the key.
    #[error("{0}")]
    Skewed(String),
    #[error("AWS did not answer, so nobody knows whose key this is: check the network, `aws.proxy` and `endpoint_url`")]
    Unreachable(Option<AwsRefusal>),
    #[error("what answers is not AWS's STS ({0}): correct `endpoint_url`")]
    NotSts(&'static str),
}

impl NotProved {
    /// Whether nothing was learnt about the key, so that it may be as good as any.
    pub fn says_nothing_of_the_key(&self) -> bool {
        match self {
            Self::Skewed(_) | Self::Unreachable(_) | Self::NotSts(_) => true,
            Self::Refused(_) | Self::Root { .. } => false,
        }
    }
}

/// Asks with a key that is not stored yet.
pub(super) async fn owner_of(
    sts: &dyn Sts,
    deadline: Instant,
    details: &KeyDetails,
    secret: &SecretString,
) -> Result<KeyOwner, NotProved> {
    // An id that nothing else has: whatever is kept for a key by its id and generation must not answer for this secret.
    let key = OpenKey::new(AccessKeyId::random(), 0, details, secret.clone());
    ask(sts, deadline, &key).await
}

/// Asks with an open key.
pub(super) async fn ask(sts: &dyn Sts, deadline: Instant, key: &OpenKey) -> Result<KeyOwner, NotProved> {
    match sts.prove(key, deadline).await {
        Ok(CallerIdentity { account, arn, .. }) if arn.ends_with(":root") => {
            Err(NotProved::Root { account: account.as_str().to_owned() })
        }
        Ok(CallerIdentity { account, arn, .. }) => Ok(KeyOwner::of(account, arn)),
        Err(StsError::KeyRefused(refusal) | StsError::PolicyRefused(refusal) | StsError::Refused(refusal)) => {
            Err(NotProved::Refused(refusal))
        }
        Err(error @ StsError::Skewed(..)) => Err(NotProved::Skewed(error.to_string())),
        Err(StsError::Unavailable(refusal)) => Err(NotProved::Unreachable(refusal)),
        Err(StsError::Unusable(problem)) => Err(NotProved::NotSts(problem)),
    }
}
