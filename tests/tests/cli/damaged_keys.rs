//! An access key whose row somebody damaged or took away takes its own connectors out of service, and nothing else: the daemon starts, and says what to do.

use serde_json::json;
use tests::postgres;
use tests::process::Signal;
use tests::stores::Hands;
use tests::world::{Prepared, SECOND, SECOND_SECRET, World, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_stops_only_its_own_connectors_on_sqlite() {
    let prepared = World::prepare().await;
    let file = prepared.installation.path("brokerd.db");
    a_damaged_key(prepared, async || Hands::of_sqlite(&file).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_stops_only_its_own_connectors_on_postgresql() {
    let url = postgres::database("damaged_keys");
    a_damaged_key(World::prepare().await.on_postgres(&url), async || Hands::of_postgres(&url).await).await;
}

async fn a_damaged_key(prepared: Prepared, hands: impl AsyncFn() -> Hands) {
    let prepared = prepared.connectors(LENT);
    let add = ["key", "add", "added", "--access-key-id", SECOND, "--region", "eu-central-1"];
    prepared.installation.run(&add, SECOND_SECRET).succeeded();
    let World { sim, brokerd } = prepared.serve();
    let here = brokerd.stop();
    let damage = "UPDATE access_keys SET generation = generation + 1 WHERE name = 'added'";
    assert_eq!(hands().await.run(damage).await, 1);

    let dry = here.run(&["apply", "--dry-run"], "");
    assert!(dry.stderr.contains(WARNING), "{dry:?}");
    let plan = dry.succeeded();
    assert!(plan.contains("0 to add, 0 to change, 0 to remove"), "{plan}");
    assert!(plan.contains("warning: access_keys `added` is out of service"), "{plan}");
    let list = here.run(&["connector", "list"], "").succeeded();
    assert_eq!(list.matches("OUT OF SERVICE: access key `added` is").count(), 1, "{list}");

    let mut world = World { sim, brokerd: here.serve() };
    let log = world.brokerd.log();
    assert!(log.contains(WARNING) && log.contains("alarm=\"forged_row\""), "{log}");
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    ada.vended("deploy", &json!({})).await;
    ada.vend("lent", &json!({})).await.problem("500 internal");
    assert!(world.brokerd.log().contains("the connector's access key is not in service"), "{}", world.brokerd.log());
    let metrics = root.get("/metrics").await.text;
    assert!(metrics.contains("brokerd_alarms_total{alarm=\"forged_row\"}"), "{metrics}");

    // The file still counts: what changes in it beside the damaged key.
    world.brokerd.installation().edit("connectors.toml", "name = \"other-key\"", "name = \"renamed\"");
    world.brokerd.process().signal(Signal::HUP);
    let vends = async |name: &str| (ada.vend(name, &json!({})).await.status == 200).then_some(());
    soon("the renamed connector", async || vends("renamed").await).await;
    assert_eq!(world.brokerd.log().matches("the connectors file is not applied").count(), 0);

    world.run(&add, SECOND_SECRET).succeeded();
    soon("the key is put right", async || vends("lent").await).await;
    let mended = world.run(&["apply", "--dry-run"], "");
    assert!(!mended.stderr.contains("warning: connectors.toml"), "{mended:?}");
    assert!(!mended.succeeded().contains("out of service"));
    world.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_away_stops_only_its_own_connectors_on_sqlite() {
    let prepared = World::prepare().await;
    let file = prepared.installation.path("brokerd.db");
    let hands = async || Hands::of_sqlite(&file).await;
    a_key_that_is_gone(prepared, hands, &["PRAGMA foreign_keys = OFF", TAKEN]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_away_stops_only_its_own_connectors_on_postgresql() {
    let url = postgres::database("gone_keys");
    let prepared = World::prepare().await.on_postgres(&url);
    let hands = async || Hands::of_postgres(&url).await;
    a_key_that_is_gone(prepared, hands, &[DROPPED, TAKEN, LEFT]).await;
}

/// As nobody can who obeys the database's own rules.
async fn a_key_that_is_gone(prepared: Prepared, hands: impl AsyncFn() -> Hands, taken: &[&str]) {
    let prepared = prepared.connectors(LENT);
    let add = ["key", "add", "added", "--access-key-id", SECOND, "--region", "eu-central-1"];
    prepared.installation.run(&add, SECOND_SECRET).succeeded();
    let World { sim, brokerd } = prepared.serve();
    let here = brokerd.stop();
    let mut others = hands().await;
    for statement in taken {
        others.run(statement).await;
    }
    assert_eq!(others.number("SELECT count(*) FROM access_keys WHERE name = 'added'").await, 0);

    let plan = here.run(&["apply", "--dry-run"], "").succeeded();
    assert!(plan.contains("0 to add, 0 to change, 0 to remove"), "{plan}");
    assert!(plan.contains("warning: access_keys `added` is out of service (connectors name it"), "{plan}");
    assert!(here.run(&["key", "list"], "").succeeded().contains("OUT OF SERVICE: connectors name it"));
    let list = here.run(&["connector", "list"], "").succeeded();
    assert_eq!(list.matches("OUT OF SERVICE: access key `added` is").count(), 1, "{list}");
    assert!(
        here.run(&["key", "remove", "added", "--yes"], "").failed().contains("connectors still name"),
        "it is no key"
    );

    let mut world = World { sim, brokerd: here.serve() };
    let log = world.brokerd.log();
    assert!(log.contains(GONE) && log.contains("alarm=\"forged_row\""), "{log}");
    assert!(log.contains("put a key there with `brokerd key add added`"), "{log}");
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    ada.vended("deploy", &json!({})).await;
    ada.vend("lent", &json!({})).await.problem("500 internal");
    let shown = root.get("/v1/admin/access-keys/added").await.good();
    assert!(shown["detail"].as_str().unwrap().contains("its row is not there"), "{shown}");

    // What changes in such a connector waits, and what changes beside it does not.
    let vends = async |name: &str| (ada.vend(name, &json!({})).await.status == 200).then_some(());
    let installation = world.brokerd.installation();
    installation.edit("connectors.toml", "name = \"lent\"", "name = \"lent\"\ndescription = \"for a while\"");
    installation.edit("connectors.toml", "name = \"other-key\"", "name = \"renamed\"");
    world.brokerd.process().signal(Signal::HUP);
    soon("the renamed connector", async || vends("renamed").await).await;
    assert_eq!(world.brokerd.log().matches("the connectors file is not applied").count(), 0);

    world.run(&add, SECOND_SECRET).succeeded();
    soon("the key is back", async || vends("lent").await).await;
    let plan = world.run(&["apply", "--yes"], "").succeeded();
    assert!(plan.contains("for a while") && plan.contains("1 to change") && !plan.contains("out of service"), "{plan}");
    world.run(&["audit", "verify"], "").succeeded();
}

const LENT: &str = r#"
[[connector]]
name = "lent"
access_key = "added"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
"#;

const WARNING: &str = "put the key right with `brokerd key add added`";
const DROPPED: &str = "ALTER TABLE connectors DROP CONSTRAINT connectors_access_key_fkey";
/// The rule holds again for whatever is written from now on.
const LEFT: &str = "ALTER TABLE connectors ADD CONSTRAINT connectors_access_key_fkey FOREIGN KEY (access_key) REFERENCES access_keys (name) NOT VALID";
const TAKEN: &str = "DELETE FROM access_keys WHERE name = 'added'";
const GONE: &str = "the row of an access key that connectors name is not there, and they are out of service";
