//! `brokerd hash-password`: what a local directory keeps instead of a password.

use std::process::ExitCode;

use anyhow::Context;
use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use clap::Args;

use super::{output, terminal};

/// Hash a password for a local directory: typed twice, or piped in
#[derive(Debug, Args)]
pub(super) struct HashPassword {}

impl HashPassword {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self {} = self;
        let password = Password::parse(terminal::new_secret("Password: ")?)
            .ok()
            .context("this is no password that anybody could sign in with: 1 to 1024 bytes, and no zero byte first")?;
        output::line(&hash_password(&password)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
