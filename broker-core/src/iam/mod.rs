//! AWS's Identity and Access Management, as far as we need it: a role's inline policies.

mod answer;
mod aws;
mod error;

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::arn::RoleArn;
use crate::sts::OpenKey;

pub use aws::{AwsIam, IamSettings};
pub use error::IamError;

/// The calls to IAM. Each ends by its deadline, and changes roles of the key's own account only.
#[async_trait]
pub trait Iam: Debug + Send + Sync {
    /// The document of a role's inline policy, if the role has one of that name.
    async fn role_policy(
        &self,
        key: &OpenKey,
        role: &RoleArn,
        name: &str,
        deadline: Instant,
    ) -> Result<Told<Option<String>>, IamError>;

    /// Gives a role an inline policy, in the place of one of that name.
    async fn put_role_policy(
        &self,
        key: &OpenKey,
        role: &RoleArn,
        name: &str,
        document: &str,
        deadline: Instant,
    ) -> Result<Told<()>, IamError>;
}

/// What IAM answered.
#[derive(Clone, Debug)]
pub struct Told<T> {
    pub value: T,
    /// When, by AWS's own clock, to the second that it was in.
    pub at: Timestamp,
    pub request_id: Option<String>,
}
