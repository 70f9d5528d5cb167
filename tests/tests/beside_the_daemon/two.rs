//! Two daemons on one PostgreSQL: each serves, and what happens on one counts on the other within a second.

use std::time::Instant;

use reqwest::Method;
use tests::postgres;
use tests::stage::{Door, Stage, role_connector};

use crate::storm::{Storm, assert_recorded};
use crate::within_a_second;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_on_one_node_counts_on_the_other_within_a_second() {
    let stage = Stage::set().await;
    let database = postgres::database("two_nodes");
    let (here, there) = (stage.on_postgres(&database).serve(), stage.on_postgres(&database).serve());
    let (door, other) = (Door::of(&here.url()), Door::of(&there.url()));
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let storms = [&door, &other].map(|door| Storm::begin(door, 2, &[(&ada, "deploy")]));
    for storm in &storms {
        storm.goes_on(10).await;
    }

    let leaving = other.sign_in("ada", stage.password_of("ada")).await;
    assert_eq!(door.vend(&leaving, "deploy").await.status, 200, "a session is good on every node");
    assert_eq!(other.ask(Method::DELETE, "/v1/session", Some(&leaving), None).await.status, 204);
    within_a_second(Instant::now(), "a sign-out", async || door.vend(&leaving, "deploy").await.status == 401).await;

    here.installation().write("connectors.toml", &(stage.connectors() + &role_connector("new", "main")));
    assert!(!other.shows(&ada, "new").await);
    let applied = here.run(&["apply", "--yes"], "");
    let ended = Instant::now();
    applied.succeeded();
    within_a_second(ended, "a new connector", async || other.shows(&ada, "new").await && door.shows(&ada, "new").await)
        .await;
    assert_eq!(other.vend(&ada, "new").await.status, 200);

    let created = here.run(&["token", "create", "ci", "--connector", "ci"], "");
    let ended = Instant::now();
    let token = created.succeeded();
    within_a_second(ended, "a token", async || other.vend(token.trim(), "ci").await.status == 200).await;
    let revoked = here.run(&["token", "revoke", "ci", "--yes"], "");
    let ended = Instant::now();
    revoked.succeeded();
    within_a_second(ended, "its revocation", async || other.vend(token.trim(), "ci").await.status == 401).await;

    let password = "four quite ordinary words";
    here.run(&["user", "add", "lena"], password).succeeded();
    let lena = other.sign_in("lena", password).await;
    assert!(!door.shows(&lena, "deploy").await);
    let grouped = here.run(&["group", "add", "release", "--member", "lena"], "");
    let ended = Instant::now();
    grouped.succeeded();
    for (name, node) in [("a group here", &door), ("a group there", &other)] {
        within_a_second(ended, name, async || node.vend(&lena, "deploy").await.status == 200).await;
    }
    let grouped = here.run(&["group", "members", "release", "--remove", "lena"], "");
    let ended = Instant::now();
    grouped.succeeded();
    within_a_second(ended, "a group that goes", async || other.vend(&lena, "deploy").await.status == 404).await;
    here.run(&["user", "disable", "lena"], "").succeeded();
    assert_eq!(other.vend(&lena, "deploy").await.status, 401, "at once");
    let body = serde_json::json!({ "username": "lena", "password": password });
    assert_eq!(other.ask(Method::POST, "/v1/sessions", None, Some(&body)).await.status, 401);

    let mut received = std::collections::BTreeSet::new();
    for storm in storms {
        storm.goes_on(5).await;
        let harvest = storm.end().await;
        assert_eq!((&harvest.refused, &harvest.broken), (&Vec::new(), &Vec::new()), "no vend fails");
        received.extend(harvest.access_key_ids);
    }
    assert_recorded(here.installation(), &received);
    // One goes, the other stays.
    let _ = here.stop();
    assert_eq!(other.vend(&ada, "deploy").await.status, 200);
    assert_recorded(&there.stop(), &received);
}
