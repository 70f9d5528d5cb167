//! The store fails under a daemon that serves: `audit_unavailable` with a time to come back, nothing handed over, and all is well again
//! when the store is.

use serde_json::json;
use tests::brokerd::Installation;
use tests::ended::{self, Ended};
use tests::stores::Hands;
use tests::world::{Answer, World, password_of};
use tests::{environment, installed, postgres};

/// A world on an SQLite file, and the hands of whoever has the file.
pub(crate) async fn on_sqlite() -> (World, Hands) {
    let world = World::open().await;
    let hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    (world, hands)
}

/// A world on this PostgreSQL database, and the hands of its owner.
pub(crate) async fn on_postgres(url: &str) -> (World, Hands) {
    (World::prepare().await.on_postgres(url).serve(), Hands::of_postgres(url).await)
}

/// Runs `brokerd` as somebody whom file permissions stop, which they do not stop root from.
pub(crate) fn bounded(installation: &Installation, arguments: &[&str]) -> Ended {
    let bare = installation.command(arguments);
    if !rustix::process::geteuid().is_root() {
        return ended::run("brokerd", bare, "");
    }
    let mut command = environment::command(installed::program("setpriv"));
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(bare.get_program()).args(bare.get_args());
    ended::run("brokerd", command, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_away_on_sqlite_is_an_outage_until_it_is_back() {
    let (world, hands) = on_sqlite().await;
    a_table_that_is_away(world, hands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_away_on_postgresql_is_an_outage_until_it_is_back() {
    let (world, hands) = on_postgres(&postgres::database("away")).await;
    a_table_that_is_away(world, hands).await;
}

async fn a_table_that_is_away(world: World, mut hands: Hands) {
    let ada = world.person("ada").await;
    let sign_in = json!({ "username": "ada", "password": password_of("ada") });
    for table in ["sessions", "throttles", "trail"] {
        hands.run(&format!("ALTER TABLE {table} RENAME TO elsewhere")).await;
        outage(&world.stranger().sign_in(&sign_in).await);
        if table == "sessions" {
            outage(&ada.get("/v1/session").await);
        }
        if table != "throttles" {
            outage(&ada.vend("deploy", &json!({ "fresh": true })).await);
        }
        hands.run(&format!("ALTER TABLE elsewhere RENAME TO {table}")).await;
        assert_eq!(world.stranger().sign_in(&sign_in).await.status, 201, "{table}");
        ada.get("/v1/session").await.good();
        ada.vended("deploy", &json!({ "fresh": true })).await;
    }
    let vends = world.trail_of("deploy").into_iter().filter(|line| line.ends_with("vend success")).count();
    assert_eq!(vends, 3, "what was handed over is recorded, and nothing else");
    world.run(&["audit", "verify"], "").succeeded();
}

/// The answer of a daemon whose store fails: what it is, when to come back, and not a word of the store's inside.
pub(crate) fn outage(answer: &Answer) {
    let problem = answer.problem("503 audit_unavailable");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().is_ok_and(|seconds| seconds > 0), "{problem}");
    assert!(!answer.text.contains("table") && !answer.text.contains("relation"), "{problem}");
}
