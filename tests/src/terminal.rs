//! A terminal, and what somebody types at it.

use std::process::Command;

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
