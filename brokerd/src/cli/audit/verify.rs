//! `brokerd audit verify`: every link of every chain, and whether everything is there that was anchored.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker_core::trail::{self, AnchorFileError, Anchors, Report};
use clap::Args;

use crate::cli::failure::say;
use crate::cli::output::{self, time};
use crate::cli::progress::Progress;
use crate::cli::site::Opened;

/// Prove that no record was changed, taken out or put in; with anchors, that none is missing at the end
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The anchor file that the daemon writes, or a copy of it [default: `audit.anchor_file`]
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

impl Verify {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let store = &opened.house.store;
        let anchors = self.anchors(opened)?;
        if anchors.as_ref().is_some_and(|anchors| anchors.is_torn) {
            say("the anchor file's last line was torn off in the middle; it counts for nothing");
        }
        let progress = Progress::begin("proving the records");
        let tell = |records| progress.at(format!("records so far: {records}"));
        let report = trail::verify_against(store, anchors.as_ref().unwrap_or(&Anchors::default()), tell).await?;
        drop(progress);
        let whole = report.breaks.is_empty();
        let mut lines = vec![format!("chains: {}", report.chains), format!("records: {}", report.records)];
        if report.pruned > 0 {
            lines.push(format!("records that were pruned: {}", report.pruned));
        }
        if report.lost_anchors > 0 {
            lines.push(format!("anchors beyond a restored backup, as an operator has said: {}", report.lost_anchors));
        }
        lines.extend(report.breaks.iter().map(|broken| format!("broken: {broken}")));
        if !whole {
            let more = if report.breaks.len() < 20 { "" } else { "no more than these 20 are told; " };
            lines.push(format!("{more}keep a copy of the database before anything else"));
        }
        let missing = opened.config.audit.anchor_file.as_deref();
        lines.push(tail(anchors.as_ref(), missing, &report));
        lines.push(format!("result: {}", if whole { "whole" } else { "BROKEN" }));
        // What was found counts, whether or not anybody reads it.
        let told = output::line(&lines.join("\n"));
        if !whole {
            return Ok(ExitCode::FAILURE);
        }
        told?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    /// Of the file that was named, which must be there; or else of the configured one, where something was anchored.
    fn anchors(&self, opened: &Opened) -> Result<Option<Anchors>, AnchorFileError> {
        let seals = opened.house.store.seals();
        match (&self.anchor, &opened.config.audit.anchor_file) {
            (Some(named), _) => trail::read_anchors(named, seals).map(Some),
            (None, Some(configured)) => match trail::read_anchors(configured, seals) {
                Err(AnchorFileError::Io(_, error)) if error.kind() == ErrorKind::NotFound => Ok(None),
                anchors => anchors.map(Some),
            },
            (None, None) => Ok(None),
        }
    }
}

/// How much is known of the ends of the chains; without anchors, `missing` is where they should have been.
fn tail(anchors: Option<&Anchors>, missing: Option<&Path>, report: &Report) -> String {
    let Some(last_at) = anchors.map(|anchors| anchors.last_at) else {
        let place = missing.map(|path| format!(": {} (audit.anchor_file) is not there", path.display()));
        return format!("tail not proven: no anchor{}", place.unwrap_or_default());
    };
    match last_at {
        None => "tail not proven: the file has no anchor".to_owned(),
        Some(at) => format!(
            "tail proven up to the anchors: {} of {} chains, the last anchor of {}",
            report.anchored_chains,
            report.chains,
            time(at)
        ),
    }
}
