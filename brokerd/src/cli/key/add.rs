//! `brokerd key add`: a key comes in, proved by AWS.

use broker_core::access_key::{KeyDetails, KeySource};
use broker_core::administration::NewAccessKey;
use broker_core::name::AccessKeyName;
use broker_core::partition::Region;
use clap::Args;

use super::details::{ServesArguments, aws_key_id, key_name, region};
use super::{ASKING, advised, proof, say_owner};
use crate::cli::failure::say;
use crate::cli::progress::Progress;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Take in a key; its secret is asked for, or piped in
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// What connectors call it
    #[arg(value_parser = key_name)]
    name: AccessKeyName,
    /// AWS's id of the key, such as AKIAIOSFODNN7EXAMPLE
    #[arg(long, value_name = "ID")]
    access_key_id: String,
    /// The region whose STS is asked; the partition follows from it
    #[arg(long, value_parser = region)]
    region: Region,
    #[command(flatten)]
    serves: ServesArguments,
    /// Do not ask AWS whose key it is: the daemon will, as soon as it can
    #[arg(long)]
    skip_validation: bool,
}

impl Add {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let details = KeyDetails {
            source: KeySource::Stored(aws_key_id(self.access_key_id)?),
            region: self.region,
            endpoint_url: None,
            serves: self.serves.given().unwrap_or_default(),
            owner: None,
            expected_owner: None,
        };
        let secret = terminal::secret("Secret access key: ")?;
        let sts = opened.sts()?;
        let new = NewAccessKey { name: self.name, details, secret };
        let by = operator::may();
        let progress = Progress::begin(ASKING);
        let added = opened.administration.add_access_key(new, proof(&sts, self.skip_validation), &by).await;
        drop(progress);
        let key = added.map_err(advised)?;
        say_owner(&key);
        say(&format!("access key `{}` is stored, sealed", key.name));
        Ok(())
    }
}
