//! What is no good request: each gets a problem that says why, and nothing of it reaches AWS.

use reqwest::Method;
use serde_json::json;
use tests::world::{Answer, Asker, World};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_must_not_hold_is_named() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (body, field) in [
        (json!({ "otp": "123456" }), "otp"),
        (json!({ "polcy": {} }), "polcy"),
        (json!({ "duration": 3_600 }), "duration"),
        (json!({ "fresh": "yes" }), "fresh"),
        (json!({ "reason": 7 }), "reason"),
        (json!({ "reason": "two\nlines" }), "reason"),
        (json!({ "reason": "x".repeat(501) }), "reason"),
    ] {
        assert_eq!(ada.vend("deploy", &body).await.problem("400 invalid_request")["field"], field, "{body}");
    }
    for body in [json!({ "destnation": "x" }), json!({ "duration_seconds": 900 })] {
        let problem = ada.post("/v1/connectors/deploy/console-url", &body).await.problem("400 invalid_request");
        assert_eq!(problem["field"].as_str(), body.as_object().unwrap().keys().next().map(String::as_str));
    }
    let unknown = ada.post("/v1/connectors/deploy/credentials?formt=env", &json!({})).await;
    unknown.problem("400 invalid_request");
    assert_eq!(world.sim.calls().iter().filter(|call| call.action != "GetCallerIdentity").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_json_of_a_modest_size_or_empty() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let send = async |content_type: Option<&str>, body: Vec<u8>| {
        let mut request = ada.request(Method::POST, "/v1/connectors/deploy/credentials").body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Answer::of(request).await
    };
    let json = Some("application/json");
    for rubbish in
        ["{", "null", "[]", "[900]", "\"{}\"", "{} x", "\u{0}", "{\"fresh\":true,\"fresh\":false}", "{'fresh':true}"]
    {
        send(json, rubbish.into()).await.problem("400 invalid_request");
    }
    send(json, vec![0xff, 0xfe, b'{', b'}']).await.problem("400 invalid_request");
    send(json, format!("{{\"reason\":{}", "[".repeat(60_000)).into()).await.problem("400 invalid_request");
    send(json, format!("{{\"reason\":\"{}\"}}", "x".repeat(1 << 20)).into()).await.problem("413 too_large");
    send(json, vec![b' '; 64 * 1024 + 1]).await.problem("413 too_large");
    for wrong in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")] {
        send(wrong, b"{}".to_vec()).await.problem("415 unsupported_media_type");
    }
    assert_eq!(world.calls("AssumeRole").len(), 0);

    send(None, Vec::new()).await.good();
    send(json, Vec::new()).await.good();
    send(Some("Application/JSON; charset=utf-8"), b"{}".to_vec()).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_as_well() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = Answer::of(ada.request(method.clone(), "/v1/connectors/deploy/credentials")).await;
        answer.problem("405 method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    Answer::of(ada.request(Method::POST, "/v1/connectors")).await.problem("405 method_not_allowed");
    for path in
        ["/v1", "/v1/", "/v1/credentials", "/v1/connectors/", "/v2/connectors", "/v1/connectors/deploy/credentials/"]
    {
        ada.get(path).await.problem("404 not_found");
    }
    let answer = ada.request(Method::GET, "/v1/session").header("x-request-id", "mine").send().await.unwrap();
    assert_ne!(answer.headers()["x-request-id"], "mine", "a client's own id is logged, never trusted");
    assert!(world.brokerd.log().contains("mine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_unauthenticated_whatever_is_asked() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let good = ada.token.clone().unwrap();
    let mut bad: Vec<String> = vec![
        String::new(),
        "bks_".to_owned(),
        "bkt_".to_owned(),
        "bka_x".to_owned(),
        "x".repeat(8_000),
        good[1..].to_owned(),
        good.to_uppercase(),
        format!("{good}x"),
        good[..good.len() - 1].to_owned(),
        good.replacen("bks_", "bkt_", 1),
        "' OR 1=1 --".to_owned(),
    ];
    bad.push(good.replacen("bks_", "", 1));
    let mut answers = Vec::new();
    for token in bad {
        for path in ["/v1/session", "/v1/connectors/deploy", "/v1/connectors/nowhere"] {
            let answer = world.stranger().with_token(&token).get(path).await;
            answer.problem("401 unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            answers.push(answer.but_for_the_request_id());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "all the same: {answers:?}");
    let with = async |name: &str, value: String| {
        let asked = world.stranger().request(Method::GET, "/v1/session").header(name, value);
        Answer::of(asked).await.status
    };
    assert_eq!(with("authorization", format!("Basic {good}")).await, 401);
    assert_eq!(with("authorization", format!("Bearer {good}, Bearer {good}")).await, 401);
    assert_eq!(with("x-api-key", good.clone()).await, 401);
    assert_eq!(with("authorization", format!("bearer {good}")).await, 200, "the scheme's case does not count");
    world.stranger().vend("deploy", &json!({})).await.problem("401 unauthenticated");
    assert_eq!(world.stranger().get(&format!("/v1/session?access_token={good}")).await.status, 401);
    assert!(!world.brokerd.log().contains(&good), "no token stands in the log");
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_tell_a_connector_that_is_not_granted_from_one_that_is_not_there() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (hidden, why) in [
        ("treasury", "none of the person's groups is granted this connector"),
        ("vault", "none of the person's groups is granted this connector"),
        ("ci", "a system connector is not for people"),
    ] {
        for [there, missing] in
            all_routes(&ada, hidden).await.into_iter().zip(all_routes(&ada, "nowhere").await).map(<[_; 2]>::from)
        {
            there.problem("404 not_found");
            assert_eq!(there.but_for_the_request_id(), missing.but_for_the_request_id(), "{hidden}");
        }
        let records = world.trail();
        let reasons: Vec<&str> =
            records.iter().filter(|it| it["connector"] == hidden).filter_map(|it| it["reason"].as_str()).collect();
        assert_eq!(reasons, [why; 4], "but the trail can");
    }
    ada.vend("Deploy", &json!({})).await.problem("404 not_found");
    ada.vend("..%2f..%2fetc", &json!({})).await.problem("404 not_found");
    ada.vend("%00", &json!({})).await.problem("404 not_found");
    ada.vend("%ff", &json!({})).await.problem("404 not_found");
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

async fn all_routes(asker: &Asker, connector: &str) -> Vec<Answer> {
    let path = format!("/v1/connectors/{connector}");
    vec![
        asker.get(&path).await,
        asker.vend(connector, &json!({})).await,
        asker.vend(connector, &json!({ "duration_seconds": 1 })).await,
        asker.get(&format!("{path}/caller-identity")).await,
        asker.post(&format!("{path}/console-url"), &json!({})).await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_is_as_guarded_as_any_answer_and_names_the_methods_that_are_taken() {
    let world = World::open().await;
    let stranger = world.stranger();
    let refused = stranger.get("/v1/session").await;
    assert_eq!(refused.status, 401);
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(refused.header(name), Some(value), "{name}");
    }
    let method = stranger.delete("/v1/sessions").await;
    assert_eq!((method.status, method.header("allow")), (405, Some("POST")));
}
