//! docs/compatibility.md, written from what the cells have shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use crate::after::Refused;
use crate::clients::Client;
use crate::matrix::{Cell, Way, cell};
use crate::scene::Proof;

/// What this run has seen.
#[derive(Default)]
pub(crate) struct Findings {
    proofs: Mutex<BTreeSet<(Client, Way)>>,
    said: Mutex<BTreeMap<(Refused, Client), String>>,
}

impl Findings {
    pub(crate) fn works(&self, proof: Proof) {
        self.proofs.lock().unwrap().insert(proof.cell());
    }

    pub(crate) fn says(&self, client: Client, way: Refused, words: String) {
        self.said.lock().unwrap().insert((way, client), words);
    }
}

/// Whether the page is what was seen; or writes it.
pub(crate) fn compare(findings: &Findings) -> Result<(), String> {
    let page = page(findings)?;
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, page).unwrap();
        return Ok(());
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    if committed == page {
        return Ok(());
    }
    let lines = page.lines().zip(committed.lines().chain(std::iter::repeat("")));
    let differs = lines.into_iter().find(|(seen, written)| seen != written);
    Err(format!(
        "docs/compatibility.md is not what was seen, first (seen, written) {differs:?}: look at it, and write it with\n  \
         {WRITE}=1 cargo test -p tests --test compatibility"
    ))
}

fn page(findings: &Findings) -> Result<String, String> {
    let mut page = INTRODUCTION.to_owned();
    line(&mut page, "", Client::ALL.map(Client::title));
    writeln!(page, "|---|{}", "---|".repeat(Client::ALL.len())).unwrap();
    let proofs = findings.proofs.lock().unwrap();
    for way in Way::ALL {
        let mut words = Client::ALL.map(|_| String::new());
        for (word, client) in words.iter_mut().zip(Client::ALL) {
            *word = match (cell(client, way), proofs.contains(&(client, way))) {
                (Cell::Works(_), true) => "yes".to_owned(),
                (Cell::Works(_), false) => return Err(format!("nothing was seen of {client:?}, {way:?}")),
                (Cell::Absent { why, .. }, _) => format!("no: {why}"),
            };
        }
        line(&mut page, way.title(), words);
    }
    page.push_str(NOTES);
    let said = findings.said.lock().unwrap();
    for (way, title) in [(Refused::ByToken, BY_TOKEN), (Refused::ByProcess, BY_PROCESS)] {
        page.push_str(title);
        for client in Client::ALL {
            let words = said.get(&(way, client)).ok_or_else(|| format!("{client:?} was not refused, {way:?}"))?;
            writeln!(page, "| {} | `` {words} `` |", client.title()).unwrap();
        }
    }
    Ok(page)
}

fn line(page: &mut String, first: &str, rest: [String; Client::ALL.len()]) {
    writeln!(page, "| {first} | {} |", rest.join(" | ")).unwrap();
}

const WRITE: &str = "WRITE_COMPATIBILITY";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md");

const INTRODUCTION: &str = "\
# Which clients work, and how

Written by the tests, not by hand: each `yes` is a test (`tests/tests/compatibility`) in which the program, as its makers ship it, gets
credentials in that way and asks a stand-in for AWS who it is. The stand-in refuses every other credential, and the test looks at whom it saw.
When the tests see something else than this page says, they fail. `WRITE_COMPATIBILITY=1 cargo test -p tests --test compatibility` writes it anew.

";

const NOTES: &str = "
- Who \"signs nobody in\" uses what the AWS CLI has kept after `aws sso login` or `aws login`, and renews it.
- How to set up a machine for `aws sso login` and `aws login`: [aws-cli.md](aws-cli.md). Container credentials: [developer.md](developer.md).
  `broker process` and `broker serve`: [broker.md](broker.md).
- boto3 renews what `aws login` has kept if `awscrt` is installed (`pip install 'boto3[crt]'`), the SDK for Rust if `aws-config` has the feature
  `credentials-login`.
- The SDK for Rust renews a token of `aws sso login` if the profile's `services` have `sso-oidc` beside `sso_oidc`.
- `AWS_EC2_METADATA_SERVICE_ENDPOINT` ends with a slash: the AWS CLI 2.18 puts none of its own between it and what it asks for.

## What somebody reads who was taken out of the group

The next time that credentials are fetched; `Ask in #cloud-access.` is `aws_clients.access_help`.
";

const BY_TOKEN: &str = "
With the token that `aws sso login` has kept:

| | |
|---|---|
";

const BY_PROCESS: &str = "
By `broker process`, whose own words the SDK for JavaScript keeps to itself:

| | |
|---|---|
";
