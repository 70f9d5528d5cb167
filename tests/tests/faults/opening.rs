//! A store that cannot be opened: which one, what is wrong and what to do, in one sentence of the program's own; and nothing in it is
//! touched.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tests::brokerd::{Installation, free_port};
use tests::postgres;
use tests::world::World;

use crate::store::bounded;

/// What is said at the end, without what was logged before it.
pub(crate) fn refusal_of(said: &str) -> String {
    said.rfind("error: ").map_or(said, |at| &said[at..]).to_owned()
}

/// What `brokerd` says whose store cannot be opened: the daemon and subcommands all the same, on one line.
fn said(installation: &Installation) -> String {
    let said = [&["serve"][..], &["key", "list"], &["audit", "verify"]].map(|arguments| {
        let said = refusal_of(&bounded(installation, arguments).failed());
        // A daemon holds a lock of its own.
        said.replace("cannot open the store: ", "").replace("daemon-lock", "LOCK").replace("migration-lock", "LOCK")
    });
    assert!(said.iter().all(|one| *one == said[0]), "{said:?}");
    assert_eq!(said[0].lines().count(), 1, "{}", said[0]);
    said[0].trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_store_is_told_with_what_to_do_and_left_as_it_is() {
    let World { brokerd, .. } = World::open().await;
    let installation = brokerd.stop();
    let whole = fs::read(installation.path("brokerd.db")).unwrap();
    let write = |name: &str, contents: &[u8], mode| {
        fs::write(installation.path(name), contents).unwrap();
        fs::set_permissions(installation.path(name), Permissions::from_mode(mode)).unwrap();
    };
    write("cut.db", &whole[..whole.len() / 2], 0o600);
    write("rubbish.db", &b"name,secret\n".repeat(1_000), 0o600);
    write("closed.db", &whole, 0);
    write("locks.db", &whole, 0o600);
    write("locks.db.daemon-lock", b"", 0);
    write("locks.db.migration-lock", b"", 0);
    fs::create_dir(installation.path("folder")).unwrap();
    let configuration = installation.read("brokerd.toml");
    for (store, expected) in [
        (
            "folder",
            "the SQLite file {} cannot be used: unable to open database file. It is a folder: name a file in store.url",
        ),
        (
            "closed.db",
            "the SQLite file {} cannot be used: unable to open database file. Give it and its folder to the user that brokerd runs as, and run subcommands as that user",
        ),
        (
            "rubbish.db",
            "the SQLite file {} cannot be used: file is not a database. It is some other file, or damaged: see whether store.url names the right one. If it does, keep it, put a backup in its place, and run `brokerd restored`",
        ),
        (
            "cut.db",
            "the SQLite file {} cannot be used: database disk image is malformed. It is damaged, or cut short, or a backup that met another store's log: keep it and the files -wal and -shm beside it elsewhere, put a backup in its place alone, without those two, and run `brokerd restored`",
        ),
        (
            "nowhere/brokerd.db",
            "the lock file {}.LOCK cannot be used: No such file or directory (os error 2). Make the folder that store.url names, for the user that brokerd runs as",
        ),
        (
            "locks.db",
            "the lock file {}.LOCK cannot be used: Permission denied (os error 13). Give it, the store and their folder to the user that brokerd runs as, and run subcommands as that user",
        ),
    ] {
        installation.write("brokerd.toml", &configuration.replace("brokerd.db", store));
        let path = installation.path(store);
        let before = fs::read(&path).ok();
        let expected = format!("error: {}", expected.replace("{}", &path.display().to_string()));
        assert_eq!(said(&installation), expected);
        assert_eq!(fs::read(&path).ok(), before, "{store} is as it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_lets_nobody_in_is_told_with_what_to_do() {
    let url: url::Url = postgres::database("lets_nobody_in").parse().unwrap();
    let (user, port) = (url.username().to_owned(), url.port().unwrap());
    let free = free_port();
    let with = |change: &dyn Fn(&mut url::Url)| {
        let mut url = url.clone();
        change(&mut url);
        url
    };
    for (url, expected) in [
        (
            with(&|url| url.set_port(Some(free)).unwrap()),
            format!(
                "`{user}` of user `{user}` at 127.0.0.1:{free} cannot be used: Connection refused (os error 111). See whether PostgreSQL runs there, and whether anything keeps brokerd from reaching it"
            ),
        ),
        (
            with(&|url| url.set_password(Some("hunter2")).unwrap()),
            format!(
                "`{user}` of user `{user}` at 127.0.0.1:{port} cannot be used: password authentication failed for user \"{user}\". See whether store.url names the right user, whether store.password is theirs, and whether pg_hba.conf lets them in"
            ),
        ),
        (
            with(&|url| url.set_path("elsewhere")),
            format!(
                "`elsewhere` of user `{user}` at 127.0.0.1:{port} cannot be used: database \"elsewhere\" does not exist. Make that database, or name another in store.url"
            ),
        ),
    ] {
        let installation = World::prepare().await.on_postgres(url.as_str()).installation;
        assert_eq!(said(&installation), format!("error: the PostgreSQL database {expected}"));
    }
}
