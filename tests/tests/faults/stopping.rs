//! SIGTERM in the middle of work: whatever had begun gets its whole answer, nothing new begins, and the trail is whole.

use std::net::TcpStream;
use std::time::Duration;

use aws_sim::{Calls, Fault};
use serde_json::json;
use tests::process::Signal;
use tests::world::{Answer, World, password_of, soon};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn what_had_begun_gets_its_whole_answer_whatever_it_is() {
    let mut world = World::open().await;
    let ada = world.person("ada").await;
    world.sim.faults().always(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(5)));
    let mut asking: JoinSet<(&str, Answer)> = JoinSet::new();
    for n in 0..EACH {
        let body = json!({ "duration_seconds": 900 + n });
        for route in ["credentials", "credentials?format=env"] {
            let (ada, body) = (ada.clone(), body.clone());
            asking.spawn(async move { (route, ada.post(&format!("/v1/connectors/anew/{route}"), &body).await) });
        }
        let ada = ada.clone();
        asking.spawn(async move { ("console", ada.post("/v1/connectors/anew/console-url", &json!({})).await) });
    }
    soon("all of them at AWS", async || (world.sim.faults().happened() >= 3 * EACH).then_some(())).await;
    world.brokerd.process().signal(Signal::TERM);
    let address = world.brokerd.url().replace("http://", "");
    soon("nothing new to be taken", async || TcpStream::connect(&address).is_err().then_some(())).await;
    assert!(asking.try_join_next().is_none() && !world.brokerd.process().has_ended(), "it waits for what had begun");

    let (mut vended, mut links) = (0, 0);
    for (route, answer) in asking.join_all().await {
        assert_eq!(answer.status, 200, "{route}: {}", answer.text);
        match route {
            "credentials" => vended += usize::from(answer.json()["session_token"].is_string()),
            "console" => links += usize::from(answer.json()["url"].as_str().unwrap().contains("SigninToken=")),
            _ => vended += usize::from(answer.text.lines().count() == 4 && answer.text.ends_with("'\n")),
        }
    }
    assert_eq!((vended, links), (2 * EACH, EACH), "whole answers");
    assert_eq!(world.brokerd.process().wait().code(), Some(0));
    let World { brokerd, .. } = world;
    let installation = brokerd.stop();
    installation.run(&["audit", "verify"], "").succeeded();
    let trail = tests::world::used(&tests::world::trail(&installation), "anew");
    assert_eq!(trail.iter().filter(|line| line.ends_with("success")).count(), 3 * EACH, "all of it is recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_aws_keeps_nobody_from_stopping() {
    let patience = "retries = 7, interactive_deadline_seconds = 3, deadline_seconds = 3";
    let mut world = World::prepare().await.configured("retries = 2", patience).serve();
    let ada = world.person("ada").await;
    world.sim.faults().always(Calls::any(), Fault::Stall(Duration::from_hours(1)));
    let asking = tokio::spawn(async move { ada.vend("deploy", &json!({})).await });
    soon("it to be at AWS", async || (world.sim.faults().happened() > 0).then_some(())).await;
    world.brokerd.process().signal(Signal::TERM);
    asking.await.unwrap().problem("503 aws_unavailable");
    assert_eq!(world.brokerd.process().wait().code(), Some(0));
    let World { brokerd, .. } = world;
    let installation = brokerd.stop();
    installation.run(&["audit", "verify"], "").succeeded();
    let trail = tests::world::used(&tests::world::trail(&installation), "deploy");
    assert_eq!(trail, ["person:corp/ada vend failed"]);
    let again = installation.serve();
    let body = json!({ "username": "ada", "password": password_of("ada") });
    assert_eq!(tests::world::Asker::at(&again.url()).sign_in(&body).await.status, 201);
}

const EACH: usize = 10;
