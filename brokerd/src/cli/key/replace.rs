//! `brokerd key replace`: another key of the same user, for all connectors at once.

use anyhow::Context;
use broker_core::access_key::{KeyDetails, KeySource, Serves};
use broker_core::administration::{AccessKeyError, NewAccessKey, SeenAccessKey};
use broker_core::name::AccessKeyName;
use broker_core::partition::Region;
use broker_core::store::Table;
use clap::Args;

use super::details::{ServesArguments, aws_key_id, key_name, region};
use super::{ASKING, advised, proof, say_owner};
use crate::cli::failure::say;
use crate::cli::progress::Progress;
use crate::cli::site::Opened;
use crate::cli::{damaged, operator, terminal};

/// Put another key of the same IAM user in the place of one; all its connectors follow. What is not given stays as it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct Replace {
    /// What connectors call it
    #[arg(value_parser = key_name)]
    name: AccessKeyName,
    /// AWS's id of the new key
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// The region whose STS is asked
    #[arg(long, value_parser = region)]
    region: Option<Region>,
    #[command(flatten)]
    serves: ServesArguments,
    /// Any connector may use the key from now on, whatever it was restricted to
    #[arg(long, conflicts_with_all = ServesArguments::NAMES)]
    serves_anything: bool,
    /// Do not ask AWS whose key it is: the daemon will, as soon as it can
    #[arg(long)]
    skip_validation: bool,
}

impl Replace {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<()> {
        let aws_key_id = self.access_key_id.map(aws_key_id).transpose()?;
        let keys = opened.house.store.access_keys().await?;
        let stored = keys.into_iter().find(|key| key.name == self.name);
        if stored.is_none() && damaged::find(opened, Table::AccessKeys, self.name.as_str()).await?.is_some() {
            return Err(AccessKeyError::Damaged(self.name).into());
        }
        let stored = stored.with_context(|| format!("no access key is called `{}`", self.name))?;
        let seen = SeenAccessKey::of(&stored);
        let serves = match self.serves.given() {
            Some(given) => given,
            None if self.serves_anything => Serves::default(),
            None => stored.details.serves,
        };
        let details = KeyDetails {
            source: aws_key_id.map_or(stored.details.source, KeySource::Stored),
            region: self.region.unwrap_or(stored.details.region),
            endpoint_url: stored.details.endpoint_url,
            serves,
            owner: None,
            expected_owner: None,
        };
        let secret = terminal::secret("Secret access key: ")?;
        let sts = opened.sts()?;
        let new = NewAccessKey { name: self.name, details, secret };
        let (seen, by) = (Some(seen), operator::may());
        let progress = Progress::begin(ASKING);
        let replaced =
            opened.administration.replace_access_key(new, seen, proof(&sts, self.skip_validation), &by).await;
        drop(progress);
        let key = replaced.map_err(advised)?;
        say_owner(&key);
        say(&format!("access key `{}` is replaced; its connectors use the new one within a second", key.name));
        Ok(())
    }
}
