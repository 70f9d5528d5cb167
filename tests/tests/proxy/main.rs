//! The way out to AWS: through a proxy as companies have one, with a login or without, past it where that is said, and what is said
//! when it is in the way.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod broken;
mod host;
mod login;
mod past;
mod tunnel;

use serde_json::{Value, json};
use tests::certificates::Authority;
use tests::ended::Ended;
use tests::wire::{Tap, end_tls};
use tests::world::{Prepared, SECOND, SECOND_SECRET, World};

/// AWS behind TLS: STS and IAM at one host and port, the console's federation endpoint at another.
struct Aws {
    authority: Authority,
    sts: String,
    federation: String,
}

/// The usual world, whose AWS speaks TLS with a certificate that only `aws.ca_file` vouches for; `more` are further keys of `aws`.
async fn behind_tls(more: impl FnOnce(&Aws) -> String) -> (Prepared, Aws) {
    let prepared = World::prepare().await;
    let authority = Authority::new();
    let certificate = authority.sign("localhost");
    let sts = format!("localhost:{}", end_tls(&certificate, prepared.sim.address()).await);
    let federation = format!("localhost:{}", end_tls(&certificate, prepared.sim.address()).await);
    let aws = Aws { authority, sts, federation };
    prepared.installation.write("ca.pem", aws.authority.pem());
    let (plain, more) = (prepared.sim.endpoint(), more(&aws));
    let prepared = prepared
        .configured(&format!("federation_url = \"{plain}"), &format!("federation_url = \"https://{}", aws.federation))
        .configured(&format!("iam_endpoint_url = \"{plain}"), &format!("iam_endpoint_url = \"https://{}", aws.sts))
        .configured(&format!("{{ endpoint_url = \"{plain}"), &format!("{{ endpoint_url = \"https://{}", aws.sts))
        .configured("retries = 2", &format!("retries = 2, ca_file = \"ca.pem\"{more}"));
    (prepared, aws)
}

/// All that a person may have: each kind of credentials, and a link to the console. What was vended.
async fn all_of_it(world: &World) -> Vec<Value> {
    let ada = world.person("ada").await;
    let mut vended = Vec::new();
    for connector in ["deploy", "reports", "raw"] {
        vended.push(ada.vended(connector, &json!({})).await);
    }
    ada.post("/v1/connectors/deploy/console-url", &json!({})).await.good();
    vended
}

/// A subcommand that asks STS once, whose secret is right.
fn add_key(prepared: &Prepared, variables: &[(&str, &str)]) -> Ended {
    let mut command =
        prepared.installation.command(&["key", "add", "more", "--access-key-id", SECOND, "--region", "eu-central-1"]);
    command.envs(variables.iter().copied());
    tests::ended::run("brokerd key add", command, SECOND_SECRET)
}

/// Where the tunnels lead that were asked of a proxy, in no order; each once.
fn tunnels(tap: &Tap) -> Vec<String> {
    let mut targets: Vec<String> = tap.heads().iter().map(|head| target(head)).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn target(head: &str) -> String {
    let first = head.lines().next().unwrap_or_default();
    let target = first.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    target.unwrap_or_else(|| panic!("no CONNECT: {first}")).to_owned()
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}
