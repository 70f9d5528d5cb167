//! A long-term key of an IAM user: what everything that is vended derives from.

mod owner;
mod serves;
mod source;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::connector::ManagedBy;
use crate::id::AccessKeyId;
use crate::name::AccessKeyName;
use crate::partition::{Partition, Region};
use crate::vault::{Binding, Place, SealBroken, Sealed, Vault};

pub use owner::{KeyOwner, NotRightful};
pub use serves::{CannotServe, Serves};
pub use source::{AwsKeyId, AwsKeyIdError, KeySource};

/// A stored access key. The secret stays sealed until the moment it signs.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: AccessKeyId,
    pub name: AccessKeyName,
    /// Counts every change, so that nothing derived from an earlier one is given again.
    pub generation: i64,
    pub managed_by: ManagedBy,
    pub details: KeyDetails,
    pub sealed: Sealed,
    pub health: KeyHealth,
}

/// What is known of a key, beside its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDetails {
    #[serde(rename = "aws_key_id")]
    pub source: KeySource,
    pub region: Region,
    /// Where STS is, when it is not where the region says: a test stand-in or a private endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<url::Url>,
    #[serde(default)]
    pub serves: Serves,
    /// Who AWS said this is, when the key was proved with GetCallerIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyOwner>,
    /// Whose key this took the place of unproved. Until AWS says that it is of the same owner it signs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_owner: Option<KeyOwner>,
}

/// What AWS last said of the key itself. A hint for people and for pacing; it decides nothing about rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyHealth {
    /// When AWS refused the key as such, and with which code.
    pub refused: Option<(Timestamp, String)>,
}

impl AccessKey {
    pub fn partition(&self) -> Partition {
        self.details.region.partition()
    }

    /// The URL of the STS that this key talks to.
    pub fn sts_endpoint(&self) -> String {
        self.details.sts_endpoint()
    }

    /// Opens the secret for the moment of signing.
    pub fn open(&self, vault: &Vault) -> Result<SecretString, SealBroken> {
        self.details.open(vault, self.id, &self.sealed)
    }
}

impl KeyDetails {
    /// The URL of the STS that the key talks to.
    pub fn sts_endpoint(&self) -> String {
        self.endpoint_url.as_ref().map_or_else(|| self.region.sts_endpoint(), |url| url.as_str().to_owned())
    }

    /// Seals the secret to this key's row, id, partition and endpoint.
    pub fn seal(&self, vault: &Vault, id: AccessKeyId, secret: &SecretString) -> Result<Sealed, SealBroken> {
        self.bound(id, |binding| vault.seal(binding, secret))
    }

    /// Opens what [`KeyDetails::seal`] sealed, if nothing it was bound to has changed.
    pub fn open(&self, vault: &Vault, id: AccessKeyId, sealed: &Sealed) -> Result<SecretString, SealBroken> {
        self.bound(id, |binding| vault.open(binding, sealed))
    }

    /// The same secret for the same owner, under the master key that seals now.
    pub fn reseal(&self, vault: &Vault, id: AccessKeyId, sealed: &Sealed) -> Result<Sealed, SealBroken> {
        self.bound(id, |binding| vault.reseal(binding, sealed))
    }

    fn bound<T>(&self, id: AccessKeyId, seal: impl FnOnce(Binding<'_>) -> T) -> T {
        let endpoint = self.sts_endpoint();
        let details = [self.source.as_str(), self.region.partition().as_str(), &endpoint];
        seal(Binding { place: Place::AccessKey, row: id.as_bytes(), details: &details })
    }
}
