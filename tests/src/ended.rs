//! A program that was run to its end, and what came of it.

use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::process::{self, Process, Signal};

#[derive(Clone, Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end, with `input` on its standard input; panics if it does not end within a minute.
pub fn run(name: &str, command: Command, input: &str) -> Ended {
    let folder = process::new_folder();
    std::fs::write(folder.path().join(process::INPUT), input).unwrap();
    let mut process = Process::start_in(folder, name, command, Signal::TERM);
    Ended { status: process.wait(), stdout: process.stdout(), stderr: process.stderr() }
}

impl Ended {
    /// What it printed; panics, with all it said, if it failed.
    pub fn succeeded(self) -> String {
        assert!(self.status.success(), "{}\n{}{}", self.status, self.stdout, self.stderr);
        self.stdout
    }

    /// What it printed, as JSON; panics if it failed.
    pub fn json(self) -> Value {
        let stdout = self.succeeded();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("not JSON, {error}: {stdout}"))
    }

    /// What it said on standard error; panics if it succeeded.
    pub fn failed(self) -> String {
        assert!(!self.status.success(), "should have failed, but printed:\n{}", self.stdout);
        self.stderr
    }
}
