//! A world to play in, and AWS's own client to play with.

mod http;
mod packed;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sim::{AccessKey, Bucket, Role, Sim, User, World};
use aws_smithy_http_client::Builder;
use serde_json::{Value, json};

pub(crate) use http::{element, exchange, get_object, http, iam, long_term, signed, vended};
pub(crate) use packed::Packed;

pub(crate) const HOME: &str = "111111111111";
pub(crate) const AWAY: &str = "222222222222";
pub(crate) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const POOR_KEY: &str = "AKIAIOSFODNN7POOR000";
pub(crate) const ROOT_KEY: &str = "AKIAIOSFODNN7ROOT000";
pub(crate) const BROKER: &str = "arn:aws:iam::111111111111:user/ci/broker";
pub(crate) const DEPLOY: &str = "arn:aws:iam::111111111111:role/deploy";
pub(crate) const MANAGED: &str = "arn:aws:iam::111111111111:policy/read-reports";
pub(crate) const AWS_MANAGED: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// One statement that allows `actions` on `resource`.
pub(crate) fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] })
}

/// A trust policy for one AWS principal.
pub(crate) fn trust(principal: &str) -> Value {
    trust_if(principal, &json!({}))
}

pub(crate) fn trust_if(principal: &str, condition: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": principal }, "Condition": condition,
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }] })
}

/// An account with a mighty user, a poor one, a root with a key, roles, and two buckets.
pub(crate) fn world() -> World {
    let broker = User::new(HOME, "broker")
        .path("/ci/")
        .inline_policy("all", allow(&["sts:*", "s3:*", "iam:*"], "*"))
        .mfa_device("arn:aws:iam::111111111111:mfa/broker", &["123456", "234567"])
        .key(AccessKey::new(KEY, SECRET));
    let everything = allow(&["*"], "*");
    World::new()
        .user(broker)
        .user(User::new(HOME, "poor").key(AccessKey::new(POOR_KEY, SECRET)))
        .root_key(HOME, AccessKey::new(ROOT_KEY, SECRET))
        .managed_policy(MANAGED, allow(&["s3:GetObject"], "arn:aws:s3:::reports/*"))
        .managed_policy(AWS_MANAGED, everything.clone())
        .managed_policy("arn:aws:iam::222222222222:policy/theirs", everything.clone())
        .role(Role::new(HOME, "deploy", trust(HOME)).inline_policy("all", everything).max_session_duration(43_200))
        .bucket(Bucket::new(HOME, "reports").object("q1.txt", "first quarter"))
        .bucket(Bucket::new(HOME, "secrets").object("key.txt", "hush"))
        .disable_region("ap-east-1")
}

pub(crate) async fn start(world: World) -> Sim {
    Sim::start(world, ([127, 0, 0, 1], 0).into()).await.unwrap()
}

pub(crate) fn sts(sim: &Sim) -> aws_sdk_sts::Client {
    sts_as(sim, KEY, SECRET, None)
}

pub(crate) fn sts_as(sim: &Sim, id: &str, secret: &str, token: Option<&str>) -> aws_sdk_sts::Client {
    sts_in(sim, "eu-central-1", id, secret, token)
}

pub(crate) fn sts_in(sim: &Sim, region: &str, id: &str, secret: &str, token: Option<&str>) -> aws_sdk_sts::Client {
    let credentials = Credentials::new(id, secret, token.map(str::to_owned), None, "test");
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .endpoint_url(sim.endpoint())
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(credentials)
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

/// A client that uses what was vended.
pub(crate) fn sts_with(sim: &Sim, vended: &aws_sdk_sts::types::Credentials) -> aws_sdk_sts::Client {
    sts_as(sim, vended.access_key_id(), vended.secret_access_key(), Some(vended.session_token()))
}

/// What AWS said against it: code and message.
pub(crate) fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(
    result: Result<T, SdkError<E, R>>,
) -> (String, String) {
    match result {
        Ok(answer) => panic!("not refused: {answer:?}"),
        Err(error) => {
            (error.code().unwrap_or("no code").to_owned(), error.message().unwrap_or("no message").to_owned())
        }
    }
}

pub(crate) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    refusal(result).0
}
