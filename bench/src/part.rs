//! The parts that the bench plays in processes of its own: brokerd, and the stand-in for AWS. Both end with the bench.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::Subcommand;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{say, sim};

/// What this process is there for, when not to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// The daemon and its subcommands, as in the program `brokerd`
    #[command(hide = true)]
    Brokerd {
        /// Become this program instead
        #[arg(long)]
        program: Option<PathBuf>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// The stand-in for AWS
    #[command(hide = true)]
    AwsSim,
    /// Become another program, which ends with the bench
    #[command(hide = true)]
    Other {
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

impl Part {
    pub(crate) fn play(self) -> ExitCode {
        let played = set_parent_process_death_signal(Some(Signal::TERM)).context("cannot be tied to the bench");
        match played.and_then(|()| self.play_to_the_end()) {
            Ok(code) => code,
            Err(error) => {
                say(&format!("bench: {error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    fn play_to_the_end(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Brokerd { program: Some(program), arguments } | Self::Other { program, arguments } => {
                let error = Command::new(&program).args(arguments).exec();
                Err(error).with_context(|| format!("cannot run {}", program.display()))
            }
            Self::Brokerd { program: None, arguments } => {
                Ok(brokerd::cli::run(std::iter::once(OsString::from("brokerd")).chain(arguments)))
            }
            Self::AwsSim => sim::serve().map(|()| ExitCode::SUCCESS),
        }
    }
}

/// The command that plays brokerd: this very program, or another one.
pub(crate) fn brokerd(other: Option<&Path>, arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("brokerd");
    if let Some(program) = other {
        command.arg("--program").arg(program);
    }
    command.arg("--").args(arguments);
    Ok(command)
}

/// The command that becomes another program, whose arguments are still to come.
pub(crate) fn other(program: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("other").arg(program).arg("--");
    Ok(command)
}

/// The command that plays AWS.
pub(crate) fn aws_sim() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("aws-sim");
    Ok(command)
}

/// Starts this program once more without the environment's proxies, if there are any: everything here is on this machine.
pub(crate) fn leave_proxies() -> anyhow::Result<()> {
    let set = |name: &str| std::env::var_os(name).is_some();
    if !PROXIES.iter().any(|name| set(name)) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    for name in PROXIES {
        again.env_remove(name);
    }
    Err(again.exec()).context("cannot start again without proxies")
}

const PROXIES: [&str; 6] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
