//! A store that can be read and not be written to: the daemon does not even start, and those who only read go on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tests::brokerd::Installation;
use tests::postgres::{self, psql};
use tests::world::World;

use crate::opening::refusal_of;
use crate::store::bounded;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_may_write_to_is_noticed_at_the_start() {
    let installation = used(World::open().await).await;
    let file = installation.path("brokerd.db");
    let before = fs::read(&file).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let expected = format!(
        "error: the SQLite file {} cannot be used: attempt to write a readonly database. brokerd must write to it: give the file and its folder to the user that brokerd runs as, and see that the file system is not mounted read-only\n",
        file.display()
    );
    assert_eq!(refusal(&installation), expected);
    whoever_only_reads_goes_on(&installation);
    assert!(fs::read(&file).unwrap() == before);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    installation.serve();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_noticed_at_the_start() {
    let url = postgres::database("takes_no_writes");
    let installation = used(World::prepare().await.on_postgres(&url).serve()).await;
    let database = url.rsplit_once('/').unwrap().1;
    let set = |to: &str| {
        let statement = format!("ALTER DATABASE \"{database}\" SET default_transaction_read_only = {to}");
        psql(&postgres::admin_url(), &statement).succeeded();
    };
    set("on");
    let said = refusal(&installation);
    let expected = "cannot be used: cannot execute UPDATE in a read-only transaction. brokerd must write to it: name the primary in store.url, or take back default_transaction_read_only\n";
    assert!(
        said.starts_with(&format!("error: the PostgreSQL database `{database}` ")) && said.ends_with(expected),
        "{said}"
    );
    whoever_only_reads_goes_on(&installation);
    set("off");
    installation.serve();
}

/// An installation whose trail has something in it.
async fn used(world: World) -> Installation {
    world.person("ada").await.vended("deploy", &json!({})).await;
    world.brokerd.stop()
}

/// What a daemon says that does not start.
fn refusal(installation: &Installation) -> String {
    refusal_of(&bounded(installation, &["serve"]).failed())
}

fn whoever_only_reads_goes_on(installation: &Installation) {
    let verified = bounded(installation, &["audit", "verify"]).succeeded();
    assert!(verified.contains("result: whole"), "{verified}");
    let exported = bounded(installation, &["audit", "export", "--format", "jsonl"]).succeeded();
    assert!(exported.contains("\"vend\""), "{exported}");
    let keys = bounded(installation, &["key", "list"]).succeeded();
    assert!(keys.contains("main"), "{keys}");
}
