//! The `broker` command: AWS credentials from brokerd, for people and CI jobs.
//!
//! Each module uses only those further down.

mod command;

mod agent;
mod doctor;

mod picker;
mod completing;
mod lending;
mod sign_in;
mod renewal;

mod api;
mod ecr;
mod outbound;
mod refusal;
mod used;
mod holder;
mod session;
mod cache;
mod lent;
mod listed;
mod identity;

mod profiles;
mod aws_config;
mod shell;
mod site;
mod server;
mod browser;
mod seal;
mod keyring;
mod folders;
mod private;

mod signals;
mod ask;
mod out;
mod failure;
mod name;
mod text;
mod clock;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(std::env::args_os())
}
