//! Asks AWS whose a long-term key is, before anything relies on it.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::access_key::{KeyDetails, KeyOwner};
use crate::id::AccessKeyId;
use crate::sts::{AwsRefusal, CallerIdentity, OpenKey, Outage, Sts, StsError};

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
    #[error("AWS refused the access key: {}: {}{}", .0.code, .0.message, advice(.0))]
    Refused(AwsRefusal),
    #[error(
        "this is an access key of account {account}'s root user: make an IAM user for brokerd and take a key of that one"
    )]
    Root { account: String },
    /// Nothing was learnt about the key.
    #[error("{0}")]
    Skewed(String),
    #[error("nobody knows whose key this is: {}{}", .0.of("AWS"), where_to_look(.0))]
    Unreachable(Outage),
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

/// What else to look at. A proxy's failure says it itself.
fn where_to_look(outage: &Outage) -> &'static str {
    match outage {
        Outage::Told(_) | Outage::Proxy(_) => "",
        Outage::Silent => ": check the network, `aws.proxy` and `endpoint_url`",
    }
}

/// Asks with a key that is not stored yet. It may have been made a moment ago: then AWS does not know it everywhere, which looks as if
/// there were no such key. A wrong secret is refused at once.
pub(super) async fn owner_of(
    sts: &dyn Sts,
    deadline: Instant,
    details: &KeyDetails,
    secret: &SecretString,
) -> Result<KeyOwner, NotProved> {
    // An id that nothing else has: whatever is kept for a key by its id and generation must not answer for this secret.
    let key = OpenKey::new(AccessKeyId::random(), 0, details, secret.clone());
    match ask(sts, deadline, &key).await {
        Err(NotProved::Refused(refusal)) if refusal.is_of_an_unknown_key() => {
            once_known(sts, deadline.min(Instant::now() + PATIENCE), &key, refusal).await
        }
        outcome => outcome,
    }
}

/// Asks on, with a key that AWS does not know yet. Its parts learn of a key one after the other, so that one yes may be followed by a no:
/// it is waited for until it was taken some times running, and nobody is refused who uses it next.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
async fn once_known(sts: &dyn Sts, until: Instant, key: &OpenKey, refusal: AwsRefusal) -> Result<KeyOwner, NotProved> {
    let (mut said, mut running) = (Err(NotProved::Refused(refusal)), 0);
    while running < TAKEN_RUNNING && Instant::now() + BETWEEN_ASKS < until {
        sleep(BETWEEN_ASKS).await;
        said = match ask(sts, until, key).await {
            Ok(owner) => {
                running += 1;
                Ok(owner)
            }
            Err(NotProved::Refused(refusal)) if refusal.is_of_an_unknown_key() => {
                running = 0;
                Err(NotProved::Refused(refusal))
            }
            // AWS has said something already, which is more than that it was too late for this attempt.
            Err(NotProved::Unreachable(_)) if Instant::now() >= until => return said,
            Err(other) => return Err(other),
        };
    }
    said
}

/// Asks with an open key.
pub(super) async fn ask(sts: &dyn Sts, deadline: Instant, key: &OpenKey) -> Result<KeyOwner, NotProved> {
    match sts.prove(key, deadline).await {
        Ok(CallerIdentity { account, arn, .. }) if arn.ends_with(":root") => {
            Err(NotProved::Root { account: account.as_str().to_owned() })
        }
        Ok(CallerIdentity { account, arn, .. }) => Ok(KeyOwner::of(account, arn)),
        Err(
            StsError::KeyRefused(refusal)
            | StsError::PolicyRefused(refusal)
            | StsError::MfaCodeRefused(refusal)
            | StsError::Refused(refusal),
        ) => Err(NotProved::Refused(refusal)),
        Err(error @ StsError::Skewed(..)) => Err(NotProved::Skewed(error.to_string())),
        Err(StsError::Unavailable(outage)) => Err(NotProved::Unreachable(outage)),
        Err(StsError::Unusable(problem)) => Err(NotProved::NotSts(problem)),
    }
}

/// What to do about a refused key, as far as AWS's code tells.
fn advice(refusal: &AwsRefusal) -> &'static str {
    if refusal.is_of_an_unknown_key() {
        " (there is no active key of this id; if it was made a moment ago, AWS may take some seconds more to know it: try again)"
    } else {
        ""
    }
}

/// As long as a key that was just made usually takes, and short enough for somebody who waits.
const PATIENCE: Duration = Duration::from_secs(15);
const BETWEEN_ASKS: Duration = Duration::from_secs(1);
const TAKEN_RUNNING: u32 = 3;
