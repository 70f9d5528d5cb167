//! Readiness names the part that fails, tells the cause to operators alone, and comes back by itself.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tests::brokerd::Installation;
use tests::postgres;
use tests::process::Signal;
use tests::slapd::{GROUPS, SERVICE, SERVICE_PASSWORD, Slapd, USERS};
use tests::stores::Hands;
use tests::world::{Answer, Asker, World, soon};
use tokio::task::JoinSet;

/// Waits until readiness has this status.
async fn ready(asker: &Asker, status: u16) -> Value {
    let answer = soon("readiness follows", async || {
        let answer: Answer = asker.get("/readyz").await;
        (answer.status == status).then_some(answer)
    })
    .await;
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_writes_is_not_ready_until_it_does_again() {
    let world = World::open().await;
    let asker = world.stranger();
    assert_eq!(
        ready(&asker, 200).await,
        json!({
            "status": "ready", "checks": { "store": "ok", "directories": "ok", "seal": "ok" }, "causes": {},
        })
    );
    let file = world.brokerd.installation().path("brokerd.db");
    let mut other = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let report = ready(&asker, 503).await;
    assert_eq!((&report["status"], &report["checks"]["store"]), (&json!("not_ready"), &json!("failed")), "{report}");
    assert_eq!((&report["checks"]["seal"], &report["checks"]["directories"]), (&json!("ok"), &json!("ok")), "{report}");
    assert!(report["causes"]["store"].is_string(), "{report}");
    other.execute("ROLLBACK").await.unwrap();
    ready(&asker, 200).await;
    other.execute("UPDATE installation SET sealed_secret = 'v1.forged'").await.unwrap();
    assert_eq!(ready(&asker, 503).await["checks"]["seal"], "failed");
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_sessions_cannot_be_read_is_not_ready_though_it_can_be_written() {
    let url = postgres::database("unreadable");
    let world = World::prepare().await.on_postgres(&url).serve();
    let asker = world.stranger();
    ready(&asker, 200).await;
    let mut hands = Hands::of_postgres(&url).await;
    hands.run("BEGIN").await;
    hands.run("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let report = ready(&asker, 503).await;
    assert_eq!(report["checks"], json!({ "store": "failed", "directories": "ok", "seal": "ok" }));
    hands.run("COMMIT").await;
    ready(&asker, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_often_makes_the_parts_answer_no_oftener() {
    let world = World::open().await;
    let asker = world.stranger();
    let begun = Instant::now();
    let mut probes = JoinSet::new();
    for _ in 0..200 {
        let asker = asker.clone();
        probes.spawn(async move { asker.get("/readyz").await.status });
    }
    assert!(probes.join_all().await.iter().all(|status| *status == 200));
    let metrics = asker.get("/metrics").await.text;
    let probes = "brokerd_directory_calls_total{directory=\"corp\",call=\"probe\",outcome=\"answered\"} ";
    let probes: u64 = metrics
        .lines()
        .find_map(|line| line.strip_prefix(probes))
        .unwrap_or_else(|| panic!("{metrics}"))
        .parse()
        .unwrap();
    // An answer is good for five seconds.
    assert!((1..=1 + begun.elapsed().as_secs() / 5).contains(&probes), "{probes} within {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_directory_is_not_ready_and_strangers_do_not_learn_why() {
    let mut slapd = Slapd::start();
    let directory = format!(
        "\n[[directory]]\nname = \"corp\"\n[directory.backend.ldap]\nurls = [\"{url}\"]\nca_file = \"ca.pem\"\n\
         bind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\nusers = {{ base = \"{USERS}\" }}\n\
         groups = {{ search = {{ base = \"{GROUPS}\" }} }}\n",
        url = slapd.ldaps_url(),
    );
    let installation = Installation::new(&directory, "");
    installation.write("ca.pem", slapd.ca_pem());
    installation.write("ldap.pw", SERVICE_PASSWORD);
    // Known by another name: so this is no daemon that only this machine can reach.
    let public = installation.url().replace("http://127.0.0.1", "https://127.0.0.1");
    installation.edit(
        "brokerd.toml",
        &format!("public_url = \"{}\"", installation.url()),
        &format!("public_url = \"{public}\""),
    );
    let brokerd = installation.serve();
    let stranger = Asker::at(&brokerd.url());
    ready(&stranger, 200).await;
    slapd.process().signal(Signal::STOP);
    let report = ready(&stranger, 503).await;
    assert_eq!(
        report,
        json!({ "status": "not_ready", "checks": { "store": "ok", "directories": "failed", "seal": "ok" } })
    );
    assert!(brokerd.log().contains("not ready"), "the log says why");
    assert_eq!(stranger.get("/metrics").await.problem("404 not_found")["status"], 404);
    slapd.process().signal(Signal::CONT);
    ready(&stranger, 200).await;
}
