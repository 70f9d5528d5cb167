//! The environment that programs are started in: nothing of ours that could lead them astray.

use std::ffi::OsStr;
use std::process::Command;

/// A command that inherits `PATH` and a little more, but no `AWS_*`, no proxy, no certificate bundle, no `PG*`, no home,
/// and no desktop with its keyring.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LANG", "C.UTF-8").env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

const KEPT: [&str; 4] = ["PATH", "TMPDIR", "RUST_BACKTRACE", "BROKERD_TEST_CACHE"];
