//! `broker completion`: a script by which a shell completes our arguments.

use clap::Args;
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::usage::no_json;
use crate::failure::Failure;
use crate::out::{self, COMPLETING};

/// Print a completion script for a shell
///
/// By it the shell asks this program what fits, the names of your connectors among that.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, arg = no_json())]
pub(super) struct Completion {
    /// The shell
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = self.shell.to_string();
        let shells = Shells::builtins();
        let shell = shells.completer(&name).ok_or_else(|| Failure::usage("this shell is not known", "name another"))?;
        let mut script = Vec::new();
        shell.write_registration(COMPLETING, "broker", "broker", "broker", &mut script)?;
        if self.shell == Shell::Zsh {
            script.extend_from_slice(OF_ITSELF.as_bytes());
        }
        out::raw(&script)
    }
}

/// As a file `_broker` it is a function's body, which zsh runs when somebody completes for the first time: without this they would get nothing.
const OF_ITSELF: &str = r#"if [[ "$funcstack[1]" == _broker ]]; then _clap_dynamic_completer_broker "$@"; fi
"#;

const EXAMPLES: &str = r"Examples:
  broker completion bash > ~/.local/share/bash-completion/completions/broker
  broker completion zsh > ~/.zfunc/_broker                   with ~/.zfunc in fpath
  broker completion fish > ~/.config/fish/completions/broker.fish";
