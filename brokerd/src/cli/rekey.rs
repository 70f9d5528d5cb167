//! `brokerd rekey`: everything sealed goes to the master key that seals now, and it says which keys may go.

use std::process::ExitCode;

use broker_core::administration::{self, Left, Survey};
use clap::Args;

use super::failure::{Unattended, say};
use super::progress::Progress;
use super::site::{Opened, Site};
use super::{operator, output, terminal};

/// Move everything sealed to the master key that seals now; goes on where it was if interrupted
#[derive(Debug, Args)]
pub(super) struct Rekey {
    /// Say how many secrets are sealed with which master key, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Rekey {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        site.open().await?.and_close(async |opened| self.rekey(opened).await).await
    }

    async fn rekey(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let administration = &opened.administration;
        let survey = administration.survey_seals().await?;
        let to = administration.seals_with();
        show(&survey)?;
        let count: usize = survey.under.iter().filter(|((_, key), _)| key != to).map(|(_, count)| count).sum();
        output::line(&format!("{count} to move to master key `{to}`"))?;
        if self.dry_run {
            return Ok(ended(&survey.left));
        }
        if count > 0 && opened.config.store.is_served() {
            say(&format!(
                "a daemon serves from this store: unless it was started with a configuration that has `{to}`, it vends nothing from now on until it is restarted with one"
            ));
        }
        if count > 0 && !self.yes {
            say(&order(to));
            if !terminal::is_attended() {
                return Err(Unattended(format!("nothing was changed, for nobody is here to be asked: give --yes if every daemon knows `{to}`, or --dry-run to look")).into());
            }
            if !terminal::agrees(&format!("Does every daemon know `{to}`, and shall everything move to it?"))? {
                anyhow::bail!("nothing was changed");
            }
        }
        let progress = Progress::begin("looking at everything sealed");
        let tell = |moved: administration::Progress| progress.at(format!("moved {} of {}", moved.done, moved.total));
        let rekeyed = administration.rekey(&operator::may(), tell).await?;
        drop(progress);
        for left in &rekeyed.left {
            say(&line(left));
        }
        output::line(&format!("moved {}, left {}", rekeyed.moved, rekeyed.left.len()))?;
        for key in &rekeyed.idle_keys {
            output::line(&format!(
                "nothing is sealed with master key `{key}` any more: once `{to}` seals on every daemon it may go from the configuration"
            ))?;
        }
        for key in &rekeyed.unused_keys {
            output::line(&format!(
                "nothing is sealed with master key `{key}`: keep it if it is the next that is to seal; if it sealed once, it may go as soon as `{to}` seals on every daemon"
            ))?;
        }
        if !rekeyed.idle_keys.is_empty() {
            say("keep a copy of it for as long as you keep backups of the store from before");
        }
        Ok(ended(&rekeyed.left))
    }
}

fn show(survey: &Survey) -> anyhow::Result<()> {
    let rows: Vec<[String; 3]> = survey
        .under
        .iter()
        .map(|((place, key), count)| [format!("{}.{}", place.table(), place.column()), key.clone(), count.to_string()])
        .collect();
    output::table(["PLACE", "MASTER KEY", "SECRETS"], &rows)?;
    survey.left.iter().for_each(|left| say(&line(left)));
    Ok(())
}

fn line(left: &Left) -> String {
    output::fit(&format!("left as it is: {}.{} {}: {}", left.place.table(), left.place.column(), left.row, left.why))
}

fn ended(left: &[Left]) -> ExitCode {
    if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What must have happened before.
fn order(to: &str) -> String {
    format!(
        "A daemon that does not know master key `{to}` cannot open what is moved to it. The order is:\n  \
         1. add `{to}` to every node's configuration, without `seals`, and restart each daemon;\n  \
         2. set `seals = true` on it everywhere, and take it from the old one; restart;\n  \
         3. run `brokerd rekey`, on one node;\n  \
         4. take the old key out of every configuration when `rekey` says that it may go."
    )
}
