//! `brokerd revoke`: a role's live sessions end, after somebody has seen whose they may be.

use std::process::ExitCode;

use anyhow::bail;
use broker_core::administration::{Aws, POLICY_NAME, Revocation, SessionsOf};
use broker_core::arn::RoleArn;
use broker_core::name::{AccessKeyName, ConnectorName};
use clap::Args;

use super::failure::{Unattended, say};
use super::key::{connector_name, key_name, role_arn};
use super::site::{Opened, Site};
use super::{operator, output, terminal};

/// End a role's live sessions: AWS refuses all that were issued before now, whoever has them
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("sessions").required(true))]
pub(super) struct Revoke {
    /// The connector whose role it is
    #[arg(group = "sessions", value_parser = connector_name)]
    connector: Option<ConnectorName>,
    /// The role itself
    #[arg(long, group = "sessions", value_name = "ARN", value_parser = role_arn)]
    role: Option<RoleArn>,
    /// The stored key that signs it [default: the connector's]; it must be of the role's own account
    #[arg(long, value_name = "NAME", value_parser = key_name)]
    access_key: Option<AccessKeyName>,
    /// Show the policy, and what it would end, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Revoke {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        site.open().await?.and_close(async |opened| self.revoke(opened).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn revoke(self, opened: &Opened) -> anyhow::Result<()> {
        let iam = opened.iam()?;
        let (sts, deadline) = opened.sts()?;
        let aws = Aws { sts: &sts, iam: &iam, deadline };
        let of = match (self.connector, self.role) {
            (Some(connector), _) => SessionsOf::Connector(connector),
            (None, Some(role)) => SessionsOf::Role(role),
            (None, None) => bail!("name a connector, or a role with --role"),
        };
        let seen = opened.administration.look_at_sessions(&of, self.access_key.as_ref(), aws).await?;
        output::line(&shown(&seen))?;
        if self.dry_run {
            return Ok(());
        }
        if !self.yes {
            if !terminal::is_attended() {
                return Err(Unattended("nothing was changed, for nobody is here to be asked: give --yes if this is meant, or --dry-run to look at it".to_owned()).into());
            }
            if !terminal::agrees(&format!("End them all, of {}?", seen.role.as_str()))? {
                bail!("nothing was changed");
            }
        }
        // Whoever was asked may have taken their time.
        let (_, deadline) = opened.sts()?;
        let revoked = opened.administration.revoke_sessions(&seen, Aws { deadline, ..aws }, &operator::may()).await?;
        say(&format!(
            "AWS refuses sessions issued before {}, as soon as the policy has reached all of AWS: seconds, rarely minutes",
            output::time(revoked.issued_before)
        ));
        operator::recorded("AWS was told, and brokerd lends none of them again", revoked.recorded)
    }
}

/// What somebody should know before they agree.
fn shown(seen: &Revocation) -> String {
    let connectors: Vec<&str> = seen.connectors.iter().map(ConnectorName::as_str).collect();
    let lent = match connectors.as_slice() {
        [] => "which no connector lends".to_owned(),
        [first @ .., last] if first.len() < MAX_NAMED => format!("lent by {}", [first, &[*last]].concat().join(", ")),
        [first, ..] => format!("lent by {first} and {} more connectors", connectors.len() - 1),
    };
    let replaces = match &seen.replaces {
        None => "The role has no policy of that name yet.".to_owned(),
        Some(before) if same_but_for_the_moment(before, &seen.document) => {
            "It takes the place of an older one of the same name.".to_owned()
        }
        Some(before) => format!("It takes the place of ANOTHER policy of that name, which is lost:\n\n{before}"),
    };
    output::fit_lines(&format!(
        "role          {role}\n\
         which is      {lent}\n\
         signed by     access key {key}\n\
         inline policy {POLICY_NAME}, as AWS's own console writes it, with the moment when it is done:\n\n\
         {document}\n\n\
         {replaces}\n\n\
         Ends:         every session of the role that was issued before that moment: brokerd's, and those of everybody else who\n\
         \x20             assumed it, programs, services and the console among them\n\
         Does not end: sessions issued later, to whoever may still assume the role; sessions of other roles that were assumed\n\
         \x20             from this one; what was done already, such as tokens for a registry of containers",
        role = seen.role.as_str(),
        key = seen.access_key,
        document = seen.document,
    ))
}

/// Whether nobody wrote anything of their own into it.
fn same_but_for_the_moment(one: &str, other: &str) -> bool {
    let without = |text: &str| {
        let mut policy: serde_json::Value = serde_json::from_str(text).ok()?;
        let moment = policy.pointer_mut("/Statement/0/Condition/DateLessThan/aws:TokenIssueTime")?;
        *moment = serde_json::Value::Null;
        Some(policy)
    };
    without(one).is_some_and(|one| Some(one) == without(other))
}

const MAX_NAMED: usize = 20;
