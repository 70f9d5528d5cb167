//! `brokerd restored` and `brokerd token confirm`, while the daemon serves.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::brokerd::{Brokerd, Installation};
use tests::postgres;
use tests::stage::{Door, Stage};
use tests::stores::Hands;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_word_ends_sessions_and_lets_tokens_wait_on_sqlite() {
    let stage = Stage::set().await;
    an_operators_word_counts(&stage, stage.on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_word_ends_sessions_and_lets_tokens_wait_on_postgres() {
    let stage = Stage::set().await;
    an_operators_word_counts(&stage, stage.on_postgres_of("told")).await;
}

async fn an_operators_word_counts(stage: &Stage, installation: Installation) {
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let [ci, other] = ["ci", "other"].map(|name| created(&broker, name));
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);
    assert_eq!(door.vend(&ci, "ci").await.status, 200);

    let said = broker.run(&["restored", "--yes"], "");
    let ended = Instant::now();
    assert!(said.stderr.contains("service tokens that wait: 2"), "{said:?}");
    said.succeeded();
    // Not within a second but with the next request.
    assert_eq!(door.vend(&ada, "deploy").await.status, 401);
    for token in [&ci, &other] {
        let answer = door.vend(token, "ci").await;
        assert_eq!((answer.status, answer.text("code")), (401, "unauthenticated".to_owned()));
    }
    assert!(ended.elapsed() < Duration::from_secs(10), "{:?}", ended.elapsed());
    assert_eq!(states(&broker), [("ci".to_owned(), true), ("other".to_owned(), true)]);

    broker.run(&["token", "confirm", "nobody", "--yes"], "").failed();
    let said = broker.run(&["token", "confirm", "ci", "--yes"], "");
    assert!(said.stderr.contains("service token `ci` counts again"), "{said:?}");
    assert!(said.stdout.contains("to confirm") && !said.stdout.contains("other"), "they are shown first: {said:?}");
    assert_eq!(door.vend(&ci, "ci").await.status, 200);
    assert_eq!(door.vend(&other, "ci").await.status, 401);
    assert_eq!(states(&broker), [("ci".to_owned(), false), ("other".to_owned(), true)]);
    broker.run(&["token", "confirm", "--all", "--yes"], "").succeeded();
    assert_eq!(door.vend(&other, "ci").await.status, 200);
    let again = broker.run(&["token", "confirm", "--all", "--yes"], "");
    assert!(again.stderr.contains("no service token waits"), "{again:?}");

    // People sign in again, and what they get counts.
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&ada, "deploy").await.status, 200);

    let installation = broker.stop();
    let records = installation.run(&["audit", "export", "--format", "jsonl"], "").succeeded();
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |action: &str| records.iter().filter(|record| record["action"] == action).collect::<Vec<_>>();
    assert!(of("epoch_begun")[0]["actor"].as_str().unwrap().starts_with("operator:"));
    let confirmed: Vec<_> =
        of("service_token_confirmed").iter().map(|it| it["changes"]["service_token"].clone()).collect();
    assert_eq!(confirmed, ["ci", "other"]);
    let waits = "the service token waits for confirmation since a backup was restored";
    assert_eq!(of("token_refused").iter().filter(|record| record["reason"] == waits).count(), 3);
    installation.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hands_in_the_database_bring_no_epoch_back_on_sqlite() {
    let stage = Stage::set().await;
    let installation = stage.on_sqlite();
    let file = installation.path("brokerd.db");
    no_epoch_comes_back(installation, async || Hands::of_sqlite(&file).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hands_in_the_database_bring_no_epoch_back_on_postgres() {
    let stage = Stage::set().await;
    let url = postgres::database("back");
    no_epoch_comes_back(stage.on_postgres(&url), async || Hands::of_postgres(&url).await).await;
}

async fn no_epoch_comes_back(installation: Installation, hands: impl AsyncFn() -> Hands) {
    const FIRST: &str = "UPDATE installation SET epoch = 1, epoch_mac = NULL";
    let broker = installation.serve();
    let door = Door::of(&broker.url());
    let ci = created(&broker, "ci");
    broker.run(&["restored", "--yes"], "").succeeded();
    assert_eq!(door.vend(&ci, "ci").await.status, 401);
    assert_eq!(hands().await.run(FIRST).await, 1);
    // Whoever lays hands on the very row that says who waits is no reason to let anybody in.
    assert_ne!(door.vend(&ci, "ci").await.status, 200);
    assert!(broker.log().contains("the store says an epoch that is over"), "{}", broker.log());

    // Nor does a daemon that starts, with nothing but the trail to go by.
    let here = broker.stop();
    let _ = fs::remove_file(here.path("brokerd.db.anchors"));
    hands().await.run(FIRST).await;
    let broker = here.serve();
    assert_eq!(door.vend(&ci, "ci").await.status, 401);
    assert!(broker.log().contains("a new epoch has begun"), "{}", broker.log());
    assert_eq!(states(&broker), [("ci".to_owned(), true)]);
    broker.run(&["token", "confirm", "ci", "--yes"], "").succeeded();
    assert_eq!(door.vend(&ci, "ci").await.status, 200);
}

fn created(broker: &Brokerd, name: &str) -> String {
    broker.run(&["token", "create", name, "--connector", "ci"], "").succeeded().trim().to_owned()
}

/// Each token, and whether it waits.
fn states(broker: &Brokerd) -> Vec<(String, bool)> {
    let listed = broker.run(&["token", "list", "--json"], "").json();
    let state = |token: &Value| (token["name"].as_str().unwrap().to_owned(), token["awaits_confirmation"] == true);
    listed.as_array().unwrap().iter().map(state).collect()
}
