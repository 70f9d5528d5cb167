//! Who may ask for what: roles, the age of a sign-in, cookies, and tokens that are not for this.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World, password_of, soon};

/// Every route, and the least that somebody must be. None of the things that they name is there.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/v1/admin/audit", "auditor"),
    ("GET", "/v1/admin/access-keys", "auditor"),
    ("POST", "/v1/admin/access-keys", "administrator"),
    ("GET", "/v1/admin/access-keys/none", "auditor"),
    ("PUT", "/v1/admin/access-keys/none", "administrator"),
    ("DELETE", "/v1/admin/access-keys/none", "administrator"),
    ("GET", "/v1/admin/connectors", "auditor"),
    ("POST", "/v1/admin/connectors", "administrator"),
    ("PUT", "/v1/admin/connectors/none", "administrator"),
    ("POST", "/v1/admin/connectors/none/try", "administrator"),
    ("POST", "/v1/admin/directories/none/test", "administrator"),
    ("GET", "/v1/admin/service-tokens", "auditor"),
    ("POST", "/v1/admin/service-tokens", "operator"),
    ("DELETE", "/v1/admin/service-tokens/0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d", "operator"),
    ("POST", "/v1/admin/service-tokens/0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d/confirm", "administrator"),
    ("GET", "/v1/admin/connectors/none", "auditor"),
    ("DELETE", "/v1/admin/connectors/none", "administrator"),
    ("GET", "/v1/admin/users", "auditor"),
    ("POST", "/v1/admin/users", "operator"),
    ("GET", "/v1/admin/users/none", "auditor"),
    ("PUT", "/v1/admin/users/none", "operator"),
    ("DELETE", "/v1/admin/users/none", "operator"),
    ("PUT", "/v1/admin/users/none/password", "operator"),
    ("GET", "/v1/admin/groups", "auditor"),
    ("POST", "/v1/admin/groups", "operator"),
    ("GET", "/v1/admin/groups/none", "auditor"),
    ("PUT", "/v1/admin/groups/none", "operator"),
    ("DELETE", "/v1/admin/groups/none", "operator"),
    ("GET", "/v1/admin/sessions", "auditor"),
    ("DELETE", "/v1/admin/sessions/0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d", "operator"),
];

#[tokio::test]
async fn each_role_reaches_its_routes_and_no_others() {
    let world = World::open().await;
    let made = world.run(&["token", "create", "job", "--connector", "ci"], "").succeeded();
    let people = [("bob", 0), ("ada", 0), ("vera", 1), ("otto", 2), ("root", 3)];
    let mut askers = Vec::new();
    for (username, rank) in people {
        askers.push((world.person(username).await, rank));
    }
    let job = world.stranger().with_token(made.trim());
    for (method, path, needed) in ROUTES {
        let needed = ["auditor", "operator", "administrator"].iter().position(|role| role == needed).unwrap() + 1;
        ask(&world.stranger(), method, path).await.problem("401 unauthenticated");
        ask(&job, method, path).await.problem("403 forbidden");
        for (asker, rank) in &askers {
            let answer = ask(asker, method, path).await;
            if *rank >= needed {
                assert!(![401, 403, 405].contains(&answer.status), "{method} {path} {rank}: {}", answer.text);
            } else {
                let detail = answer.problem("403 forbidden")["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains("needs the role of"), "{method} {path} {rank}: {detail}");
            }
        }
    }
    let refused = soon("refusals in the trail", async || {
        let mut records = world.trail();
        records.retain(|record| record["action"] == "administration_refused");
        (!records.is_empty()).then_some(records)
    })
    .await;
    let first = &refused[0];
    assert_eq!((&first["actor"], &first["outcome"]), (&json!("person:corp/bob"), &json!("refused")));
    let reason = first["reason"].as_str().unwrap();
    assert!(reason.starts_with("GET /v1/admin/audit: this needs the role of auditor"), "{reason}");
}

#[tokio::test]
async fn what_people_are_told_of_their_role() {
    let world = World::open().await;
    for (username, role, admin) in [
        ("bob", Value::Null, false),
        ("vera", json!("auditor"), false),
        ("otto", json!("operator"), false),
        ("root", json!("administrator"), true),
    ] {
        let identity = world.person(username).await.get("/v1/session").await.good()["identity"].clone();
        assert_eq!((&identity["role"], &identity["admin"]), (&role, &json!(admin)), "{username}");
    }
}

#[tokio::test]
async fn a_browser_must_show_that_our_own_page_asks() {
    let world = World::open().await;
    let (cookie, url) = (world.stranger().cookie("root", &password_of("root")).await, world.brokerd.url());
    for (method, path, _) in ROUTES {
        let method: Method = method.parse().unwrap();
        let by_cookie = || {
            let request = world.stranger().request(method.clone(), path);
            request.header("cookie", &cookie)
        };
        Answer::of(by_cookie()).await.problem("403 forbidden");
        Answer::of(by_cookie().header("origin", "https://evil.example")).await.problem("403 forbidden");
        let answer = Answer::of(by_cookie().header("origin", &url)).await;
        if method == Method::GET {
            assert!([200, 404].contains(&answer.status), "{method} {path}: {}", answer.text);
        } else {
            let detail = answer.problem("403 forbidden")["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("CSRF"), "{method} {path}: {detail}");
        }
    }
}

async fn ask(asker: &Asker, method: &str, path: &str) -> Answer {
    Answer::of(asker.request(method.parse().unwrap(), path)).await
}
