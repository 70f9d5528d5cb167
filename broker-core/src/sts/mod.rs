//! AWS's Security Token Service, as far as we need it.

mod aws;
mod errors;
mod pool;
mod request;

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::access_key::{AccessKey, AwsKeyId};
use crate::arn::AccountId;
use crate::entitlement::Entitlement;
use crate::id::AccessKeyId;
use crate::partition::Region;
use crate::vault::{SealBroken, Vault};

pub use aws::{AwsSts, StsSettings};
pub(crate) use errors::shown;
pub use errors::{AwsRefusal, StsError};
pub use pool::{Outbound, OutboundError, Proxy};
pub use request::{RoleRequest, StsRequest, UserRequest};

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

/// A long-term key, opened to sign a call.
#[derive(Clone, Debug)]
pub struct OpenKey {
    pub id: AccessKeyId,
    pub generation: i64,
    pub aws_key_id: AwsKeyId,
    pub region: Region,
    /// The key's own endpoint, where it has one.
    pub endpoint: Option<url::Url>,
    secret: SecretString,
}

/// Temporary credentials as AWS gave them. The secret parts can be read only from a recorded value: see `vend`.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: SecretString,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
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

    /// For whoever signs.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
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
            aws_key_id: details.aws_key_id.clone(),
            region: details.region.clone(),
            endpoint: details.endpoint_url.clone(),
            secret,
        }
    }
}
