//! `brokerd completion`: a script by which a shell completes our arguments.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, command: &mut Command) -> anyhow::Result<ExitCode> {
        // By way of memory: the generator would panic when nobody reads.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "brokerd", &mut script);
        let mut out = std::io::stdout().lock();
        out.write_all(&script)?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
