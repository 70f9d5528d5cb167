//! Credentials → a password for AWS's registries of packages: ECR for docker, CodeArtifact for npm, pip, Maven and others.

mod codeartifact;
mod ecr;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use crate::arn::AccountId;
use crate::clock::{Clock, seconds_between};
use crate::meter::Asked;
use crate::partition::Region;
use crate::signed::{Answered, Call, Failure, NoAnswer, Patience, SignedClient, signer};
use crate::sts::{AwsRefusal, Credentials, Outage, Outbound};

pub use codeartifact::{DomainName, NotADomain, TokenLife};

/// AWS's registries, or stand-ins for them.
#[derive(Clone, Debug)]
pub struct Registries {
    outbound: Outbound,
    settings: RegistrySettings,
    clock: Arc<dyn Clock>,
    /// Made when it is first needed: most installations never ask, and it reads every certificate that the system trusts.
    client: Arc<OnceCell<SignedClient>>,
}

/// How the registries are asked.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Where ECR is, whatever the region; else where the region says. So with the other one.
    pub ecr_endpoint_url: Option<Url>,
    pub codeartifact_endpoint_url: Option<Url>,
    pub patience: Patience,
}

/// Which registry a password is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    Ecr {
        region: Region,
    },
    CodeArtifact {
        region: Region,
        domain: DomainName,
        /// Whose the domain is.
        owner: AccountId,
        life: TokenLife,
    },
}

/// A password as AWS gave it. Shown nowhere but in the answer.
#[derive(Debug)]
pub struct RegistryPassword {
    pub username: &'static str,
    password: SecretString,
    /// Where it is good for: `https://111111111111.dkr.ecr.eu-central-1.amazonaws.com`.
    pub url: String,
    /// Whose registry that is.
    pub owner: AccountId,
    pub expires_at: Timestamp,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error("AWS refused: {}", .0.code)]
    Refused(AwsRefusal),
    /// Throttled, broken or silent until the deadline came.
    #[error("{}", .0.of("AWS"))]
    Unavailable(Outage),
    /// An answer that is not one.
    #[error("AWS's answer cannot be used: {0}")]
    Unusable(&'static str),
}

impl Registry {
    pub(crate) fn region(&self) -> &Region {
        match self {
            Self::Ecr { region } | Self::CodeArtifact { region, .. } => region,
        }
    }

    /// What the trail says of it.
    pub(crate) fn described(&self, given: &RegistryPassword) -> Value {
        let mut told = json!({ "region": self.region().as_str(), "expires_at": given.expires_at.to_string() });
        if let Self::CodeArtifact { domain, owner, .. } = self {
            told["domain"] = domain.as_str().into();
            told["domain_owner"] = owner.as_str().into();
        }
        told
    }

    /// AWS's name of the call.
    fn action(&self) -> &'static str {
        match self {
            Self::Ecr { .. } => "ecr:GetAuthorizationToken",
            Self::CodeArtifact { .. } => "codeartifact:GetAuthorizationToken",
        }
    }
}

impl Registries {
    pub fn new(outbound: Outbound, settings: RegistrySettings, clock: Arc<dyn Clock>) -> Self {
        Self { outbound, settings, clock, client: Arc::default() }
    }

    async fn client(&self) -> Result<&SignedClient, RegistryError> {
        let no_way = RegistryError::Unusable("there is no way out to it");
        let make = || {
            let (outbound, clock) = (self.outbound.clone(), Arc::clone(&self.clock));
            // These calls are made while somebody waits, who may well ask again.
            let patience = self.settings.patience.clone();
            let patience = Patience { retries: patience.retries.min(MOST_RETRIES), ..patience };
            let made = tokio::task::spawn_blocking(move || SignedClient::new(&outbound, patience, clock));
            async { made.await.ok().and_then(Result::ok).ok_or(no_way) }
        };
        self.client.get_or_try_init(make).await
    }

    /// Asks AWS for a password, in the name of whoever the credentials act as.
    pub(crate) async fn password(
        &self,
        registry: &Registry,
        credentials: &Credentials,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<RegistryPassword, RegistryError> {
        let asked = Asked::now();
        let password = match registry {
            Registry::Ecr { region } => self.of_ecr(region, credentials, deadline).await,
            Registry::CodeArtifact { region, domain, owner, life } => {
                let wanted = codeartifact::Wanted { region, domain, owner, life: *life };
                self.of_codeartifact(&wanted, credentials, now, deadline).await
            }
        };
        asked.aws(registry.action(), outcome(&password));
        if let Err(error @ (RegistryError::Unavailable(_) | RegistryError::Unusable(_))) = &password {
            let (action, region) = (registry.action(), registry.region().as_str());
            tracing::warn!(aws.action = action, aws.region = region, reason = %error, "AWS's registry does not answer");
        }
        password
    }

    async fn of_ecr(
        &self,
        region: &Region,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<RegistryPassword, RegistryError> {
        let url = self.settings.ecr_endpoint_url.clone().or_else(|| region.endpoint("api.ecr"));
        let url = url.ok_or(NO_ADDRESS)?;
        let call =
            Call { service: "ecr", region: region.as_str(), url: &url, headers: &ecr::HEADERS, body: ecr::NOTHING };
        self.client()
            .await?
            .ask(&signer(credentials), &call, deadline, |answered| read(answered, |body| ecr::read(body, region)))
            .await
    }

    async fn of_codeartifact(
        &self,
        wanted: &codeartifact::Wanted<'_>,
        credentials: &Credentials,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<RegistryPassword, RegistryError> {
        let url = self.settings.codeartifact_endpoint_url.clone();
        let url = url.or_else(|| wanted.region.endpoint("codeartifact")).ok_or(NO_ADDRESS)?;
        let seconds_left = u32::try_from(seconds_between(now, credentials.expires_at)).unwrap_or_default();
        let url = wanted.url(url, seconds_left);
        let call = Call { service: "codeartifact", region: wanted.region.as_str(), url: &url, headers: &[], body: "" };
        let read_it = |body: &[u8]| codeartifact::read(body, wanted);
        self.client().await?.ask(&signer(credentials), &call, deadline, |answered| read(answered, read_it)).await
    }
}

/// A password, or why there is none.
fn read(
    answered: Answered,
    good: impl Fn(&[u8]) -> Option<RegistryPassword>,
) -> Result<RegistryPassword, RegistryError> {
    if answered.is_success() {
        return good(&answered.body).ok_or(RegistryError::Unusable("it holds no password"));
    }
    match refusal(&answered) {
        Some(refusal) if answered.may_pass() || is_haste(&refusal.code) => {
            Err(RegistryError::Unavailable(Outage::Told(refusal)))
        }
        Some(refusal) => Err(RegistryError::Refused(refusal)),
        None if answered.may_pass() => Err(RegistryError::Unavailable(Outage::Silent)),
        None => Err(RegistryError::Unusable("an error without a code")),
    }
}

/// By both protocols of JSON that AWS has: the code is in a header or in the body, with a namespace before it or an address behind.
fn refusal(answered: &Answered) -> Option<AwsRefusal> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(rename = "__type", alias = "code")]
        kind: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let told = serde_json::from_slice(&answered.body).unwrap_or(Told { kind: None, message: None });
    let code = answered.header("x-amzn-errortype").or(told.kind.as_deref())?;
    let code = code.split(':').next()?.rsplit('#').next().filter(|code| !code.is_empty())?;
    let message = told.message.as_deref().unwrap_or_default();
    Some(AwsRefusal::told(code, message, answered.header("x-amzn-requestid")))
}

/// AWS asks too fast askers for patience by these, with a status that says otherwise.
fn is_haste(code: &str) -> bool {
    code.starts_with("Throttling") || code.starts_with("TooManyRequests") || code == "RequestLimitExceeded"
}

fn outcome<T>(answer: &Result<T, RegistryError>) -> &'static str {
    match answer {
        Ok(_) => "success",
        Err(RegistryError::Refused(_)) => "refused",
        Err(RegistryError::Unavailable(_) | RegistryError::Unusable(_)) => "unavailable",
    }
}

/// What can stand in a header and in a file of settings: no character that hides or ends anything. Some are long.
fn is_password(text: &str) -> bool {
    (16..=MAX_PASSWORD).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// AWS writes seconds, with a fraction.
fn moment(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "what is no moment is refused behind it")]
    Timestamp::from_second(seconds as i64).ok()
}

impl From<NoAnswer> for RegistryError {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Outage(outage) => Self::Unavailable(outage),
            NoAnswer::TooLarge => Self::Unusable("it is too large"),
            NoAnswer::Unsigned => Self::Unusable("the request could not be signed"),
        }
    }
}

impl Failure for RegistryError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl RegistryPassword {
    /// Only for whoever has a record of it.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.password
    }
}

const NO_ADDRESS: RegistryError = RegistryError::Unusable("its address is none");
const MOST_RETRIES: u32 = 3;
/// CodeArtifact's have some KiB.
const MAX_PASSWORD: usize = 32 * 1_024;

#[cfg(test)]
mod tests;
