//! The real IAM: a handful of calls of AWS's query protocol, signed by AWS's own signer.
//!
//! AWS's SDK for IAM has 180 operations of generated code for the two that are needed here.

use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::answer::{Answer, find};
use super::{Iam, IamError, Told};
use crate::arn::RoleArn;
use crate::clock::Clock;
use crate::signed::{Call, Patience, SignedClient};
use crate::sts::{OpenKey, Outbound, OutboundError};

/// How IAM is asked.
#[derive(Clone, Debug)]
pub struct IamSettings {
    /// Where IAM is; else where the partition says.
    pub endpoint_url: Option<Url>,
    pub patience: Patience,
}

/// Asks the IAM of each key's partition.
#[derive(Debug)]
pub struct AwsIam {
    client: SignedClient,
    endpoint_url: Option<Url>,
}

impl AwsIam {
    pub fn new(outbound: &Outbound, settings: IamSettings, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        let IamSettings { endpoint_url, patience } = settings;
        Ok(Self { client: SignedClient::new(outbound, patience, clock)?, endpoint_url })
    }

    async fn call(&self, key: &OpenKey, fields: &[(&str, &str)], deadline: Instant) -> Result<Answer, IamError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Version", VERSION)])
            .extend_pairs(fields)
            .finish()
            // As AWS's own clients write forms: whoever reads and writes it again, to prove the signature, comes to the same.
            .replace('*', "%2A");
        let (id, secret) = key.long_term().ok_or(IamError::Ambient)?;
        let signer = Credentials::new(id.as_str(), secret.expose_secret(), None, None, "brokerd");
        let (url, region) = self.place(key)?;
        let call = Call { service: "iam", region, url: &url, headers: &[("content-type", FORM)], body: &form };
        self.client.ask(&signer, &call, deadline, Answer::read).await
    }

    /// IAM has one endpoint a partition, and the region that its signatures name.
    fn place(&self, key: &OpenKey) -> Result<(Url, &'static str), IamError> {
        let (endpoint, region) = key.region.partition().iam();
        let of_partition = || Url::parse(endpoint).map_err(|_| IamError::Unusable("its address is none"));
        Ok((self.endpoint_url.clone().map_or_else(of_partition, Ok)?, region))
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
