//! `broker completion`: a script by which a shell completes our arguments.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::out;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, command: &mut Command) -> Result<(), Failure> {
        // By way of memory: the generator would panic when nobody reads.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "broker", &mut script);
        out::raw(&script)
    }
}

const EXAMPLES: &str = r"Examples:
  broker completion bash > ~/.local/share/bash-completion/completions/broker
  broker completion zsh > ~/.zfunc/_broker
  broker completion fish > ~/.config/fish/completions/broker.fish";
