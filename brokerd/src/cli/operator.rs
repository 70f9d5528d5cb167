//! Who runs a subcommand: a name for the audit trail, as the operating system or `sudo` tells it; and what they do where the trail does
//! not take it.

use anyhow::bail;
use broker_core::character::is_hidden;
use broker_core::permission::Permission;

/// Whoever runs this process may do what `P` is for: they have the files.
pub(super) fn may<P: Permission>() -> P {
    P::on_the_host(&name())
}

/// What took rights away is done, and whoever did it must know where the trail may not say so: this process ends, and tries but once more
/// to write it there.
pub(super) fn recorded(what: &str, recorded: bool) -> anyhow::Result<()> {
    if recorded {
        return Ok(());
    }
    bail!("{what}, but the audit trail could not be written: note it down by hand")
}

/// A hint and no proof: whoever runs a subcommand can read the master key, and so write anything.
fn name() -> String {
    let told = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|variable| std::env::var(variable).ok());
    let known = told.map(|name| fit(&name)).find(|name| !name.is_empty());
    known.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

fn fit(name: &str) -> String {
    name.chars().filter(|char| !is_hidden(*char) && !char.is_whitespace()).take(MAX_NAME).collect()
}

const MAX_NAME: usize = 64;
