//! `brokerd audit prune`: records that are older than they need be kept are removed, with a mark that stays.

use std::process::ExitCode;

use anyhow::{bail, ensure};
use broker_core::trail::{Prunable, TrailError};
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cli::failure::say;
use crate::cli::output::{self, time};
use crate::cli::progress::Progress;
use crate::cli::site::Opened;
use crate::cli::{operator, terminal};

/// Remove old records; what stays proves as before, and what is gone stays known to have been removed
#[derive(Debug, Args)]
pub(in crate::cli) struct Prune {
    /// Records from before this day (UTC) or time, such as 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "DATE|TIME", value_parser = date_or_time, conflicts_with = "older_than")]
    before: Option<Timestamp>,
    /// Records that are older than so many days [default: `audit.retention_days`]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    older_than: Option<u32>,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Prune {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let house = &opened.house;
        let now = house.clock.now();
        let before = self.before(opened, now)?;
        let progress = Progress::begin("looking for old records");
        let prunable = Prunable::find(&house.store, before).await?;
        drop(progress);
        let (records, chains) = (prunable.records(), prunable.chains());
        output::line(&format!("records from before {}: {records}, of {chains} chains", time(before)))?;
        if self.dry_run || chains == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        terminal::agrees_if_attended("Remove them for good?", self.yes)?;
        let progress = Progress::begin("removing old records");
        let tell = |removed| progress.at(format!("removed {removed} of {records}"));
        let pruned = opened.administration.prune_trail(prunable, &operator::may(), tell).await.map_err(explained)?;
        drop(progress);
        for mark in &pruned.marks {
            house.anchoring.anchor_pruned(mark.chain, mark.sequence, mark.hash).await?;
        }
        say(&format!("records removed: {}", pruned.records));
        for broken in &pruned.breaks {
            say(&format!("broken: {broken}"));
        }
        ensure!(pruned.breaks.is_empty(), "what does not prove is not removed: run `brokerd audit verify`");
        Ok(ExitCode::SUCCESS)
    }

    fn before(&self, opened: &Opened, now: Timestamp) -> anyhow::Result<Timestamp> {
        let before = match (self.before, self.older_than.or(opened.config.audit.retention_days)) {
            (Some(before), _) => before,
            (None, Some(days)) => now.saturating_sub(SignedDuration::from_hours(i64::from(days) * 24))?,
            (None, None) => bail!("say which records: --before or --older-than, or set audit.retention_days"),
        };
        ensure!(before <= now, "{} is still to come", time(before));
        Ok(before)
    }
}

fn explained(error: TrailError) -> anyhow::Error {
    if error.is_forbidden() {
        return anyhow::anyhow!(
            "this database role may not delete from the trail, and nothing was removed: run it with a configuration whose store.url names a role that may (docs/postgresql-roles.sql)"
        );
    }
    error.into()
}

fn date_or_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day = text.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    day.map(|day| day.timestamp())
        .ok_or_else(|| "write a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z".to_owned())
}
