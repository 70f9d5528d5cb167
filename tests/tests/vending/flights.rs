//! Those who ask the very same at the same time share one call to AWS; what each of them gets is decided for each.

use std::collections::HashSet;
use std::time::Duration;

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, soon};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_are_one_call_and_fifty_records() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    stall(&world, 1_000);
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let ada = ada.clone();
        asking.spawn(async move { ada.vended("deploy", &json!({})).await });
    }
    let vended: Vec<Value> = asking.join_all().await;
    assert_eq!(world.calls("AssumeRole").len(), 1);
    assert!(vended.iter().all(|one| one["access_key_id"] == vended[0]["access_key_id"]));
    assert_eq!(vended.iter().filter(|one| one["reused"] == false).count(), 1, "one of them had it asked");
    let ids: HashSet<&str> = vended.iter().map(|one| one["vend_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 50);
    let records = world.trail();
    let recorded = records.iter().filter(|record| ids.contains(record["id"].as_str().unwrap()));
    let reused: Vec<&Value> = recorded.map(|record| &record["reused"]).collect();
    assert_eq!((reused.len(), reused.iter().filter(|it| ***it == json!(false)).count()), (50, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_once_are_two_calls() {
    let world = World::open().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    world.sim.faults().latency(Duration::from_millis(300));
    let body = json!({});
    let (one, two) = tokio::join!(ada.vended("raw", &body), eve.vended("raw", &body));
    assert_ne!(one["access_key_id"], two["access_key_id"]);
    assert_eq!(world.calls("GetSessionToken").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_cancels_nobody_and_the_call_is_not_lost() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    stall(&world, 1_500);
    let first = asking(&ada, "deploy");
    under_way(&world).await;
    let second = asking(&ada, "deploy");
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    let second = second.await.unwrap();
    assert!(second["access_key_id"].is_string(), "{second}");

    stall(&world, 700);
    let alone = asking(&ada, "limited");
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    alone.abort();
    soon("the call's end", async || (world.calls("AssumeRole").len() == 2).then_some(())).await;
    let later = ada.vended("limited", &json!({})).await;
    assert_eq!((&later["reused"], world.calls("AssumeRole").len()), (&json!(true), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_callers_short_patience_is_not_the_others() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    stall(&world, 2_500);
    let hasty = ada.request(reqwest::Method::POST, "/v1/connectors/deploy/credentials").header("prefer", "wait=1");
    let hasty = tokio::spawn(tests::world::Answer::of(hasty));
    under_way(&world).await;
    let patient = asking(&ada, "deploy");
    hasty.await.unwrap().problem("503 aws_unavailable");
    let patient = patient.await.unwrap();
    assert!(patient["access_key_id"].is_string(), "{patient}");
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend failed", "person:corp/ada vend success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_while_aws_is_asked_gets_nothing() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    stall(&world, 4_000);
    let waiting = asking(&ada, "deploy");
    under_way(&world).await;
    assert_eq!(ada.delete("/v1/session").await.status, 204);
    let answer = waiting.await.unwrap();
    assert_eq!(answer["code"], "unauthenticated");
    assert!(!answer.to_string().contains("ASIA"));
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_connector_while_aws_is_asked_gets_nothing() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    stall(&world, 6_000);
    let waiting = asking(&ada, "deploy");
    under_way(&world).await;
    // The first connector of the file.
    world.brokerd.installation().edit("connectors.toml", "corp/release", "corp/finance");
    world.run(&["apply", "--yes"], "").succeeded();
    let answer = waiting.await.unwrap();
    assert_eq!(answer["code"], "not_found");
    assert_eq!(world.trail_of("deploy").last().unwrap(), "person:corp/ada vend refused");
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

/// The proof is made again after whichever call to AWS was the last.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_or_loses_the_grant_while_aws_makes_a_link_gets_none_and_none_of_a_connector_that_changed() {
    for code in ["unauthenticated", "not_found", "overloaded"] {
        for (method, path, action, last) in [
            (Method::POST, "console-url", "console_url", "getSigninToken"),
            (Method::GET, "caller-identity", "caller_identity", "GetCallerIdentity"),
        ] {
            let world = World::open().await;
            let ada = world.person("ada").await;
            let fault = Fault::Stall(Duration::from_secs(if code == "unauthenticated" { 4 } else { 6 }));
            // The daemon asks by itself whose each of the two keys is, and must not get what is for ada.
            soon("the keys' owners", async || (world.calls("GetCallerIdentity").len() >= 2).then_some(())).await;
            world.sim.faults().once(Calls::of(last), fault);
            let request = ada.request(method, &format!("/v1/connectors/deploy/{path}"));
            let waiting = tokio::spawn(async move { Answer::of(request.json(&json!({}))).await.json() });
            under_way(&world).await;
            match code {
                "unauthenticated" => drop(ada.delete("/v1/session").await),
                other => {
                    let (from, to) = match other {
                        "not_found" => ("corp/release", "corp/finance"),
                        _ => ("role/deploy", "role/brief"),
                    };
                    world.brokerd.installation().edit("connectors.toml", from, to);
                    world.run(&["apply", "--yes"], "").succeeded();
                }
            }
            let answer = waiting.await.unwrap();
            assert_eq!(answer["code"], code, "{answer}");
            assert!(
                !world.trail_of("deploy").contains(&format!("person:corp/ada {action} success")),
                "{code} {action}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_a_removed_connector_is_not_given_for_its_namesake() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let installation = world.brokerd.installation();
    let text = installation.read("connectors.toml");
    stall(&world, 6_000);
    let waiting = asking(&ada, "deploy");
    under_way(&world).await;
    let (before, deploy_and_after) = text.split_once("[[connector]]").unwrap();
    let (deploy, after) = deploy_and_after.split_once("[[connector]]").unwrap();
    installation.write("connectors.toml", &format!("{before}[[connector]]{after}"));
    world.run(&["apply", "--yes"], "").succeeded();
    let namesake = deploy.replace("role/deploy", "role/brief");
    installation.write("connectors.toml", &format!("{before}[[connector]]{after}[[connector]]{namesake}"));
    world.run(&["apply", "--yes"], "").succeeded();
    let answer = waiting.await.unwrap();
    // The namesake is asked for in its own right.
    let role = "arn:aws:sts::111111111111:assumed-role/brief/ada";
    assert!(answer["arn"] == role || answer["code"] == "not_found", "{answer}");
}

fn stall(world: &World, millis: u64) {
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_millis(millis)));
}

/// The stalled call has reached AWS.
async fn under_way(world: &World) {
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
}

fn asking(asker: &Asker, connector: &'static str) -> tokio::task::JoinHandle<Value> {
    let asker = asker.clone();
    tokio::spawn(async move { asker.vend(connector, &json!({})).await.json() })
}
