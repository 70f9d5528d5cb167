//! `broker completion`: a script by which a shell completes our arguments.

use clap::Args;
use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::failure::Failure;
use crate::out::{self, COMPLETING};

/// Print a completion script for a shell
///
/// By it the shell asks this program what fits, the names of your connectors among that.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = self.shell.to_string();
        let shells = Shells::builtins();
        let shell = shells.completer(&name).ok_or_else(|| Failure::usage("this shell is not known", "name another"))?;
        let mut script = Vec::new();
        shell.write_registration(COMPLETING, "broker", "broker", "broker", &mut script)?;
        out::raw(&script)
    }
}

const EXAMPLES: &str = r"Examples:
  broker completion bash > ~/.local/share/bash-completion/completions/broker
  broker completion zsh > ~/.zfunc/_broker
  broker completion fish > ~/.config/fish/completions/broker.fish";
