//! `brokerd apply`: the connectors file counts, after somebody has seen what that changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use broker_core::catalog::{self, Catalog};
use clap::Args;

use super::failure::{Mistakes, Unattended, say};
use super::progress::Progress;
use super::site::{Opened, Site};
use super::{operator, output, terminal};

/// Make the connectors file count: show what would change, ask, change it all at once
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The file [default: the one that the configuration names]
    file: Option<PathBuf>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; also where all or most connectors would go
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

impl Apply {
    pub(super) async fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        site.open().await?.and_close(async |opened| self.apply(opened).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn apply(self, opened: &Opened) -> anyhow::Result<()> {
        let progress = Progress::begin("reading the connectors file");
        let (file, catalog) = self.read(opened).await?;
        progress.at("comparing the connectors file with the store".to_owned());
        let plan = opened.administration.plan(&catalog).await?;
        drop(progress);
        output::line(&plan.to_string())?;
        if plan.is_empty() || self.dry_run {
            return Ok(());
        }
        if plan.removes_all_or_most() {
            say("this removes all or most connectors");
        }
        if !self.yes {
            if !terminal::is_attended() {
                return Err(Unattended("nothing was changed, for nobody is here to be asked: give --yes if this plan is meant, or --dry-run to look at it".to_owned()).into());
            }
            if !terminal::agrees(&format!("Apply {}?", file.display()))? {
                bail!("nothing was changed");
            }
        }
        let progress = Progress::begin(&format!("making {} changes, all at once", plan.changes().len()));
        opened.administration.apply(&catalog, plan, &operator::may()).await?;
        drop(progress);
        say("applied; it counts within a second");
        let configured = opened.config.connectors_file.as_ref().and_then(|file| file.canonicalize().ok());
        if configured != file.canonicalize().ok() {
            say(
                "warning: this is not the configuration's connectors_file, which counts again at the daemon's next start or SIGHUP",
            );
        }
        Ok(())
    }

    async fn read(&self, opened: &Opened) -> anyhow::Result<(PathBuf, Catalog)> {
        let file = self.file.as_deref().or(opened.config.connectors_file.as_deref());
        let file: &Path = file.context("the configuration names no connectors_file: name a file")?;
        let keys = opened.house.store.all_access_keys().await?;
        let catalog = catalog::read(file, &opened.config.catalog_context(Some(&keys))).map_err(Mistakes)?;
        for warning in &catalog.warnings {
            say(&format!("warning: {warning}"));
        }
        Ok((file.to_owned(), catalog))
    }
}
