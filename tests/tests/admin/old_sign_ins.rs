//! Whoever signed in a quarter of an hour ago changes nothing until they have signed in again, and may look all the while.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::wall_clock::WallClock;
use tests::world::{ACCOUNT, Answer, Asker, SECOND, SECOND_SECRET, World};

/// A world whose clock can be set.
async fn world() -> (World, WallClock) {
    let clock = WallClock::new();
    (World::prepare().await.serve_by(&clock), clock)
}

/// Every route that wants a sign-in of the last quarter of an hour, asked by somebody who may: what it names is there, or is no wonder.
async fn changes(asker: &Asker) -> Vec<(&'static str, Answer)> {
    let key =
        json!({ "region": "eu-central-1", "access_key_id": SECOND, "secret_access_key": SECOND_SECRET, "serves": {} });
    let with = |name: &str| {
        let mut named = key.clone();
        named["name"] = json!(name);
        named
    };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/deploy");
    let connector = json!({
        "name": "fresh", "access_key": "spare", "groups": ["release"], "principal": { "assume_role": { "role_arn": role } },
    });
    let none = "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d";
    let user = json!({ "groups": [], "disabled": false, "break_glass": false });
    vec![
        ("POST /v1/admin/access-keys", asker.post("/v1/admin/access-keys?skip_validation=true", &with("spare")).await),
        ("PUT /v1/admin/access-keys/{name}", asker.put("/v1/admin/access-keys/spare?skip_validation=true", &key).await),
        ("POST /v1/admin/connectors", asker.post("/v1/admin/connectors", &connector).await),
        ("PUT /v1/admin/connectors/{name}", asker.put("/v1/admin/connectors/fresh", &connector).await),
        ("POST /v1/admin/connectors/{name}/try", asker.post("/v1/admin/connectors/deploy/try", &json!({})).await),
        (
            "POST /v1/admin/directories/{name}/test",
            asker.post("/v1/admin/directories/corp/test", &json!({ "username": "ada" })).await,
        ),
        ("DELETE /v1/admin/connectors/{name}", asker.delete("/v1/admin/connectors/fresh").await),
        ("DELETE /v1/admin/access-keys/{name}", asker.delete("/v1/admin/access-keys/spare").await),
        (
            "POST /v1/admin/service-tokens",
            asker.post("/v1/admin/service-tokens", &json!({ "name": "job", "connectors": ["ci"] })).await,
        ),
        (
            "POST /v1/admin/service-tokens/{id}/confirm",
            asker.post(&format!("/v1/admin/service-tokens/{none}/confirm"), &json!({})).await,
        ),
        ("DELETE /v1/admin/service-tokens/{id}", asker.delete(&format!("/v1/admin/service-tokens/{none}")).await),
        ("DELETE /v1/admin/sessions/{id}", asker.delete(&format!("/v1/admin/sessions/{none}")).await),
        ("DELETE /v1/admin/sessions", asker.delete("/v1/admin/sessions?directory=corp&person=nobody").await),
        (
            "DELETE /v1/admin/second-factors/{directory}/{id}",
            asker.delete("/v1/admin/second-factors/corp/nobody").await,
        ),
        ("POST /v1/admin/users", asker.post("/v1/admin/users", &json!({ "name": "lena", "password": PASSWORD })).await),
        ("PUT /v1/admin/users/{name}", asker.put("/v1/admin/users/lena", &user).await),
        (
            "PUT /v1/admin/users/{name}/password",
            asker.put("/v1/admin/users/lena/password", &json!({ "password": PASSWORD })).await,
        ),
        ("POST /v1/admin/groups", asker.post("/v1/admin/groups", &json!({ "name": "team" })).await),
        ("PUT /v1/admin/groups/{name}", asker.put("/v1/admin/groups/team", &json!({ "members": ["lena"] })).await),
        ("DELETE /v1/admin/groups/{name}", asker.delete("/v1/admin/groups/team").await),
        ("DELETE /v1/admin/users/{name}", asker.delete("/v1/admin/users/lena").await),
    ]
}

const PASSWORD: &str = "four quite ordinary words";

/// What the document of the API says wants such a sign-in: whatever does more than look, and it says so.
async fn promised(asker: &Asker) -> BTreeSet<String> {
    let document = asker.get("/openapi.json").await.good();
    let mut promised = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            // What is one's own has a story with second factors.
            if path.starts_with("/v1/account/") {
                continue;
            }
            let says_so = operation["description"].as_str().is_some_and(|it| it.contains("less than 15 minutes old"));
            let does_more = path.starts_with("/v1/admin/") && method != "get";
            assert_eq!(says_so, does_more, "{method} {path}");
            if does_more {
                promised.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    promised
}

fn changed(world: &World) -> Vec<Value> {
    let actions = ["access_key_", "connector_", "service_token_", "session_ended", "local_"];
    let by_root = |it: &Value| it["actor"] == "person:corp/root" && it["outcome"] == "success";
    let is_change = |it: &Value| actions.iter().any(|action| it["action"].as_str().unwrap().starts_with(action));
    world.trail().into_iter().filter(|it| by_root(it) && is_change(it)).collect()
}

#[tokio::test]
async fn an_old_sign_in_changes_nothing_until_it_is_made_anew() {
    let (world, clock) = world().await;
    let root = world.person("root").await;
    clock.set(SignedDuration::from_secs(15 * 60));
    let asked = changes(&root).await;
    let routes: BTreeSet<String> = asked.iter().map(|(change, _)| (*change).to_owned()).collect();
    assert_eq!(routes, promised(&root).await, "a route is not asked here, or not promised");
    for (change, answer) in asked {
        let problem = answer.problem("403 forbidden");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("15 minutes") && detail.contains("sign in again"), "{change}: {detail}");
    }
    assert_eq!(changed(&world), Vec::<Value>::new());
    // They are who they were all the while: they look, and they vend.
    for path in ["access-keys", "connectors", "service-tokens", "sessions", "audit"] {
        root.get(&format!("/v1/admin/{path}")).await.good();
    }
    assert_eq!(root.get("/v1/session").await.good()["identity"]["admin"], true);

    let again = root.signed_in("root").await;
    for (change, answer) in changes(&again).await {
        let named_nobody = [
            "POST /v1/admin/service-tokens/{id}/confirm",
            "DELETE /v1/admin/service-tokens/{id}",
            "DELETE /v1/admin/sessions/{id}",
            "DELETE /v1/admin/sessions",
            "DELETE /v1/admin/second-factors/{directory}/{id}",
        ]
        .contains(&change);
        let expected = if named_nobody { [404, 404, 404] } else { [200, 201, 204] };
        assert!(expected.contains(&answer.status), "{change}: {}", answer.text);
    }
    assert_eq!(changed(&world).len(), 15);
    let refused = tests::world::soon("the refusals in the trail", async || {
        let mut records = world.trail();
        records.retain(|it| it["action"] == "administration_refused");
        (!records.is_empty()).then_some(records)
    })
    .await;
    assert_eq!((&refused[0]["actor"], &refused[0]["outcome"]), (&json!("person:corp/root"), &json!("refused")));
    assert!(refused[0]["reason"].as_str().unwrap().contains("15 minutes"), "{refused:?}");
    // The session of before stays as old as it is.
    root.delete("/v1/admin/connectors/fresh").await.problem("403 forbidden");
}

#[tokio::test]
async fn a_sign_in_of_almost_fifteen_minutes_ago_is_young_and_one_of_the_future_is_not() {
    let (world, clock) = world().await;
    let root = world.person("root").await;
    let nobody = "/v1/admin/sessions/0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d";
    clock.set(SignedDuration::from_secs(14 * 60));
    root.delete(nobody).await.problem("404 not_found");
    // How long ago it was is not known when the clock went back.
    clock.set(SignedDuration::from_hours(-1));
    root.delete(nobody).await.problem("403 forbidden");
    root.signed_in("root").await.delete(nobody).await.problem("404 not_found");
}
