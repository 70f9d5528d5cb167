//! Who runs a subcommand: a name for the audit trail, as the operating system or `sudo` tells it.

use broker_core::administration::By;
use broker_core::id::RequestId;
use broker_core::trail::{Actor, Origin};

/// Whoever runs this process.
pub(super) fn by() -> By {
    By { actor: Actor::Operator(name()), origin: Origin { request_id: RequestId::random(), client_address: None } }
}

/// `operator:NAME`, as the trail says it.
pub(super) fn actor() -> String {
    format!("operator:{}", name())
}

/// A hint and no proof: whoever runs a subcommand can read the master key, and so write anything.
fn name() -> String {
    let told = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|variable| std::env::var(variable).ok());
    let known = told.map(|name| fit(&name)).find(|name| !name.is_empty());
    known.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

fn fit(name: &str) -> String {
    name.chars().filter(|char| !char.is_control() && !char.is_whitespace()).take(MAX_NAME).collect()
}

const MAX_NAME: usize = 64;
