//! No secret lies about: every one that a run makes is noted, and then looked for wherever the run leaves anything.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod disguises;
mod run;

use tests::postgres::Postgres;
use tests::process::new_folder;
use tests::secrets::Leak;
use tests::stage::Stage;

use run::{Engine, Run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_lies_about_on_sqlite() {
    let mut run = Run::begin(|stage: &Stage| stage.on_sqlite(), Engine::Sqlite).await;
    run.journey().await;
    run.subcommands().await;
    run.assert_enough(&[]);
    assert_eq!(run.leaks(), [], "while it runs");
    // The search would have found something: a secret of each sort is put into each place that is searched.
    run.plant().await;
    run.assert_finds_what_was_planted();
    run.unplant();
    assert_eq!(run.stopped().leaks(), [], "after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_lies_about_on_postgres() {
    let server = Postgres::start();
    let url = server.database("secrets");
    let mut run = Run::begin(|stage: &Stage| stage.on_postgres(&url), Engine::Postgres(url.clone())).await;
    run.journey().await;
    run.subcommands().await;
    run.assert_enough(&[(tests::secrets::Kind::StorePassword, 1)]);
    assert_eq!(run.leaks(), [], "while it runs");
    assert_eq!(run.leaks_in(&server.process().unwrap().folder().join("data")), [], "and what the server has of it");
    run.plant().await;
    run.assert_finds_what_was_planted();
    run.unplant();
    assert_eq!(run.stopped().leaks(), [], "after it");
}

#[test]
fn a_secret_in_a_folder_is_found_in_any_depth_and_in_names() {
    let (folder, mut secrets) = (new_folder(), tests::secrets::Register::default());
    let secret = secrets.note(tests::secrets::Kind::Password, "a password of some length");
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), format!("…{secret}…")).unwrap();
    std::fs::write(folder.path().join("a").join(&secret), "").unwrap();
    let (files, leaks) = secrets.scanner(&[]).search_folder(folder.path(), &[]);
    assert_eq!((files, leaks.len()), (2, 2), "{leaks:?}");
    let (files, leaks) = secrets.scanner(&[]).search_folder(folder.path(), &["a/b/file"]);
    assert_eq!((files, leaks.len()), (1, 1), "{leaks:?}");
    assert_eq!(secrets.scanner(&[&secret]).search_folder(folder.path(), &[]).1, Vec::<Leak>::new());
}
