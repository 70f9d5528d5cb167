//! What is promised of every route of the API, asked of every route that the document has.

use reqwest::Method;
use serde_json::Value;
use tests::world::{Answer, World};

/// The programs' operations: method, pattern, and the pattern filled in with what is there.
fn operations(document: &Value) -> Vec<(Method, String, String)> {
    let mut all = Vec::new();
    for (pattern, item) in document["paths"].as_object().unwrap() {
        let name = match pattern.split('/').nth(3) {
            Some("access-keys") => "main",
            Some("directories") => "corp",
            _ => "deploy",
        };
        let path = pattern.replace("{name}", name).replace("{id}", "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d");
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_uppercase().parse().unwrap(), pattern.clone(), path.clone()));
        }
    }
    all.retain(|(_, pattern, _)| pattern.starts_with("/v1/") && !OF_AWS.contains(&pattern.as_str()));
    assert!(all.len() > 25, "{all:?}");
    all
}

#[tokio::test]
async fn a_parameter_that_a_route_does_not_know_is_named_and_nothing_is_done() {
    let world = World::open().await;
    let root = world.person("root").await;
    let document = root.get("/openapi.json").await.good();
    for (method, pattern, path) in operations(&document) {
        let answer = Answer::of(root.request(method.clone(), &format!("{path}?surprise=1"))).await;
        let problem = answer.problem("400 invalid_request");
        assert_eq!(problem["field"], "surprise", "{method} {pattern}: {problem}");
    }
    // Another one than the one that is wrong is not blamed.
    let problem = root.post("/v1/connectors/deploy/credentials?format=xml", &serde_json::json!({})).await;
    assert_eq!(problem.problem("400 invalid_request")["field"], "format");
    assert!(!world.trail().iter().any(|record| record["action"] != "sign_in" && record["actor"] != "brokerd"));
    root.get("/v1/session").await.good();
}

#[tokio::test]
async fn heads_are_as_gets_are_and_other_methods_are_told_which_there_are() {
    let world = World::open().await;
    let root = world.person("root").await;
    let document = root.get("/openapi.json").await.good();
    for (method, pattern, path) in operations(&document) {
        if method == Method::GET {
            let (get, head) = (root.get(&path).await, Answer::of(root.request(Method::HEAD, &path)).await);
            assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{pattern}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{pattern}");
            assert!(head.header("x-request-id").is_some(), "{pattern}");
        }
        let options = root.request(Method::OPTIONS, &path).header("origin", "https://evil.example");
        let options = Answer::of(options.header("access-control-request-method", method.as_str())).await;
        options.problem("405 method_not_allowed");
        assert!(options.header("allow").unwrap().contains(method.as_str()), "{pattern}");
        assert!(!options.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{pattern}");
        root.get(&format!("{path}/")).await.problem("404 not_found");
    }
    // Nor does a HEAD open what a GET would not.
    let stranger = Answer::of(world.stranger().request(Method::HEAD, "/v1/session")).await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn an_error_is_the_same_json_whatever_format_was_asked_for() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for format in ["json", "process", "env"] {
        let path = format!("/v1/connectors/closed/credentials?format={format}");
        let problem = ada.post(&path, &serde_json::json!({})).await.problem("502 aws_refused");
        assert_eq!(problem["aws"]["code"], "AccessDenied", "{format}");
    }
}

/// Those are AWS's: its clients say and read what AWS does.
const OF_AWS: [&str; 3] = ["/v1/authorize", "/v1/sessions/confirmation", "/v1/token"];
