//! The store's disk is full, its file locked by somebody else, its server gone: nothing is handed over meanwhile, service comes back
//! by itself, and the trail has all that was handed over.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::barrier::Barrier;
use tests::brokerd::Installation;
use tests::postgres::Postgres;
use tests::stores::Hands;
use tests::world::{ACCOUNT, Asker, Prepared, SECOND, SECOND_SECRET, World, soon};
use tests::{ended, environment, installed};
use url::Url;

use crate::store::{on_sqlite, outage};

/// What was handed over in a story.
#[derive(Default)]
pub(crate) struct Received(BTreeSet<String>);

impl Received {
    pub(crate) async fn vend(&mut self, asker: &Asker) {
        self.note(&asker.vended("deploy", &fresh()).await);
    }

    pub(crate) fn note(&mut self, vended: &Value) {
        assert!(self.0.insert(vended["access_key_id"].as_str().unwrap().to_owned()));
    }

    /// The trail is whole and says of just these that they were vended.
    pub(crate) fn are_recorded(&self, installation: &Installation) {
        let verified = installation.run(&["audit", "verify"], "").succeeded();
        assert!(verified.contains("result: whole"), "{verified}");
        let records = tests::world::trail(installation);
        let vends = records.iter().filter(|record| record["action"] == "vend" && record["outcome"] == "success");
        let recorded: BTreeSet<_> = vends.map(|vend| vend["access_key_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(recorded, self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_locks_is_waited_for_and_then_told() {
    let (world, mut hands) = on_sqlite().await;
    let ada = world.person("ada").await;
    let mut received = Received::default();
    received.vend(&ada).await;

    hands.run("BEGIN EXCLUSIVE").await;
    let (asker, before) = (ada.clone(), world.calls("AssumeRole").len());
    let waiting = tokio::spawn(async move { asker.vend("deploy", &fresh()).await });
    soon("AWS to have answered", async || (world.calls("AssumeRole").len() > before).then_some(())).await;
    assert!(!waiting.is_finished(), "it waits for the record");
    hands.run("ROLLBACK").await;
    received.note(&waiting.await.unwrap().good());

    hands.run("BEGIN EXCLUSIVE").await;
    for _ in 0..2 {
        outage(&ada.vend("deploy", &fresh()).await);
    }
    hands.run("ROLLBACK").await;
    received.vend(&ada).await;
    received.are_recorded(world.brokerd.installation());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_over_as_soon_as_there_is_room() {
    let prepared = World::prepare().await.configured("sqlite:brokerd.db", "sqlite:disk/brokerd.db");
    let Prepared { sim, installation } = prepared;
    let disk = installation.path("disk");
    fs::create_dir(&disk).unwrap();
    // A small disk in a namespace of the daemon's own: whatever becomes of the test, it goes with the daemon.
    let unshare = installed::program("unshare").display().to_string();
    let mount = format!("mount -t tmpfs -o size={DISK} brokerd '{}' && exec \"$@\"", disk.display());
    let wrapper = [unshare.as_str(), "--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"];
    let world = World { sim, brokerd: installation.serve_under(&wrapper) };
    // The daemon's own view of its disk.
    let inside = PathBuf::from(format!("/proc/{}/root{}", world.brokerd.id(), disk.display()));
    let beside = |arguments: &[&str]| {
        let mut command = environment::command(installed::program("nsenter"));
        let bare = world.brokerd.installation().command(arguments);
        command.args([
            "--user",
            "--mount",
            "--preserve-credentials",
            "--target",
            &world.brokerd.id().to_string(),
            "--",
        ]);
        command.arg(bare.get_program()).args(bare.get_args());
        ended::run("brokerd", command, SECOND_SECRET)
    };
    beside(&["token", "create", "ci", "--connector", "ci"]).succeeded();
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    for (name, id) in [("spare", SECOND), ("lone", "AKIALONELONELONELO01")] {
        let add = ["key", "add", name, "--access-key-id", id, "--region", "eu-central-1", "--skip-validation"];
        beside(&add).succeeded();
    }
    let principal = json!({ "assume_role": { "role_arn": format!("arn:aws:iam::{ACCOUNT}:role/deploy") } });
    let made = json!({ "name": "fresh", "access_key": "spare", "groups": ["release"], "principal": principal });
    let made = root.post("/v1/admin/connectors", &made).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut received = Received::default();
    received.vend(&ada).await;

    for _ in 0..2 {
        fill(&inside.join("filling"));
        soon("the store to have no room", async || {
            let answer = ada.vend("deploy", &fresh()).await;
            if answer.status == 200 {
                // What was there of the store's own had room in it.
                received.note(&answer.good());
                return None;
            }
            outage(&answer);
            Some(())
        })
        .await;
        outage(&ada.vend("deploy", &fresh()).await);
        // Not once in a while, but as long as nothing can be recorded.
        let report = ready(&world.stranger(), 503).await;
        assert!(report["causes"]["store"].as_str().unwrap().contains("full"), "{report}");
        tokio::time::sleep(LONGER_THAN_AN_ANSWER_IS_GOOD_FOR).await;
        assert_eq!(ready(&world.stranger(), 503).await["checks"]["store"], "failed");
        // What the daemon holds open can be read. A token that is not revoked is said not to be.
        let kept = beside(&["token", "revoke", "ci", "--yes"]);
        let said = kept.clone().failed();
        assert!(said.contains("service token `ci` is NOT revoked, and still good"), "{said}");
        assert!(said.contains("The disk is full (") && said.contains("make room"), "{said}");
        let said = beside(&["key", "remove", "lone", "--yes"]).failed();
        assert!(said.contains("access key `lone` is NOT removed") && said.contains("make room"), "{said}");
        let said = beside(&["connector", "remove", "fresh", "--yes"]).failed();
        assert!(said.contains("connector `fresh` is NOT removed, and still lends"), "{said}");
        assert!(said.contains("The disk is full (") && said.contains("make room"), "{said}");
        fs::remove_file(inside.join("filling")).unwrap();
        ready(&world.stranger(), 200).await;
        received.vend(&ada).await;
    }
    beside(&["token", "revoke", "ci", "--yes"]).succeeded();
    // The disk goes with the daemon.
    for file in ["brokerd.db", "brokerd.db-wal"] {
        fs::copy(inside.join(file), disk.join(file)).unwrap();
    }
    received.are_recorded(world.brokerd.installation());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_when_a_store_is_opened_is_told_as_that() {
    let World { brokerd, sim: _sim } = World::open().await;
    let installation = brokerd.stop();
    let disk = installation.path("disk");
    fs::create_dir(&disk).unwrap();
    installation.edit("brokerd.toml", "sqlite:brokerd.db", "sqlite:disk/brokerd.db");
    let [here, file] = [disk.display().to_string(), installation.path("brokerd.db").display().to_string()];
    let mount = format!(
        "mount -t tmpfs -o size={DISK} brokerd '{here}' && cp '{file}' '{here}' && touch '{here}'/brokerd.db.migration-lock \
         '{here}'/brokerd.db.daemon-lock && ! dd if=/dev/zero of='{here}/filling' bs=4k 2>/dev/null && exec \"$@\""
    );
    for arguments in [&["serve"][..], &["key", "list"], &["audit", "verify"]] {
        let mut command = environment::command(installed::program("unshare"));
        let bare = installation.command(arguments);
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"]);
        command.arg(bare.get_program()).args(bare.get_args());
        let said = ended::run("brokerd", command, "").failed();
        assert!(said.contains("The disk is full (0 KiB are free there): make room"), "{arguments:?}: {said}");
    }
}

/// Waits until readiness has this status.
pub(crate) async fn ready(asker: &Asker, status: u16) -> Value {
    soon("readiness to follow", async || {
        let answer = asker.get("/readyz").await;
        (answer.status == status).then(|| answer.json())
    })
    .await
}

/// Writes a file until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[7; 4_096]).is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_or_crashes_and_starts_again_is_served_from_again() {
    let server = Postgres::start();
    let mut url: Url = server.database("stops").parse().unwrap();
    let mut hands = Hands::of_postgres(url.as_str()).await;
    let mut barrier = Barrier::before(url.port().unwrap()).await;
    url.set_port(Some(barrier.port())).unwrap();
    let world = World::prepare().await.on_postgres(url.as_str()).serve();
    let ada = world.person("ada").await;
    let mut received = Received::default();
    received.vend(&ada).await;

    barrier.shut().await;
    outage(&ada.vend("deploy", &fresh()).await);
    barrier.open().await;
    received.vend(&ada).await;

    // One of its processes dies: the server ends all connections and goes through its log before it lets anybody in again.
    let ours = hands.number("SELECT pid::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()").await;
    kill_process(Pid::from_raw(i32::try_from(ours).unwrap()).unwrap(), Signal::KILL).unwrap();
    server.process().unwrap().wait_for_line("all server processes terminated; reinitializing");
    soon("service to come back", async || {
        let answer = ada.vend("deploy", &fresh()).await;
        if answer.status == 200 {
            received.note(&answer.good());
            return Some(());
        }
        outage(&answer);
        None
    })
    .await;
    received.vend(&ada).await;
    received.are_recorded(world.brokerd.installation());
}

/// Something that has to be asked of AWS.
pub(crate) fn fresh() -> Value {
    json!({ "fresh": true })
}

const DISK: &str = "2m";
const LONGER_THAN_AN_ANSWER_IS_GOOD_FOR: Duration = Duration::from_secs(6);
