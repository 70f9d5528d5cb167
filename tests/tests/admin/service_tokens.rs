//! Tokens for jobs, made and taken away through the front door.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, now};

/// Something that is changed in a good body.
type Change = fn(&mut Value);

on_both_engines! {
    async fn a_token_is_shown_once_works_and_names_its_maker(world: World) {
        let otto = world.person("otto").await;
        let wanted = json!({ "name": "nightly", "connectors": ["ci"], "networks": ["127.0.0.0/8", "::1"] });
        let answer = otto.post("/v1/admin/service-tokens", &wanted).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{}", answer.text);
        let made = answer.json();
        let token = made["token"].as_str().unwrap();
        assert!(token.starts_with("bkt_"));
        assert_eq!((&made["created_by"], &made["connectors"]), (&json!("person:corp/otto"), &json!(["ci"])));
        assert_eq!(made["networks"], json!(["127.0.0.0/8", "::1/128"]));
        let job = world.stranger().with_token(token);
        job.vended("ci", &json!({})).await;
        job.vend("ci-other", &json!({})).await.problem("404 not_found");

        let list = world.person("vera").await.get("/v1/admin/service-tokens").await;
        assert!(!list.text.contains(token) && !list.text.contains("bkt_"), "{}", list.text);
        let listed = &list.good()["items"][0];
        assert_eq!((&listed["id"], &listed["created_by"]), (&made["id"], &json!("person:corp/otto")));
        let records = world.trail();
        let of_otto = &records.iter().find(|record| record["action"] == "service_token_created").unwrap()["actor_id"];
        assert!(of_otto.is_string());
        assert_eq!((&made["created_by_id"], &listed["created_by_id"]), (of_otto, of_otto), "whoever is called otto later");

        let path = format!("/v1/admin/service-tokens/{}", made["id"].as_str().unwrap());
        otto.post(&format!("{path}/confirm"), &json!({})).await.problem("403 forbidden");
        let root = world.person("root").await;
        assert_eq!(root.post(&format!("{path}/confirm"), &json!({})).await.status, 204, "nothing waits");
        let revoked_if = async |tag: &str| {
            Answer::of(otto.request(Method::DELETE, &path).header("if-match", tag)).await
        };
        revoked_if("\"another.1\"").await.problem("412 precondition_failed");
        assert_eq!(revoked_if(answer.header("etag").unwrap()).await.status, 204);
        job.get("/v1/session").await.problem("401 unauthenticated");
        otto.delete(&path).await.problem("404 not_found");
        let done = |it: &Value| it["actor"] == "person:corp/otto" && it["outcome"] != "refused";
        let actions: Vec<Value> = world.trail().into_iter().filter(done).collect();
        let actions: Vec<&str> = actions.iter().map(|it| it["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["sign_in", "service_token_created", "service_token_revoked"]);
    }
}

#[tokio::test]
async fn what_cannot_be_a_token_is_refused_by_the_field() {
    let world = World::open().await;
    let otto = world.person("otto").await;
    let make = async |change: Change| {
        let mut body = json!({ "name": "nightly", "connectors": ["ci"] });
        change(&mut body);
        otto.post("/v1/admin/service-tokens", &body).await
    };
    let refusals: [(Change, &str); 9] = [
        (|body| body["name"] = json!("Not A Name"), "name"),
        (|body| body["connectors"] = json!([]), "connectors"),
        (|body| body["connectors"] = json!(["ci", "No Name"]), "connectors[1]"),
        (|body| body["connectors"] = json!(["none"]), "connectors"),
        (|body| body["connectors"] = json!(["deploy"]), "connectors"),
        (|body| body["networks"] = json!(["everywhere"]), "networks[0]"),
        (|body| body["expires_at"] = json!("2020-01-01T00:00:00Z"), "expires_at"),
        (|body| body["expires_at"] = json!("soon"), "expires_at"),
        (|body| body["token"] = json!("bkt_mine"), "token"),
    ];
    for (change, field) in refusals {
        let problem = make(change).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{problem}");
    }
    let far = broker_core::clock::after(now(), 366 * 86_400).to_string();
    let body = json!({ "name": "nightly", "connectors": ["ci"], "expires_at": far });
    assert_eq!(
        otto.post("/v1/admin/service-tokens", &body).await.problem("400 invalid_request")["field"],
        "expires_at"
    );
    assert_eq!(make(|_| ()).await.status, 201);
    make(|_| ()).await.problem("409 conflict");
}
