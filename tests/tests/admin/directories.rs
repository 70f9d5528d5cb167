//! Directories tested by an administrator: what they have of somebody, what that is good for, and whether a password is right.

use serde_json::{Value, json};
use tests::world::{Asker, World, password_of};

async fn test(root: &Asker, body: &Value) -> Value {
    let answer = root.post("/v1/admin/directories/corp/test", body).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.good()
}

#[tokio::test]
async fn what_the_directory_returned_and_what_it_is_good_for() {
    let world = World::open().await;
    let root = world.person("root").await;
    let ada = test(&root, &json!({ "username": "ADA" })).await;
    assert_eq!(ada["found"], "one");
    assert_eq!(ada["attributes"]["email"], json!(["ada@corp.example"]));
    assert_eq!((&ada["username"], &ada["id"]), (&json!("ada"), &json!("ada")));
    assert_eq!((&ada["groups"], &ada["role"]), (&json!(["corp/release"]), &Value::Null));
    let grants = ada["grants"].as_array().unwrap();
    assert!(grants.contains(&json!({ "connector": "deploy", "groups": ["corp/release"] })), "{grants:?}");
    assert!(ada.get("password").is_none() && ada.get("refusal").is_none(), "{ada}");
    // The very connectors that she sees herself.
    let seen = world.person("ada").await.get("/v1/connectors").await.good()["connectors"].clone();
    let names = |list: &[Value], field: &str| {
        list.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(names(grants, "connector"), names(seen.as_array().unwrap(), "name"));

    let boss = test(&root, &json!({ "username": "root" })).await;
    assert_eq!(boss["role"], "administrator");
    let of_vault = json!({ "connector": "vault", "groups": [] });
    assert!(boss["grants"].as_array().unwrap().contains(&of_vault), "{boss}");
    let dora = test(&root, &json!({ "username": "dora", "password": password_of("dora") })).await;
    assert!(dora["refusal"].as_str().unwrap().contains("disabled"), "{dora}");
    assert_eq!(dora["password"]["outcome"], "refused");
    let nobody = test(&root, &json!({ "username": "nobody" })).await;
    assert_eq!((&nobody["found"], &nobody["attributes"]), (&json!("none"), &json!({})));
    root.post("/v1/admin/directories/nowhere/test", &json!({ "username": "ada" })).await.problem("404 not_found");
    for bad in ["", " ", "a\u{0}", "a\nb", &"x".repeat(257)] {
        let problem = root.post("/v1/admin/directories/corp/test", &json!({ "username": bad })).await;
        assert_eq!(problem.problem("400 invalid_request")["field"], "username", "{bad:?}");
    }
}

#[tokio::test]
async fn a_password_is_tried_and_the_trail_has_who_asked_about_whom_and_not_the_password() {
    let world = World::open().await;
    let root = world.person("root").await;
    let right = test(&root, &json!({ "username": "ada", "password": password_of("ada") })).await;
    assert_eq!(right["password"], json!({ "outcome": "accepted" }));
    let wrong = test(&root, &json!({ "username": "ada", "password": "a guess of root's" })).await;
    assert_eq!(wrong["password"], json!({ "outcome": "refused", "reason": "wrong password" }));
    let empty = test(&root, &json!({ "username": "ada", "password": "" })).await;
    assert_eq!(empty["password"]["outcome"], "refused");
    let records: Vec<Value> =
        world.trail().into_iter().filter(|record| record["action"] == "directory_tested").collect();
    assert_eq!(records.len(), 3);
    for (record, password) in records.iter().zip(["accepted", "refused", "refused"]) {
        assert_eq!((&record["actor"], &record["about"]), (&json!("person:corp/root"), &json!("corp/ada")));
        assert_eq!(record["changes"], json!({ "directory": "corp", "found": "one", "password": password }));
    }
    let all = format!("{:?}{}", world.trail(), world.brokerd.log());
    assert!(!all.contains("a guess of root's"));
    // Nobody was signed in by it.
    let sessions = root.get("/v1/admin/sessions").await.good();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    // Whatever is wrong with the body, nothing of it is repeated.
    let body = json!({ "username": "ada", "password": { "env": "a guess of root's" } });
    let problem = root.post("/v1/admin/directories/corp/test", &body).await.problem("400 invalid_request");
    assert!(!problem.to_string().contains("guess"), "{problem}");
}

#[tokio::test]
async fn guesses_are_counted_with_those_at_the_front_door() {
    let world = World::open().await;
    let (root, stranger) = (world.person("root").await, world.stranger());
    for _ in 0..3 {
        let guess = json!({ "username": "ada", "password": "guess" });
        assert_eq!(test(&root, &guess).await["password"]["outcome"], "refused");
        stranger.sign_in(&guess).await;
    }
    // Not even the right one is tried now, and nothing tells whether it is.
    let right = json!({ "username": "ada", "password": password_of("ada") });
    let late = root.post("/v1/admin/directories/corp/test", &right).await;
    late.problem("429 too_many_attempts");
    assert!(late.header("retry-after").is_some());
    stranger.sign_in(&right).await.problem("429 too_many_attempts");
    let record = world.trail().into_iter().rfind(|record| record["action"] == "directory_tested").unwrap();
    assert_eq!(record["outcome"], "refused");
    // What needs no password is told all the same.
    assert_eq!(test(&root, &json!({ "username": "ada" })).await["found"], "one");
}

#[tokio::test]
async fn a_right_password_takes_no_guess_back_and_makes_nobody_at_home() {
    let world = World::open().await;
    let (root, stranger) = (world.person("root").await, world.stranger());
    let (guess, right) = (
        json!({ "username": "ada", "password": "guess" }),
        json!({ "username": "ada", "password": password_of("ada") }),
    );
    for _ in 0..3 {
        stranger.sign_in(&guess).await.problem("401 invalid_credentials");
    }
    assert_eq!(test(&root, &right).await["password"]["outcome"], "accepted");
    // Seven are four seconds to wait, and four none.
    let mut more = 0;
    while more < 4 {
        more += usize::from(stranger.sign_in(&guess).await.status == 401);
    }
    stranger.sign_in(&right).await.problem("429 too_many_attempts");
}
