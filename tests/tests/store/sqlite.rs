//! What only a file can suffer.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use broker_core::clock::Millis;
use broker_core::store::{CountedAttempt, Failures, LockError, OpenError, Store, StoreError};
use broker_core::trail::{Action, TrailError, Vec1};
use tests::ended::{self, Ended};
use tests::process::{Process, Signal, new_folder};
use tests::stores::{Storehouse, entry};
use tests::{environment, installed};

use crate::Desk;
use crate::throttles::failures;

fn storekeeper(command: &str, file: &Path) -> Command {
    let mut program = environment::command(env!("CARGO_BIN_EXE_storekeeper"));
    program.arg(command).arg(file);
    program
}

/// The same by somebody whom file permissions stop, which they do not stop root from.
fn as_nobody(command: &str, file: &Path) -> Ended {
    if !rustix::process::geteuid().is_root() {
        return ended::run("storekeeper", storekeeper(command, file), "");
    }
    // Where the tests were built may be closed to others.
    let folder = new_folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("storekeeper");
    std::fs::copy(env!("CARGO_BIN_EXE_storekeeper"), &copy).unwrap();
    let mut program = environment::command(installed::program("setpriv"));
    program.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(copy).arg(command).arg(file);
    ended::run("storekeeper", program, "")
}

/// A file that was used and closed in good order.
async fn used_file(house: &Storehouse) -> Vec<u8> {
    let desk = Desk::with_a_key(house).await;
    for number in 0..50 {
        desk.connector(&format!("connector-{number}")).await;
    }
    desk.close().await;
    std::fs::read(house.file()).unwrap()
}

#[tokio::test]
async fn what_is_no_database_is_refused_in_words_and_left_as_it_is() {
    let whole = used_file(&Storehouse::on_sqlite("whole")).await;
    assert!(whole.len() > 16 * 4_096, "{}", whole.len());
    let mut scribbled = whole.clone();
    scribbled[..200].fill(b'x');
    let mut no_schema = whole.clone();
    no_schema[100..2_000].fill(0xff);
    for (what, contents) in [
        ("a text", b"name,secret\nada,hunter2\n".to_vec()),
        ("a long text", b"name,secret\n".repeat(5_000)),
        ("zeros", vec![0; 8_192]),
        ("two bytes", vec![7, 7]),
        ("a master key", b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n".to_vec()),
        ("half a header", whole[..50].to_vec()),
        ("a header and no more", whole[..100].to_vec()),
        ("half of it", whole[..whole.len() / 2].to_vec()),
        ("all but the last page", whole[..whole.len() - 4_096].to_vec()),
        ("a scribbled header", scribbled),
        ("a scribbled schema", no_schema),
    ] {
        let house = Storehouse::on_sqlite(what);
        std::fs::write(house.file(), &contents).unwrap();
        let error = house.open_with(1).await.map(drop).expect_err(what);
        assert!(matches!(error, OpenError::Unusable(_)), "{what}: {error:?}");
        let cause = error.to_string();
        assert!(cause.contains("file is not a database") || cause.contains("malformed"), "{what}: {cause}");
        assert!(std::fs::read(house.file()).unwrap() == contents, "{what} was altered");
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let house = Storehouse::on_sqlite("empty");
    std::fs::write(house.file(), "").unwrap();
    Desk::with_a_key(&house).await;
}

#[tokio::test]
async fn the_file_is_for_nobody_elses_eyes() {
    let house = Storehouse::on_sqlite("eyes");
    let desk = Desk::with_a_key(&house).await;
    let mut found = 0;
    for name in ["broker.db", "broker.db-wal", "broker.db-shm"] {
        let mode = std::fs::metadata(house.file().with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has {mode:o}");
        found += 1;
    }
    assert_eq!(found, 3);
    desk.close().await;
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_refused_and_left_as_it_is() {
    let house = Storehouse::on_sqlite("read_only");
    let contents = used_file(&house).await;
    let (file, folder) = (house.file(), house.file().parent().unwrap().to_owned());
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    // First the folder as well, then only the file, in a folder that is otherwise theirs.
    mode(&file, 0o444);
    mode(&folder, 0o555);
    let said = as_nobody("record", &file);
    assert!(said.stdout.contains("not opened: the lock file") && !said.stdout.contains("recorded"), "{said:?}");

    if rustix::process::geteuid().is_root() {
        chown(&folder, Some(65_534), Some(65_534)).unwrap();
        chown(folder.join("broker.db.migration-lock"), Some(65_534), Some(65_534)).unwrap();
    }
    mode(&folder, 0o755);
    let said = as_nobody("record", &file);
    assert!(!said.stdout.contains("so here are the credentials"), "{said:?}");
    assert!(said.stdout.contains("readonly database"), "{said:?}");
    assert!(std::fs::read(&file).unwrap() == contents);
}

#[tokio::test]
async fn a_database_that_another_program_keeps_locked_is_an_error_and_nothing_is_lost() {
    let house = Storehouse::on_sqlite("locked");
    let desk = Desk::with_a_key(&house).await;
    let kept = desk.connector("kept").await;
    let mut hands = house.hands().await;
    hands.run("BEGIN EXCLUSIVE").await;

    let (before, now) = (Failures::default(), Failures { count: 1, last: Some(Millis(1)) });
    let attempt = CountedAttempt { subject: "ada", before, now };
    let (written, counted, ended) = tokio::join!(
        desk.trail.record(entry(Action::Vend), "credentials"),
        desk.store.count_attempt(attempt),
        desk.trail.take_away(
            vec![Store::end_session(broker_core::id::SessionId::random())],
            Vec1::new(entry(Action::SignOut))
        ),
    );
    assert!(matches!(&written, Err(TrailError::Unwritten(_))), "{written:?}");
    let cause = std::error::Error::source(&counted.unwrap_err()).unwrap().to_string();
    assert!(cause.contains("locked"), "{cause}");
    assert!(matches!(ended, Err(StoreError::Database(_))));
    assert_eq!(desk.store.connectors().await.unwrap(), [kept], "it can still be read");

    hands.run("ROLLBACK").await;
    desk.trail.record(entry(Action::Vend), "credentials").await.unwrap();
    assert_eq!(failures(&desk.store, "ada").await.count, 0);
    let report = broker_core::trail::verify(&desk.store).await.unwrap();
    assert_eq!((report.records, report.breaks), (3, vec![]));
}

#[tokio::test]
async fn a_probe_that_nobody_waits_for_any_more_holds_up_nobody() {
    let house = Storehouse::on_sqlite("given-up");
    let desk = Desk::with_a_key(&house).await;
    for steps in 1..40 {
        let mut probe = Box::pin(desk.store.probe());
        for _ in 0..steps {
            // One step further, and SQLite's thread has time for its own.
            let over = std::future::poll_fn(|context| Poll::Ready(probe.as_mut().poll(context).is_ready())).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
            if over {
                break;
            }
        }
        drop(probe);
        desk.trail.record(entry(Action::Vend), "credentials").await.unwrap_or_else(|error| panic!("{steps}: {error}"));
    }
}

#[tokio::test]
async fn a_store_that_is_being_made_is_waited_for() {
    let house = Storehouse::on_sqlite("waits");
    let mut keepers: Vec<_> =
        (0..6).map(|_| Process::start("storekeeper", storekeeper("open", &house.file()))).collect();
    let said: Vec<_> = keepers.iter_mut().map(|keeper| (keeper.wait().success(), keeper.stdout())).collect();
    assert!(said.iter().all(|one| one == &said[0] && one.0 && one.1.starts_with("opened [")), "{said:?}");
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_subcommands_are_not() {
    let house = Storehouse::on_sqlite("second");
    let daemon = Process::start("storekeeper", storekeeper("serve", &house.file()));
    let opened = daemon.wait_for_line("opened");
    let second = || ended::run("storekeeper", storekeeper("serve", &house.file()), "");
    let refused = second();
    assert!(refused.stdout.starts_with("refused: another brokerd serves from "), "{refused:?}");
    assert_eq!(refused.status.code(), Some(1));
    let link = house.file().with_file_name("link.db");
    symlink(house.file(), &link).unwrap();
    let refused = ended::run("storekeeper", storekeeper("serve", &link), "");
    assert!(refused.stdout.starts_with("refused: another brokerd serves from "), "by another way: {refused:?}");
    assert!(matches!(house.location().lock_for_daemon(), Err(LockError::Held(_))));

    let beside = ended::run("storekeeper", storekeeper("record", &house.file()), "").succeeded();
    assert!(beside.starts_with(&opened) && beside.contains("recorded, so here are the credentials"), "{beside}");

    daemon.signal(Signal::KILL);
    drop(daemon);
    let _lock = house.location().lock_for_daemon().unwrap();
    assert!(second().stdout.starts_with("refused"), "the lock is ours now");
}

#[test]
fn openers_in_one_thread_do_not_wait_for_each_other_for_ever() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = Storehouse::on_sqlite("one_thread");
            tokio::join!(house.open(), house.open(), house.open());
        });
        done.send(()).unwrap();
    });
    ended.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
}
