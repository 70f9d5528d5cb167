//! The AWS identity that this host has of its own: found by the SDK's default chain, once for the whole process.
//!
//! In the chain's order: environment variables, profile files, a web identity token, the container's endpoint, the instance's
//! metadata. What it finds is kept until shortly before it expires; when there is nothing new by then, what is left of the old is used up.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::config::BehaviorVersion;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use super::Pool;
use crate::clock::Clock;

/// The host's identity. Clones share what was found.
#[derive(Clone, Debug)]
pub struct Ambient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ProviderConfig,
    chain: OnceCell<DefaultCredentialsChain>,
    clock: Arc<dyn Clock>,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    credentials: Option<Credentials>,
    /// So that those who wait while nothing is found do not each look again.
    failed: Option<(Instant, NoAmbient)>,
}

/// Why the host has no identity that could be used. The SDK's own text is not repeated: it may quote an endpoint's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAmbient {
    #[error(
        "this host has no AWS identity of its own: no credentials in AWS_* variables or ~/.aws, no web identity, container or instance role"
    )]
    None,
    #[error("the host's AWS identity was not told in time: look at the metadata or container endpoint")]
    Silent,
    #[error("the host's AWS identity is set up wrongly: look at the AWS_* variables and ~/.aws")]
    Misconfigured,
    #[error(
        "what is to give the host its AWS identity gave nothing usable: look at the role, the token file, and the metadata or container endpoint"
    )]
    Failed,
}

impl Ambient {
    /// Looks for nothing yet.
    pub fn new(pool: &Pool, clock: Arc<dyn Clock>) -> Self {
        let config = ProviderConfig::without_region()
            .with_http_client(pool.past_the_proxy())
            .with_behavior_version(Some(BehaviorVersion::v2026_01_12()));
        Self(Arc::new(Inner { config, chain: OnceCell::new(), clock, found: Mutex::default() }))
    }

    /// For the SDK's clients, which are not to keep a copy of what it says.
    pub fn provider(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone())
    }

    /// Asks anew the next time: AWS does not take the credentials of this access key ID, whatever their end was said to be. What
    /// somebody else has found meanwhile stays.
    pub(super) async fn forget(&self, refused: &str) {
        self.0.found.lock().await.credentials.take_if(|known| known.access_key_id() == refused);
    }

    /// What the host is at present, asked for again when it is about to expire.
    pub async fn credentials(&self) -> Result<Credentials, NoAmbient> {
        let mut found = self.0.found.lock().await;
        let now = SystemTime::from(self.0.clock.now());
        let lives_at = |credentials: &&Credentials, at: SystemTime| credentials.expiry().is_none_or(|end| end > at);
        if let Some(fresh) = found.credentials.as_ref().filter(|known| lives_at(known, now + REFRESH_BEFORE)) {
            return Ok(fresh.clone());
        }
        let left = found.credentials.clone().filter(|known| lives_at(&known, now));
        if let Some((_, why)) = found.failed.filter(|(at, _)| at.elapsed() < BETWEEN_TRIES) {
            return left.ok_or(why);
        }
        match tokio::time::timeout(PATIENCE, self.0.look()).await.unwrap_or(Err(NoAmbient::Silent)) {
            Ok(credentials) => {
                *found = Found { credentials: Some(credentials.clone()), failed: None };
                Ok(credentials)
            }
            Err(why) => {
                tracing::error!(reason = %why, "the host's own AWS identity cannot be had");
                found.failed = Some((Instant::now(), why));
                left.ok_or(why)
            }
        }
    }
}

impl Inner {
    async fn look(&self) -> Result<Credentials, NoAmbient> {
        let chain = self.chain.get_or_init(|| async {
            let profile = ProfileFileRegionProvider::builder().configure(&self.config).build();
            let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile);
            DefaultCredentialsChain::builder().configure(self.config.clone()).region(region).build().await
        });
        chain.await.provide_credentials().await.map_err(|error| match error {
            CredentialsError::CredentialsNotLoaded(_) => NoAmbient::None,
            CredentialsError::ProviderTimedOut(_) => NoAmbient::Silent,
            CredentialsError::InvalidConfiguration(_) => NoAmbient::Misconfigured,
            _ => NoAmbient::Failed,
        })
    }
}

impl ProvideCredentials for Ambient {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

/// Before the end of what is known. AWS gives new ones at least five minutes before; the SDK itself uses them up to ten seconds.
const REFRESH_BEFORE: Duration = Duration::from_mins(2);
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::sts::Outbound;

    #[derive(Debug)]
    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    #[tokio::test]
    async fn what_aws_refuses_is_forgotten_and_nothing_that_was_found_since() {
        let ambient = Ambient::new(&Outbound::default().pool().unwrap(), Arc::new(Stopped));
        let known = || async {
            ambient.0.found.lock().await.credentials.as_ref().map(|known| known.access_key_id().to_owned())
        };
        let newer = Credentials::new("ASIANEWER", "secret", None, None, "tests");
        ambient.0.found.lock().await.credentials = Some(newer);
        ambient.forget("ASIAOLDER").await;
        assert_eq!(known().await.as_deref(), Some("ASIANEWER"));
        ambient.forget("ASIANEWER").await;
        assert_eq!(known().await, None);
        ambient.forget("ASIANEWER").await;
        assert_eq!(known().await, None);
    }
}
