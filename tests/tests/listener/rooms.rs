//! Too many at once: connections, requests, vends. Whoever has a full share is told or hung up on, and others go on.

use std::time::{Duration, Instant};

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::json;
use tests::stage::{Door, Stage};
use tests::world::{Asker, soon};

use crate::installation;
use crate::line::{Line, host};

#[tokio::test]
async fn one_address_cannot_have_all_connections() {
    let broker = installation("connections = 12, connections_per_address = 4").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    // The kit has looked whether the port is open: wait until that is forgotten.
    let mut held: Vec<Line<_>> = Vec::new();
    for _ in 0..4 {
        let mut line = Line::from("127.0.0.2", &url).await;
        assert_eq!(line.get("/healthz", &host).status, 200);
        held.push(line);
    }
    for _ in 0..20 {
        Line::from("127.0.0.2", &url).await.is_hung_up_on();
    }
    assert_eq!(Line::from("127.0.0.3", &url).await.get("/healthz", &host).status, 200, "others have theirs");
    assert_eq!(held[3].get("/healthz", &host).status, 200, "and those that are there stay");
    held.truncate(3);
    // The daemon notices the end of a connection in a moment of its own.
    let mut again = None;
    let begun = Instant::now();
    while again.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(10), "what is given back can be had again");
        let mut line = Line::from("127.0.0.2", &url).await;
        line.try_send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        again = line.answer();
    }
    assert_eq!(again.unwrap().status, 200);
}

#[tokio::test]
async fn whoever_finds_no_room_waits_until_somebody_goes() {
    let broker = installation("connections = 4, connections_per_address = 2").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut held = Vec::new();
    for number in 2..6 {
        let mut line = Line::from(&format!("127.0.0.{number}"), &url).await;
        assert_eq!(line.get("/healthz", &host).status, 200);
        held.push(line);
    }
    let mut late = Line::from("127.0.0.9", &url).await;
    late.send(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    late.hears_nothing(Duration::from_secs(1));
    held.pop();
    assert_eq!(late.answer().expect("an answer").status, 200);
}

#[tokio::test]
async fn connections_that_say_nothing_lose_their_place_to_somebody_who_speaks() {
    let broker = installation("connections = 6, connections_per_address = 2, head_seconds = 1").serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    // Silent ever since they came, silent within a request, silent after one: more of each than there are places.
    for start in ["", "GET /healthz HTTP/1.1\r\nHos", &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")] {
        let mut held = Vec::new();
        for number in 2..12 {
            let mut line = Line::from(&format!("127.0.0.{number}"), &url).await;
            line.send(start);
            held.push(line);
        }
        assert_eq!(Line::from("127.0.0.99", &url).await.get("/healthz", &host).status, 200, "after {start:?}");
    }
}

#[tokio::test]
async fn a_proxy_speaks_for_many_and_has_no_share_to_keep_to() {
    let here = installation("connections_per_address = 2");
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.2\"], ");
    let broker = here.serve();
    let (url, host) = (broker.url(), host(&broker.url()));
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut line = Line::from("127.0.0.2", &url).await;
        assert_eq!(line.get("/healthz", &host).status, 200);
        held.push(line);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_limited_for_each_client_and_for_all_and_it_is_said() {
    let stage = Stage::set().await;
    let stage = stage.configured("limits = { requests = 3, requests_per_address = 2 }\n", "");
    let here = stage.on_sqlite();
    here.edit("brokerd.toml", "listen = { ", "listen = { trusted_proxies = [\"127.0.0.1\"], ");
    let broker = here.serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    stage.sim.faults().always(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(6)));
    let at_aws = async |count| {
        soon("so many at AWS", async || (stage.sim.faults().happened() >= count).then_some(())).await;
    };
    let vend = |client: &'static str| {
        let request = door.request(Method::POST, "/v1/connectors/deploy/credentials").bearer_auth(&ada);
        let request = request.header("x-forwarded-for", client).json(&json!({ "fresh": true }));
        tokio::spawn(async move { Door::answer(request.send().await.unwrap()).await.unwrap() })
    };
    let refused = async |client: &str, path: &str| {
        let request = door.request(Method::GET, path).header("x-forwarded-for", client);
        let answer = Door::answer(request.send().await.unwrap()).await.unwrap();
        (answer.status, answer.whole.contains("\"retry-after\": \"1\"") || answer.whole.contains("retry-after"))
    };
    let first = [vend("203.0.113.1"), vend("203.0.113.1")];
    at_aws(2).await;
    assert_eq!(refused("203.0.113.1", "/v1/session").await, (429, true), "the third of one client is refused");
    assert_eq!(refused("203.0.113.2", "/sign-in").await.0, 200, "another client's is not");
    let other = vend("203.0.113.2");
    at_aws(3).await;
    assert_eq!(refused("203.0.113.3", "/v1/session").await, (503, true), "the fourth of all is refused");
    assert_eq!(refused("203.0.113.1", "/healthz").await.0, 200, "that we live is said whatever there is to do");
    for answer in first.into_iter().chain([other]) {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(refused("203.0.113.1", "/sign-in").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_has_so_many_vends_a_minute_by_whatever_route() {
    let stage = Stage::set().await.configured("limits = { vends_per_minute = 4 }\n", "");
    let broker = stage.on_sqlite().serve();
    let door = Door::of(&broker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let cookie = Asker::at(&broker.url()).cookie("ada", stage.password_of("ada")).await;
    let other_session = door.sign_in("ada", stage.password_of("ada")).await;
    let root = door.sign_in("root", stage.password_of("root")).await;
    let credentials = "/v1/connectors/deploy/credentials";
    let console = "/v1/connectors/deploy/console-url";
    let identity = "/v1/connectors/deploy/caller-identity";
    for (method, path, token) in [
        (Method::POST, credentials, &ada),
        (Method::POST, console, &ada),
        (Method::GET, identity, &ada),
        (Method::POST, credentials, &other_session),
    ] {
        let answer = door.ask(method, path, Some(token), None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let asked = || stage.sim.calls().into_iter().map(|call| call.action).collect::<Vec<_>>();
    let vended = asked();
    for (method, path) in [(Method::POST, credentials), (Method::POST, console), (Method::GET, identity)] {
        let answer = door.ask(method, path, Some(&ada), None).await;
        assert_eq!((answer.status, answer.text("code").as_str()), (429, "rate_limited"), "{path}");
        assert!(answer.whole.contains("retry-after"), "{path}: {}", answer.whole);
    }
    let page = door.request(Method::GET, "/console/deploy").header("cookie", cookie);
    let page = page.header("sec-fetch-site", "none").send().await.unwrap();
    assert_eq!(page.status(), 429, "the page that leads on counts as well");
    assert_eq!(asked(), vended, "AWS hears nothing of it");
    assert_eq!(door.ask(Method::GET, "/v1/connectors", Some(&ada), None).await.status, 200, "looking is free");
    assert_eq!(door.ask(Method::POST, credentials, Some(&root), None).await.status, 200, "others have theirs");
    let trail = tests::world::trail(&broker.stop());
    let refused = trail.iter().filter(|record| record["action"] == "vend" && record["outcome"] == "refused");
    let reasons: Vec<_> = refused.map(|record| (&record["actor"], record["reason"].as_str().unwrap())).collect();
    let early = "you have had as much vended as one may in a minute";
    assert_eq!(reasons, [(&serde_json::json!("person:corp/ada"), early); 4], "and the trail says so");
}
