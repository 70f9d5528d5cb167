//! The `brokerd` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    brokerd::cli::run(std::env::args_os())
}
