//! A terminal, and what somebody types at it.

use std::fs::File;
use std::io::Write;
use std::process::{Command, ExitStatus};

use rustix::fs::{CWD, FileType, Mode};

use crate::process::{self, Process, Signal};
use crate::{environment, installed};

/// Starts a program there. What it shows, and what is typed, is the standard output.
pub fn start(name: &str, command: &Command, typed: &str) -> Process {
    let mut python = environment::command(installed::program("python3"));
    let program = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    python.args(["-c", program]).arg(command.get_program()).args(command.get_args());
    let folder = process::new_folder();
    std::fs::write(folder.path().join(process::INPUT), typed).unwrap();
    Process::start_in(folder, name, python, Signal::TERM)
}

/// The same command as one that goes to a terminal, which program and arguments alone reach: `env` names the rest.
pub fn named(command: &Command) -> Command {
    let mut all = Command::new("/usr/bin/env");
    for (name, value) in command.get_envs() {
        all.arg(format!("{}={}", name.to_str().unwrap(), value.unwrap().to_str().unwrap()));
    }
    all.arg("TERM=xterm").arg(command.get_program()).args(command.get_args());
    all
}

/// A terminal of 100 columns at which somebody sits who looks before they type.
#[derive(Debug)]
pub struct Terminal(Process);

impl Terminal {
    /// Starts a program there.
    pub fn with(name: &str, command: &Command) -> Self {
        let folder = process::new_folder();
        let keys = folder.path().join(KEYS);
        rustix::fs::mknodat(CWD, &keys, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut python = environment::command(installed::program("python3"));
        python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/terminal.py")).arg(&keys);
        python.arg(command.get_program()).args(command.get_args());
        Self(Process::start_in(folder, name, python, Signal::TERM))
    }

    /// Waits until what was shown so far holds this.
    pub fn wait_for(&self, text: &str) {
        self.0.wait_for(&format!("show `{text}`"), || self.shown().contains(text).then_some(()));
    }

    pub fn typed(&self, keys: &str) {
        self.sent(keys);
    }

    /// Typed once the terminal shows no keys, which a program sees to after it has asked.
    pub fn typed_unseen(&self, keys: &str) {
        self.sent(&format!("\0{keys}"));
    }

    fn sent(&self, keys: &str) {
        let mut pipe = File::options().write(true).open(self.0.folder().join(KEYS)).unwrap();
        pipe.write_all(keys.as_bytes()).unwrap();
    }

    /// Everything, with what drives the terminal.
    pub fn shown(&self) -> String {
        self.0.stdout()
    }

    /// Waits for the program to end by itself.
    pub fn ended(&mut self) -> ExitStatus {
        self.0.wait()
    }
}

const KEYS: &str = "keys";
