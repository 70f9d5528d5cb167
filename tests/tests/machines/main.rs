//! Programs that fetch credentials without a person before them: AWS's own clients in containers, and jobs.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod container;
mod forged;
mod hostile_issuers;
mod ifaws;
mod issuers;
mod pasted;
mod presets;
mod pull_requests;
mod registries;
mod workload;
mod yard;

use tests::world::{Asker, World};

/// A job with a service token of the command line.
fn job(world: &World, name: &str, connectors: &[&str]) -> Asker {
    let mut all = vec!["token", "create", name];
    all.extend(connectors.iter().flat_map(|connector| ["--connector", *connector]));
    let token = world.run(&all, "").succeeded();
    world.stranger().with_token(token.trim())
}
