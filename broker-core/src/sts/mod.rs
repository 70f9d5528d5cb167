//! AWS's Security Token Service, as far as we need it.

mod ambient;
mod aws;
mod direct;
mod errors;
mod haste;
mod identity;
mod measured;
mod outage;
mod patience;
mod pool;
mod proxy;
mod request;
mod witness;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::access_key::{AccessKey, AwsKeyId, KeySource};
use crate::arn::AccountId;
use crate::entitlement::Entitlement;
use crate::id::AccessKeyId;
use crate::partition::Region;
use crate::vault::{SealBroken, Vault};

pub use ambient::{Ambient, NoAmbient};
pub use aws::AwsSts;
pub(crate) use errors::shown;
pub use errors::{AwsRefusal, StsError};
pub use measured::MeasuredSts;
pub(crate) use outage::Hindrance;
pub use outage::Outage;
pub use patience::StsSettings;
pub(crate) use patience::{PerKey, quota_of};
pub(crate) use pool::BareClient;
pub use pool::{Outbound, OutboundError, Pool};
pub use proxy::{NotPastProxy, PastProxy, Proxy, ProxyFailure, ProxyLogin};
pub use request::{MfaShown, RoleRequest, StsRequest, TokenRequest, UserRequest};
pub use witness::Skew;

/// The calls that turn a long-term key into temporary credentials. Each ends by its deadline.
#[async_trait]
pub trait Sts: Debug + Send + Sync {
    /// Asks for temporary credentials. Wants the proof that somebody may have them.
    async fn issue(
        &self,
        entitlement: &Entitlement,
        key: &OpenKey,
        request: &StsRequest,
        deadline: Instant,
    ) -> Result<Credentials, StsError>;

    /// Asks AWS whose long-term key this is.
    async fn prove(&self, key: &OpenKey, deadline: Instant) -> Result<CallerIdentity, StsError>;

    /// Asks AWS who the temporary credentials act as.
    async fn caller_identity(
        &self,
        key: &OpenKey,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<CallerIdentity, StsError>;
}

/// A key, opened to sign a call.
#[derive(Clone, Debug)]
pub struct OpenKey {
    pub id: AccessKeyId,
    pub generation: i64,
    pub region: Region,
    /// The key's own endpoint, where it has one.
    pub endpoint: Option<url::Url>,
    /// Whether a role that is assumed with it is assumed by a role.
    pub chained: bool,
    /// Whether AWS has said whose key it is: so it knew it.
    pub proved: bool,
    signs: Signs,
}

/// What signs.
#[derive(Clone, Debug)]
enum Signs {
    LongTerm(AwsKeyId, SecretString),
    /// Whatever the host is in AWS at that moment.
    Ambient,
}

/// Temporary credentials as AWS gave them. The secret parts can be read only from a recorded value: see `vend`.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: SecretString,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// From one to the other, and never more than was asked for: our clock may be slow, and AWS alone says when they end.
    pub life: Duration,
    /// Who they act as, where the call's answer said so: GetSessionToken's does not.
    pub arn: Option<String>,
    /// How full the packed policies and tags are, in percent.
    pub packed_policy_size: Option<u32>,
}

/// What GetCallerIdentity answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: AccountId,
    pub arn: String,
    pub user_id: String,
}

impl OpenKey {
    /// Where STS is for this key, as far as the key says.
    pub fn sts_endpoint(&self) -> String {
        self.endpoint.as_ref().map_or_else(|| self.region.sts_endpoint(), |url| url.as_str().to_owned())
    }

    /// For whoever signs other calls than STS's: AWS's id of a long-term key, and its secret.
    pub(crate) fn long_term(&self) -> Option<(&AwsKeyId, &SecretString)> {
        match &self.signs {
            Signs::LongTerm(id, secret) => Some((id, secret)),
            Signs::Ambient => None,
        }
    }

    /// What people and the log know it by: AWS's id of the key.
    pub fn label(&self) -> &str {
        match &self.signs {
            Signs::LongTerm(id, _) => id.as_str(),
            Signs::Ambient => "ambient",
        }
    }

    /// Opens a stored key for the moment of signing.
    pub fn open(key: &AccessKey, vault: &Vault) -> Result<Self, SealBroken> {
        Ok(Self::new(key.id, key.generation, &key.details, key.open(vault)?))
    }

    /// A key that is not stored yet, to be proved first.
    pub fn new(
        id: AccessKeyId,
        generation: i64,
        details: &crate::access_key::KeyDetails,
        secret: SecretString,
    ) -> Self {
        Self {
            id,
            generation,
            region: details.region.clone(),
            endpoint: details.endpoint_url.clone(),
            chained: details.is_chained(),
            proved: details.owner.is_some(),
            signs: match &details.source {
                KeySource::Stored(id) => Signs::LongTerm(id.clone(), secret),
                KeySource::Ambient => Signs::Ambient,
            },
        }
    }
}
