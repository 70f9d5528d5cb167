//! The real STS, by AWS's SDK: one client an access key, one retry quota each, one pool of connections for all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials as SdkCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use aws_sdk_sts::{Client, Config};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::haste::TooManyRequests;
use super::identity::{is_access_key_id, is_arn, is_secret, is_user_id};
use super::patience::{PerKey, quota_of};
use super::request::{MfaShown, RoleRequest, TokenRequest, UserRequest};
use super::witness::Witness;
use super::{
    Ambient, AwsRefusal, CallerIdentity, Credentials, OpenKey, Outage, Pool, Signs, Sts, StsError, StsRequest,
    StsSettings,
};
use crate::arn::PolicyArn;
use crate::clock::{Clock, seconds_between};
use crate::entitlement::Entitlement;
use crate::tag::{TagKey, TagValue};

/// Asks the STS that each key's region or endpoint names.
#[derive(Debug)]
pub struct AwsSts {
    pool: Pool,
    settings: StsSettings,
    clock: Arc<dyn Clock>,
    ambient: Ambient,
    clients: PerKey<Client>,
    /// When it was last said that the clocks differ.
    told_of_skew: Mutex<Option<Instant>>,
}

impl AwsSts {
    pub fn new(pool: Pool, settings: StsSettings, clock: Arc<dyn Clock>) -> Self {
        let ambient = Ambient::new(&pool, Arc::clone(&clock));
        Self { pool, settings, clock, ambient, clients: PerKey::default(), told_of_skew: Mutex::default() }
    }

    /// The client of a key, once there is something to sign with: a host without an identity asks AWS nothing.
    async fn ready(&self, key: &OpenKey, deadline: Instant) -> Result<Client, StsError> {
        if matches!(key.signs, Signs::Ambient) {
            let found = async { self.ambient.credentials().await.map_err(|_| StsError::Unavailable(Outage::Silent)) };
            tokio::time::timeout_at(deadline, found).await.unwrap_or_else(|_| Err(Witness::default().cut_short()))?;
        }
        Ok(self.client(key))
    }

    /// The client of a key. Kept, because the retry quota hangs on it.
    fn client(&self, key: &OpenKey) -> Client {
        self.clients.get(key, || self.new_client(key))
    }

    /// Waits for a call until its deadline, and says what kept it.
    async fn heard<T>(
        &self,
        witness: &Witness,
        deadline: Instant,
        asked: impl Future<Output = Result<T, StsError>>,
    ) -> Result<T, StsError> {
        let outcome = tokio::time::timeout_at(deadline, asked).await.unwrap_or_else(|_| Err(witness.cut_short()));
        self.tell_of_skew(witness);
        if matches!(outcome, Err(StsError::Unavailable(Outage::Silent))) {
            witness.tell_of_silence();
        }
        outcome.map_err(|error| witness.explain(error))
    }

    async fn issue_once(
        &self,
        key: &OpenKey,
        request: &StsRequest,
        deadline: Instant,
        witness: &Witness,
    ) -> Result<Credentials, StsError> {
        let client = self.ready(key, deadline).await?;
        let asked = async {
            let heard = witness.clone();
            match request {
                StsRequest::FederatedUser(user) => federation_token(&client, user, heard).await,
                StsRequest::AssumeRole(role) => assume_role(&client, role, heard).await,
                StsRequest::SessionToken(token) => session_token(&client, token, heard).await,
            }
        };
        self.credentials(self.heard(witness, deadline, asked).await?, request.duration_seconds())
    }

    /// Whether AWS calls expired what the host signs with, so that the host is to be asked who it is anew, and then AWS once more. A
    /// long-term key does not expire.
    async fn begins_anew(&self, key: &OpenKey, error: &StsError, witness: &Witness) -> bool {
        let expired = matches!(key.signs, Signs::Ambient) && error.refusal().is_some_and(AwsRefusal::is_about_expiry);
        if expired && let Some(signer) = witness.signer() {
            self.ambient.forget(&signer).await;
        }
        expired
    }

    async fn prove_once(
        &self,
        key: &OpenKey,
        deadline: Instant,
        witness: &Witness,
    ) -> Result<CallerIdentity, StsError> {
        self.identity(&self.ready(key, deadline).await?, None, deadline, witness).await
    }

    /// Whom AWS takes somebody for: the key's owner, or whoever has the credentials that sign in the key's place.
    async fn identity(
        &self,
        client: &Client,
        signs: Option<SdkCredentials>,
        deadline: Instant,
        witness: &Witness,
    ) -> Result<CallerIdentity, StsError> {
        let call = client.get_caller_identity().customize().interceptor(witness.clone());
        let call = match signs {
            None => call,
            Some(credentials) => call.config_override(
                Config::builder().credentials_provider(credentials).identity_cache(IdentityCache::no_cache()),
            ),
        };
        let asked = call.send();
        let asked = async { asked.await.map_err(|error| StsError::of(&error)) };
        let GetCallerIdentityOutput { user_id, account, arn, .. } = self.heard(witness, deadline, asked).await?;
        let account = account.and_then(|account| account.try_into().ok());
        let (Some(user_id), Some(account), Some(arn)) = (user_id, account, arn) else {
            return Err(StsError::Unusable("it does not say who the caller is"));
        };
        if !is_arn(&arn) || !is_user_id(&user_id) {
            return Err(NOT_AN_IDENTITY);
        }
        Ok(CallerIdentity { account, arn, user_id })
    }

    /// The SDK dates signatures by AWS's clock once it knows it, so that calls succeed; all else here goes by the machine's.
    fn tell_of_skew(&self, witness: &Witness) {
        let Some(skew) = witness.notable_skew() else { return };
        let mut told = self.told_of_skew.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|last| last.elapsed() >= BETWEEN_WARNINGS) {
            *told = Some(Instant::now());
            tracing::warn!(
                ahead_seconds = skew.ahead_seconds(),
                %skew,
                "this machine's clock is wrong: set it, for sessions, expiries and the audit trail go by it"
            );
        }
    }

    fn new_client(&self, key: &OpenKey) -> Client {
        let credentials = match &key.signs {
            Signs::LongTerm(id, secret) => {
                let known = SdkCredentials::new(id.as_str(), secret.expose_secret(), None, None, "brokerd");
                SharedCredentialsProvider::new(known)
            }
            Signs::Ambient => self.ambient.provider(),
        };
        let endpoint = key.endpoint.as_ref().or(self.settings.endpoint_url.as_ref());
        let endpoint = endpoint.map_or_else(|| key.region.sts_endpoint(), |url| url.as_str().to_owned());
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(SdkRegion::new(key.region.as_str().to_owned()))
            .endpoint_url(endpoint)
            // They are at hand always; and the host's own are kept in one place.
            .identity_cache(IdentityCache::no_cache())
            .http_client(self.pool.client())
            .retry_config(self.settings.retry_config())
            .retry_classifier(TooManyRequests)
            .retry_partition(quota_of(key, "sts"))
            .timeout_config(self.settings.timeout_config());
        config.set_credentials_provider(Some(credentials));
        Client::from_conf(config.build())
    }

    fn credentials(&self, answer: Answer, asked_seconds: u32) -> Result<Credentials, StsError> {
        let Answer { credentials, arn, packed } = answer;
        let Some(given) = credentials else { return Err(StsError::Unusable("it holds no credentials")) };
        let issued_at = self.clock.now();
        let expires_at =
            Timestamp::from_second(given.expiration.secs()).map_err(|_| StsError::Unusable("its expiry is no time"))?;
        // The SDK fills what is missing with emptiness: an answer that was cut off can pass for a good one.
        let whole = is_access_key_id(&given.access_key_id)
            && is_secret(&given.secret_access_key)
            && is_secret(&given.session_token);
        if !whole {
            return Err(StsError::Unusable("a part of the credentials is missing, or not AWS's"));
        }
        if arn.as_deref().is_some_and(|arn| !is_arn(arn)) {
            return Err(NOT_AN_IDENTITY);
        }
        if expires_at <= issued_at {
            // The SDK asks once more, by AWS's own time, when AWS finds ours wrong: so this may be our clock's doing.
            tracing::error!("what AWS has just issued has expired by this machine's clock");
            return Err(StsError::Unusable(
                "the credentials have expired by this machine's clock: if that is wrong, set it",
            ));
        }
        let life = u64::try_from(seconds_between(issued_at, expires_at)).unwrap_or_default();
        Ok(Credentials {
            life: Duration::from_secs(life.min(asked_seconds.into())),
            access_key_id: given.access_key_id,
            secret_access_key: SecretString::from(given.secret_access_key),
            session_token: SecretString::from(given.session_token),
            issued_at,
            expires_at,
            arn: arn.filter(|arn| !arn.is_empty()),
            packed_policy_size: packed.and_then(|size| u32::try_from(size).ok()),
        })
    }
}

/// What the three calls' answers have in common.
struct Answer {
    credentials: Option<aws_sdk_sts::types::Credentials>,
    arn: Option<String>,
    packed: Option<i32>,
}

#[async_trait]
impl Sts for AwsSts {
    async fn issue(
        &self,
        _entitlement: &Entitlement,
        key: &OpenKey,
        request: &StsRequest,
        deadline: Instant,
    ) -> Result<Credentials, StsError> {
        let witness = Witness::default();
        match self.issue_once(key, request, deadline, &witness).await {
            Err(error) if self.begins_anew(key, &error, &witness).await => {
                self.issue_once(key, request, deadline, &Witness::default()).await
            }
            outcome => outcome,
        }
    }

    async fn prove(&self, key: &OpenKey, deadline: Instant) -> Result<CallerIdentity, StsError> {
        let witness = Witness::default();
        match self.prove_once(key, deadline, &witness).await {
            Err(error) if self.begins_anew(key, &error, &witness).await => {
                self.prove_once(key, deadline, &Witness::default()).await
            }
            outcome => outcome,
        }
    }

    async fn caller_identity(
        &self,
        key: &OpenKey,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<CallerIdentity, StsError> {
        let temporary = SdkCredentials::new(
            &credentials.access_key_id,
            credentials.secret_access_key.expose_secret(),
            Some(credentials.session_token.expose_secret().to_owned()),
            None,
            "brokerd",
        );
        // By the key's client: whoever is asked about shares the key's quota of retries.
        self.identity(&self.client(key), Some(temporary), deadline, &Witness::default()).await
    }
}

async fn federation_token(client: &Client, user: &UserRequest, witness: Witness) -> Result<Answer, StsError> {
    let answer = client
        .get_federation_token()
        .name(user.name.as_str())
        .duration_seconds(seconds(user.duration_seconds))
        .set_policy(user.policy.as_ref().map(|policy| policy.as_str().to_owned()))
        .set_policy_arns(policy_arns(&user.policy_arns))
        .set_tags(tags(&user.tags)?)
        .customize()
        .interceptor(witness)
        .send()
        .await
        .map_err(|error| StsError::of(&error))?;
    let arn = answer.federated_user.map(|user| user.arn);
    #[expect(deprecated, reason = "its successor is not in every STS's answer yet")]
    let packed = answer.packed_policy_size;
    Ok(Answer { credentials: answer.credentials, arn, packed })
}

async fn assume_role(client: &Client, role: &RoleRequest, witness: Witness) -> Result<Answer, StsError> {
    let keys: Vec<String> = role.transitive_tag_keys.iter().map(|key| key.as_str().to_owned()).collect();
    let answer = client
        .assume_role()
        .role_arn(role.role_arn.as_str())
        .role_session_name(role.session_name.as_str())
        .duration_seconds(seconds(role.duration_seconds))
        .set_external_id(role.external_id.as_ref().map(|id| id.as_str().to_owned()))
        .set_serial_number(role.mfa.as_ref().map(serial))
        .set_token_code(role.mfa.as_ref().map(code))
        .set_source_identity(role.source_identity.as_ref().map(|name| name.as_str().to_owned()))
        .set_policy(role.policy.as_ref().map(|policy| policy.as_str().to_owned()))
        .set_policy_arns(policy_arns(&role.policy_arns))
        .set_tags(tags(&role.tags)?)
        .set_transitive_tag_keys((!keys.is_empty()).then_some(keys))
        .customize()
        .config_override(tries(role.mfa.as_ref()))
        .interceptor(witness)
        .send()
        .await
        .map_err(|error| StsError::of(&error))?;
    let arn = answer.assumed_role_user.map(|user| user.arn);
    #[expect(deprecated, reason = "its successor is not in every STS's answer yet")]
    let packed = answer.packed_policy_size;
    Ok(Answer { credentials: answer.credentials, arn, packed })
}

async fn session_token(client: &Client, token: &TokenRequest, witness: Witness) -> Result<Answer, StsError> {
    let answer = client
        .get_session_token()
        .duration_seconds(seconds(token.duration_seconds))
        .set_serial_number(token.mfa.as_ref().map(serial))
        .set_token_code(token.mfa.as_ref().map(code))
        .customize()
        .config_override(tries(token.mfa.as_ref()))
        .interceptor(witness)
        .send()
        .await
        .map_err(|error| StsError::of(&error))?;
    Ok(Answer { credentials: answer.credentials, arn: None, packed: None })
}

/// A code is shown to AWS once: of an answer that was lost nobody knows whether AWS took it, and a second attempt would be told that it was wrong.
fn tries(mfa: Option<&MfaShown>) -> aws_sdk_sts::config::Builder {
    let own = aws_sdk_sts::config::Builder::new();
    if mfa.is_some() { own.retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled()) } else { own }
}

fn serial(shown: &MfaShown) -> String {
    shown.serial.as_str().to_owned()
}

/// In the body of a POST, over TLS.
fn code(shown: &MfaShown) -> String {
    shown.code.secret().expose_secret().to_owned()
}

fn policy_arns(arns: &[PolicyArn]) -> Option<Vec<PolicyDescriptorType>> {
    let descriptors = arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build()).collect();
    (!arns.is_empty()).then_some(descriptors)
}

fn tags(tags: &[(TagKey, TagValue)]) -> Result<Option<Vec<Tag>>, StsError> {
    let built: Result<Vec<Tag>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key.as_str()).value(value.as_str()).build()).collect();
    let built = built.map_err(|_| StsError::Unusable("the request could not be made"))?;
    Ok((!built.is_empty()).then_some(built))
}

/// Lifetimes are below a day and a half, far inside what the SDK's type holds.
fn seconds(duration: u32) -> i32 {
    i32::try_from(duration).unwrap_or(i32::MAX)
}

const NOT_AN_IDENTITY: StsError = StsError::Unusable("who it says the caller is cannot be read");
const BETWEEN_WARNINGS: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
