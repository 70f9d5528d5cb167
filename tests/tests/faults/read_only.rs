//! A store that can be read and not be written to: the daemon does not even start, and those who only read go on. One that becomes so under
//! a daemon that serves: nothing is handed over until it can be written to again.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tests::brokerd::Installation;
use tests::postgres::{self, psql};
use tests::process::{Process, Signal, new_folder};
use tests::world::{Asker, Prepared, World, soon};
use tests::{environment, installed};

use crate::opening::refusal_of;
use crate::outages::{Received, fresh, ready};
use crate::store::{bounded, outage};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_turns_read_only_under_a_daemon_is_told_and_over_when_it_is() {
    let Prepared { sim, installation } = World::prepare().await;
    // In a user namespace of its own whoever enters it may have the kernel say, to this daemon alone, what it says of such a file system: one
    // that has a file open for writing cannot be mounted read-only, it only turns so when it breaks.
    let unshare = installed::program("unshare").display().to_string();
    let world = World { sim, brokerd: installation.serve_under(&[unshare.as_str(), "--user", "--map-root-user"]) };
    let ada = world.person("ada").await;
    let mut received = Received::default();
    received.vend(&ada).await;

    let daemon = world.brokerd.id().to_string();
    let mut refusing = environment::command(installed::program("nsenter"));
    refusing.args(["--user", "--preserve-credentials", "--target", &daemon, "--"]);
    refusing.arg(installed::program("strace")).args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,ftruncate"]);
    refusing.args(["-e", "inject=pwrite64,ftruncate:error=EROFS", "-p", &daemon]);
    let refusing = Process::start_in(new_folder(), "strace", refusing, Signal::KILL);
    turned_read_only(&world, &ada, &mut received, "I/O error").await;
    drop(refusing);
    writable_again(&world, &ada, received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turns_read_only_under_a_daemon_is_told_and_over_when_it_is() {
    let url = postgres::database("turns_read_only");
    let world = World::prepare().await.on_postgres(&url).serve();
    let ada = world.person("ada").await;
    let mut received = Received::default();
    received.vend(&ada).await;
    let database = url.rsplit_once('/').unwrap().1;
    let run = |statement: &str| psql(&postgres::admin_url(), statement).succeeded();
    // As after a failover that left us with the standby.
    let set = |to: &str| {
        run(&format!("ALTER DATABASE \"{database}\" SET default_transaction_read_only = {to}"));
        run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"));
    };
    set("on");
    turned_read_only(&world, &ada, &mut received, "read-only transaction").await;
    set("off");
    writable_again(&world, &ada, received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_loses_its_right_under_a_daemon_is_told_and_over_when_it_is() {
    let url = postgres::database("loses_its_right");
    let world = World::prepare().await.on_postgres(&url).serve();
    let ada = world.person("ada").await;
    let mut received = Received::default();
    received.vend(&ada).await;
    // Who owns a table can be without a right to it as well.
    psql(&url, "REVOKE INSERT ON trail FROM CURRENT_USER").succeeded();
    turned_read_only(&world, &ada, &mut received, "permission denied for table trail").await;
    psql(&url, "GRANT INSERT ON trail TO CURRENT_USER").succeeded();
    writable_again(&world, &ada, received).await;
}

/// Nothing is handed over, readiness says why, and the log says it once, however many ask.
async fn turned_read_only(world: &World, ada: &Asker, received: &mut Received, cause: &str) {
    soon("the store to take no writes", async || {
        let answer = ada.vend("deploy", &fresh()).await;
        if answer.status == 200 {
            received.note(&answer.good());
            return None;
        }
        outage(&answer);
        Some(())
    })
    .await;
    for _ in 0..5 {
        outage(&ada.vend("deploy", &fresh()).await);
    }
    let report = ready(&world.stranger(), 503).await;
    assert!(report["causes"]["store"].as_str().unwrap().contains(cause), "{report}");
    let log = world.brokerd.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("the audit trail cannot be written")).collect();
    assert!(told.len() == 1 && told[0].contains(cause), "{told:#?}");
}

/// Without a restart, and with all that was handed over in the trail.
async fn writable_again(world: &World, ada: &Asker, mut received: Received) {
    ready(&world.stranger(), 200).await;
    received.vend(ada).await;
    received.are_recorded(world.brokerd.installation());
    assert_eq!(
        world.brokerd.log().matches("the audit trail can be written again").count(),
        1,
        "{}",
        world.brokerd.log()
    );
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
