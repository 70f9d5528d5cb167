//! How patiently AWS is asked, and what is kept for each access key because its quota of retries hangs on it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use url::Url;

use super::OpenKey;
use crate::id::AccessKeyId;

/// How patiently STS is asked, and the federation endpoint and KMS with it.
#[derive(Clone, Debug)]
pub struct StsSettings {
    /// Further attempts after the first, for throttling, 5xx and broken connections.
    pub retries: u32,
    /// For one attempt.
    pub attempt_timeout: Duration,
    pub connect_timeout: Duration,
    /// Where STS is, for keys that do not say; else where their region says.
    pub endpoint_url: Option<Url>,
}

impl StsSettings {
    /// Exponential, with full jitter.
    pub(crate) fn retry_config(&self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.retries.saturating_add(1))
            .with_initial_backoff(FIRST_BACKOFF)
            .with_max_backoff(LONGEST_BACKOFF)
    }

    pub(crate) fn timeout_config(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .operation_attempt_timeout(self.attempt_timeout)
            .build()
    }
}

/// A quota of retries for one key alone: one throttled account must not use up the retries of the others.
pub(crate) fn quota_of(key: &OpenKey, service: &str) -> RetryPartition {
    RetryPartition::custom(format!("{service}-{}-{}-{}", key.region, key.id, key.generation))
        .token_bucket(TokenBucket::builder().capacity(RETRY_TOKENS).refill_rate(RETRY_TOKENS_PER_SECOND).build())
        .build()
}

/// One thing for each access key, made anew when the key has changed.
#[derive(Debug)]
pub(crate) struct PerKey<T>(Mutex<HashMap<AccessKeyId, (i64, T)>>);

impl<T: Clone> PerKey<T> {
    pub(crate) fn get(&self, key: &OpenKey, make: impl FnOnce() -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((generation, kept)) = known.get(&key.id)
            && *generation == key.generation
        {
            return kept.clone();
        }
        if known.len() >= MOST_KEYS {
            known.clear();
        }
        let fresh = make();
        known.insert(key.id, (key.generation, fresh.clone()));
        fresh
    }
}

impl<T> Default for PerKey<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
const RETRY_TOKENS: usize = 500;
const RETRY_TOKENS_PER_SECOND: f32 = 5.0;
const MOST_KEYS: usize = 4_096;
