//! The real IAM: a handful of calls of AWS's query protocol, signed by AWS's own signer.
//!
//! AWS's SDK for IAM has 180 operations of generated code for the two that are needed here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use percent_encoding::percent_decode_str;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use url::{Url, form_urlencoded};

use super::answer::{Answer, find};
use super::{Iam, IamError, Told};
use crate::arn::RoleArn;
use crate::clock::Clock;
use crate::sts::{BareClient, OpenKey, Outage, Outbound, OutboundError};

/// How IAM is asked.
#[derive(Clone, Debug)]
pub struct IamSettings {
    /// Where IAM is; else where the partition says.
    pub endpoint_url: Option<Url>,
    /// Further attempts after the first, for throttling, 5xx and broken connections. All the calls may be repeated.
    pub retries: u32,
    /// For one attempt.
    pub attempt_timeout: Duration,
}

/// Asks the IAM of each key's partition.
#[derive(Debug)]
pub struct AwsIam {
    http: BareClient,
    settings: IamSettings,
    clock: Arc<dyn Clock>,
}

impl AwsIam {
    pub fn new(outbound: &Outbound, settings: IamSettings, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        Ok(Self { http: outbound.http_client()?, settings, clock })
    }

    async fn call(&self, key: &OpenKey, fields: &[(&str, &str)], deadline: Instant) -> Result<Answer, IamError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Version", VERSION)])
            .extend_pairs(fields)
            .finish()
            // As AWS's own clients write forms: whoever reads and writes it again, to prove the signature, comes to the same.
            .replace('*', "%2A");
        let tried = async {
            let mut wait = FIRST_WAIT;
            for _ in 0..self.settings.retries {
                match self.attempt(key, &form).await {
                    Err(IamError::Unavailable(_)) => sleep(wait).await,
                    outcome => return outcome,
                }
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            self.attempt(key, &form).await
        };
        timeout_at(deadline, tried).await.unwrap_or(Err(IamError::Unavailable(Outage::Silent)))
    }

    async fn attempt(&self, key: &OpenKey, form: &str) -> Result<Answer, IamError> {
        let (url, region) = self.place(key)?;
        let mut request = self.http.post(url.clone()).header(CONTENT_TYPE, FORM).body(form.to_owned());
        for (name, value) in self.signed(key, &url, region, form)? {
            request = request.header(name, value);
        }
        let answered = async {
            let response = self.http.send(request).await.map_err(IamError::Unavailable)?;
            Answer::read(response).await
        };
        timeout(self.settings.attempt_timeout, answered).await.unwrap_or(Err(IamError::Unavailable(Outage::Silent)))
    }

    /// IAM has one endpoint a partition, and the region that its signatures name.
    fn place(&self, key: &OpenKey) -> Result<(Url, &'static str), IamError> {
        let (endpoint, region) = key.region.partition().iam();
        let of_partition = || Url::parse(endpoint).map_err(|_| IamError::Unusable("its address is none"));
        Ok((self.settings.endpoint_url.clone().map_or_else(of_partition, Ok)?, region))
    }

    fn signed(
        &self,
        key: &OpenKey,
        url: &Url,
        region: &str,
        form: &str,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, IamError> {
        let failed = || IamError::Unusable("the request could not be signed");
        let (id, secret) = key.long_term().ok_or(IamError::Ambient)?;
        let identity = Credentials::new(id.as_str(), secret.expose_secret(), None, None, "brokerd").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("iam")
            .time(SystemTime::from(self.clock.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| failed())?
            .into();
        let host = url.authority().to_owned();
        let headers = [("host", host.as_str()), ("content-type", FORM)];
        let body = SignableBody::Bytes(form.as_bytes());
        let request = SignableRequest::new("POST", url.as_str(), headers.into_iter(), body).map_err(|_| failed())?;
        let (instructions, _) = sign(request, &params).map_err(|_| failed())?.into_parts();
        let header = |(name, value): (&str, &str)| Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?));
        instructions.headers().map(|it| header(it).ok_or_else(failed)).collect()
    }
}

#[async_trait]
impl Iam for AwsIam {
    async fn role_policy(
        &self,
        key: &OpenKey,
        role: &RoleArn,
        name: &str,
        deadline: Instant,
    ) -> Result<Told<Option<String>>, IamError> {
        let fields = [("Action", "GetRolePolicy"), ("RoleName", role.name()), ("PolicyName", name)];
        let answer = self.call(key, &fields, deadline).await?;
        if answer.no_policy {
            return answer.told("GetRolePolicy", None);
        }
        let encoded = find(&answer.text, &["GetRolePolicyResult", "PolicyDocument"]);
        let document = encoded.and_then(|encoded| Some(percent_decode_str(&encoded).decode_utf8().ok()?.into_owned()));
        answer.told("GetRolePolicy", Some(document.ok_or(IamError::Unusable("its answer holds no policy"))?))
    }

    async fn put_role_policy(
        &self,
        key: &OpenKey,
        role: &RoleArn,
        name: &str,
        document: &str,
        deadline: Instant,
    ) -> Result<Told<()>, IamError> {
        let fields = [
            ("Action", "PutRolePolicy"),
            ("RoleName", role.name()),
            ("PolicyName", name),
            ("PolicyDocument", document),
        ];
        let answer = self.call(key, &fields, deadline).await?;
        if answer.no_policy {
            return Err(IamError::Unusable("it misses a policy where one is put"));
        }
        answer.told("PutRolePolicy", ())
    }
}

const VERSION: &str = "2010-05-08";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
