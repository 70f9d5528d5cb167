//! Master keys that AWS KMS keeps wrapped: made there, unwrapped once at start, for one installation alone.
//!
//! KMS binds what it wraps to an encryption context, which is not in the wrapped text: the installation's id and the master key's own. The
//! file names both; the store is asked whether it is that installation before anything is opened, and an empty store becomes it.

mod errors;
mod heard;
mod wrapped;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_kms::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_kms::{Client, Config};
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use crate::arn::KmsKeyArn;
use crate::clock::Clock;
use crate::id::InstallationId;
use crate::sts::{Ambient, Pool, StsSettings};
use crate::vault::{KeyId, MasterKey};

use self::heard::Heard;
pub use errors::{Asked, KmsError};
pub use wrapped::{NotWrapped, WrappedKey};

/// The key in KMS that wraps, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsKey {
    pub arn: KmsKeyArn,
    /// Where KMS is, when it is not where the ARN's region says: a test stand-in or a private endpoint.
    pub endpoint_url: Option<Url>,
}

/// Asks KMS, as who the host is in AWS.
#[derive(Debug)]
pub struct Kms {
    pool: Pool,
    ambient: Ambient,
    settings: StsSettings,
}

impl Kms {
    /// With the patience that STS is asked with.
    pub fn new(pool: Pool, settings: StsSettings, clock: Arc<dyn Clock>) -> Self {
        Self { ambient: Ambient::new(&pool, clock), pool, settings }
    }

    /// Has KMS make a key that leaves it wrapped only. Needs `kms:GenerateDataKeyWithoutPlaintext`.
    pub async fn make(
        &self,
        key: &KmsKey,
        id: KeyId,
        installation: InstallationId,
        deadline: Instant,
    ) -> Result<WrappedKey, KmsError> {
        let heard = Heard::default();
        let asked = async {
            let asked = self.client(key, &heard).await?.generate_data_key_without_plaintext();
            let asked = asked.key_id(key.arn.as_str()).key_spec(DataKeySpec::Aes256);
            let asked = asked.set_encryption_context(Some(context(&id, installation)));
            asked.send().await.map_err(|error| KmsError::of(&error, key, "kms:GenerateDataKeyWithoutPlaintext", &heard))
        };
        let answer = timeout_at(deadline, asked).await.unwrap_or_else(|_| Err(heard.trouble(key.into())))?;
        let wrapped = answer.ciphertext_blob.ok_or_else(|| no_key(key))?.into_inner();
        Ok(WrappedKey::new(id, installation, key.arn.clone(), wrapped))
    }

    /// Has KMS unwrap a key, for the installation that it was wrapped for. Needs `kms:Decrypt`.
    pub async fn unwrap(&self, key: &KmsKey, wrapped: &WrappedKey, deadline: Instant) -> Result<MasterKey, KmsError> {
        let heard = Heard::default();
        let asked = async {
            let asked = self.client(key, &heard).await?.decrypt();
            // With the key's name KMS refuses a text of any other key, whoever may use that.
            let asked = asked.key_id(key.arn.as_str()).ciphertext_blob(Blob::new(wrapped.ciphertext()));
            let asked = asked.set_encryption_context(Some(context(wrapped.id(), wrapped.installation())));
            asked.send().await.map_err(|error| KmsError::of(&error, key, "kms:Decrypt", &heard))
        };
        let answer = timeout_at(deadline, asked).await.unwrap_or_else(|_| Err(heard.trouble(key.into())))?;
        let plain = Zeroizing::new(answer.plaintext.ok_or_else(|| no_key(key))?.into_inner());
        let master_key = MasterKey::from_bytes(wrapped.id().clone(), &plain).map_err(|_| no_key(key))?;
        Ok(master_key.bound_to(wrapped.installation()))
    }

    async fn client(&self, key: &KmsKey, heard: &Heard) -> Result<Client, KmsError> {
        // First, so that a host without an identity is told apart from a KMS that refuses.
        self.ambient.credentials().await?;
        let region = key.arn.region();
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(SdkRegion::new(region.as_str().to_owned()))
            .identity_cache(IdentityCache::no_cache())
            .http_client(self.pool.client())
            .retry_config(self.settings.retry_config())
            .timeout_config(self.settings.timeout_config())
            .interceptor(heard.clone());
        config.set_credentials_provider(Some(self.ambient.provider()));
        config.set_endpoint_url(key.endpoint_url.as_ref().map(|url| url.as_str().to_owned()));
        Ok(Client::from_conf(config.build()))
    }
}

/// CloudTrail shows it, and a key's policy can ask for it.
fn context(id: &KeyId, installation: InstallationId) -> HashMap<String, String> {
    [("brokerd:installation", installation.to_string()), ("brokerd:master-key", id.to_string())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn no_key(key: &KmsKey) -> KmsError {
    KmsError::Unusable { asked: key.into(), what: "its answer holds no key".to_owned() }
}
