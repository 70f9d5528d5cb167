//! `brokerd audit verify`: every link of every chain.

use std::process::ExitCode;

use broker_core::trail;
use clap::Args;

use crate::cli::output;
use crate::cli::site::Opened;

/// Prove that no record was changed, taken out or put in
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {}

impl Verify {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        let report = trail::verify(&opened.house.store).await?;
        let whole = report.breaks.is_empty();
        let mut lines = vec![format!("chains: {}", report.chains), format!("records: {}", report.records)];
        lines.extend(report.breaks.iter().map(|broken| format!("broken: {broken}")));
        if !whole {
            let more = if report.breaks.len() < 20 { "" } else { "no more than these 20 are told; " };
            lines.push(format!("{more}keep a copy of the database before anything else"));
        }
        lines.push("tail not proven: no anchor".to_owned());
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
