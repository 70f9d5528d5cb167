//! AWS's clients as they come, by every way to credentials that they have. Each cell of docs/compatibility.md is a test, and the page is
//! written from what the tests saw.
//!
//! The cells share a daemon. Each has a connector of its own, by which it is known who came and whom AWS saw.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod after;
mod clients;
mod document;
mod matrix;
mod scene;
mod sessions;
mod ways;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use crate::clients::Client;
use crate::document::Findings;
use crate::matrix::{Cell, Way, cell};
use crate::scene::Scene;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        let named = |name: String| Trial::test(name, || Err("only listed".into()));
        let cells = cells().map(|(name, ..)| named(name));
        let clients = Client::ALL.into_iter().flat_map(|client| [refusing(client), afterwards(client)]).map(named);
        return libtest_mimic::run(&arguments, cells.chain(clients).chain([named(DOCUMENT.to_owned())]).collect())
            .exit_code();
    }
    let scene = Arc::new(Scene::open());
    let findings = Arc::new(Findings::default());
    let first = libtest_mimic::run(&arguments, before(&scene, &findings));

    let scene = Arc::into_inner(scene).unwrap().without_the_group();
    let scene = Arc::new(scene);
    let second = libtest_mimic::run(&arguments, after(&scene, &findings));

    let failed = [first, second].into_iter().find(libtest_mimic::Conclusion::has_failed);
    match failed {
        Some(failed) => failed.exit_code(),
        // Some cells alone fill no page.
        None if arguments.filter.is_some() || !arguments.skip.is_empty() => ExitCode::SUCCESS,
        None => {
            let findings = Arc::into_inner(findings).unwrap();
            let document = Trial::test(DOCUMENT, move || document::compare(&findings).map_err(Into::into));
            libtest_mimic::run(&arguments, vec![document]).exit_code()
        }
    }
}

/// The cells of which there is something to see.
fn cells() -> impl Iterator<Item = (String, Client, Way)> {
    let all = Way::ALL.into_iter().flat_map(|way| Client::ALL.into_iter().map(move |client| (client, way)));
    all.filter(|(client, way)| !matches!(cell(*client, *way), Cell::Absent { shown: None, .. }))
        .map(|(client, way)| (format!("{}::{}", way.slug(), client.slug()), client, way))
}

fn before(scene: &Arc<Scene>, findings: &Arc<Findings>) -> Vec<Trial> {
    let ways = cells().map(|(name, client, way)| {
        let (scene, findings) = (Arc::clone(scene), Arc::clone(findings));
        Trial::test(name, move || {
            match cell(client, way) {
                Cell::Works(run) => findings.works(run(&scene, client, way)),
                Cell::Absent { shown, .. } => shown.into_iter().for_each(|shown| shown(&scene, client)),
            }
            Ok(())
        })
    });
    let refusals = Client::ALL.map(|client| {
        let scene = Arc::clone(scene);
        Trial::test(refusing(client), move || {
            ways::aws_takes_no_other_credentials(&scene, client);
            Ok(())
        })
    });
    ways.chain(refusals).collect()
}

fn after(scene: &Arc<Scene>, findings: &Arc<Findings>) -> Vec<Trial> {
    let said = Client::ALL.map(|client| {
        let (scene, findings) = (Arc::clone(scene), Arc::clone(findings));
        Trial::test(afterwards(client), move || {
            for (way, words) in after::who_lost_the_group_is_told(&scene, client) {
                findings.says(client, way, words);
            }
            Ok(())
        })
    });
    said.into()
}

fn refusing(client: Client) -> String {
    format!("aws_takes_no_other_credentials::{}", client.slug())
}

fn afterwards(client: Client) -> String {
    format!("who_lost_the_group_is_told::{}", client.slug())
}

const DOCUMENT: &str = "the_document_says_what_was_seen";
