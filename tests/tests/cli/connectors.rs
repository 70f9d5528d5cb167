//! `connector`: what there is, and what goes: what the API manages and damaged rows, but nothing of the file.

use serde_json::{Value, json};
use tests::postgres;
use tests::stores::Hands;
use tests::world::{SECOND, SECOND_SECRET, World, soon};

use super::{code, typed};

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_shown_and_taken_away_on_sqlite() {
    let world = World::open().await;
    let hands = Hands::of_sqlite(&world.brokerd.installation().path("brokerd.db")).await;
    shown_and_taken_away(world, hands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_shown_and_taken_away_on_postgresql() {
    let url = postgres::database("connectors");
    let world = World::prepare().await.on_postgres(&url).serve();
    shown_and_taken_away(world, Hands::of_postgres(&url).await).await;
}

async fn shown_and_taken_away(world: World, mut hands: Hands) {
    let (root, ada) = (world.person("root").await, world.person("ada").await);
    let add = ["key", "add", "added", "--access-key-id", SECOND, "--region", "eu-central-1"];
    world.run(&add, SECOND_SECRET).succeeded();
    for name in ["made", "forged", "hidden"] {
        let role = json!({ "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/deploy" } });
        let made = json!({ "name": name, "access_key": "added", "groups": ["corp/release"], "principal": role });
        let answer = root.post("/v1/admin/connectors", &made).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    ada.vended("made", &json!({})).await;
    let made = listed(&world, "made").unwrap();
    assert_eq!(
        (&made["managed_by"], &made["access_key"], &made["principal"], &made["groups"], &made["access_key_in_service"]),
        (&json!("api"), &json!("added"), &json!("assume_role"), &json!(["corp/release"]), &json!(true))
    );
    assert_eq!(listed(&world, "deploy").unwrap()["managed_by"], "file");
    let table = world.run(&["connector", "list"], "").succeeded();
    let line = table.lines().find(|line| line.starts_with("ci ")).unwrap();
    assert!(table.starts_with("NAME ") && line.contains("service tokens") && line.ends_with("good"), "{table}");

    // What a file describes goes from there.
    let said = world.run(&["connector", "remove", "deploy"], "").failed();
    assert!(said.contains("connector `deploy` belongs to the connectors file: change it there"), "{said}");
    let said = world.run(&["connector", "remove", "nobody\u{1b}[2J"], "").failed();
    assert!(said.contains("no connector has the name or the id `nobody\\u{1b}[2J`"), "{said}");

    // One damaged row calls itself by the id of a good one: the good one is meant, whoever says its id.
    let id = made["id"].as_str().unwrap();
    assert_eq!(hands.run(&format!("UPDATE connectors SET name = '{id}' WHERE name = 'hidden'")).await, 1);
    assert_eq!(hands.run("UPDATE connectors SET revision = revision + 1 WHERE name = 'forged'").await, 1);
    let table = world.run(&["connector", "list"], "").succeeded();
    assert_eq!(table.matches("OUT OF SERVICE: the row does not prove to be ours").count(), 2, "{table}");
    assert_eq!(listed(&world, "forged").unwrap()["damaged"], "not_ours");
    let here = world.brokerd.installation();
    let declined = typed(here, &["connector", "remove", id], &[("Take away connector `made`? [y/N] ", "n")]);
    assert_eq!(code(&declined), 1, "{declined:?}");
    assert!(declined.stdout.contains("nothing was changed") && listed(&world, "made").is_some(), "{declined:?}");
    let agreed = typed(here, &["connector", "remove", id], &[("Take away connector `made`? [y/N] ", "y")]);
    assert_eq!(code(&agreed), 0, "{agreed:?}");
    assert!(listed(&world, "made").is_none() && listed(&world, id).is_some());
    soon("it is out of service", async || (ada.vend("made", &json!({})).await.status == 404).then_some(())).await;

    let declined = typed(here, &["connector", "remove", "forged"], &[("Take away the damaged row `forged` (", "n")]);
    assert_eq!(code(&declined), 1, "{declined:?}");
    for name in ["forged", id] {
        let removed = world.run(&["connector", "remove", name, "--yes"], "");
        assert_eq!(code(&removed), 0, "{removed:?}");
        assert!(removed.stderr.contains(&format!("the damaged row `{name}`")), "{removed:?}");
        assert!(listed(&world, name).is_none());
    }
    let removals: Vec<Value> =
        world.trail().into_iter().filter(|record| record["action"] == "connector_removed").collect();
    assert_eq!(removals.len(), 3, "{removals:?}");
    assert!(removals.iter().all(|it| it["actor"].as_str().unwrap().starts_with("operator:")), "{removals:?}");
    let damaged = "a row that did not prove to be ours was taken away";
    assert_eq!(removals.iter().filter(|it| it["reason"] == damaged).count(), 2, "{removals:?}");
    world.run(&["audit", "verify"], "").succeeded();
}

/// A line of the list.
fn listed(world: &World, name: &str) -> Option<Value> {
    let list = world.run(&["connector", "list", "--json"], "").json();
    list.as_array().unwrap().iter().find(|it| it["name"] == name).cloned()
}
