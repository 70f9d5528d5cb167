//! What people change about their own second factors, and what an administrator may about those of others.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tests::world::{Answer, World, password_of};

use crate::timed::Timed;

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticator_counts_once_it_has_shown_a_right_code_and_only_once() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    let begun = ada.post("/v1/account/enrolments", &json!({})).await.good();
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/127.0.0.1:ada?secret="), "{uri}");
    let body = |otp: &str, label: &str| json!({ "enrolment": begun["enrolment"], "otp": otp, "label": label });
    for (body, field) in [
        (body("000000", "phone"), "otp"),
        (body("rubbish", "phone"), "otp"),
        (body("000000", ""), "label"),
        (json!({ "enrolment": "rubbish", "otp": "000000", "label": "phone" }), "enrolment"),
    ] {
        let problem = ada.post("/v1/account/second-factors", &body).await.problem("400 invalid_request");
        assert_eq!(problem["field"], field, "{problem}");
    }
    assert_eq!(ada.get("/v1/account/second-factors").await.good()["items"], json!([]));
    let eve = timed.world.person("eve").await;
    let stolen = eve.post("/v1/account/second-factors", &body("000000", "phone")).await.problem("400 invalid_request");
    assert_eq!(stolen["field"], "enrolment");

    let phone = timed.enrol(&ada).await;
    let listed = ada.get("/v1/account/second-factors").await.good();
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["kind"]), (&phone.id, &json!("totp")), "{listed}");
    assert_eq!((&listed["recovery_codes_left"], &listed["damaged"]), (&json!(10), &json!(0)));
    assert!(!listed.to_string().contains(&phone.secret()));
    let path = format!("/v1/account/second-factors/{}", phone.id.as_str().unwrap());
    assert_eq!(ada.put(&path, &json!({ "label": "blue phone" })).await.good()["label"], "blue phone");
    eve.put(&path, &json!({ "label": "mine" })).await.problem("404 not_found");

    let again = ada.post("/v1/account/recovery-codes", &json!({})).await.good();
    let codes = again["recovery_codes"].as_array().unwrap();
    assert!(codes.len() == 10 && !codes.contains(&json!(phone.recovery_codes[0])), "{again}");
    let old = json!({ "username": "ada", "password": password_of("ada"), "otp": phone.recovery_codes[0] });
    timed.world.stranger().sign_in(&old).await.problem("401 invalid_credentials");

    let gone = ada.delete(&path).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(ada.get("/v1/account/second-factors").await.good()["recovery_codes_left"], 0);
    timed.world.person("ada").await;
    let records = timed.world.trail();
    let actions: Vec<&str> = records.iter().map(|record| record["action"].as_str().unwrap()).collect();
    for action in ["second_factor_added", "second_factor_changed", "recovery_codes_made", "second_factor_removed"] {
        assert_eq!(actions.iter().filter(|it| **it == action).count(), 1, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_resets_somebody_elses_and_never_their_own() {
    let timed = Timed::open().await;
    let (ada, root) = (timed.world.person("ada").await, timed.world.person("root").await);
    let otto = timed.world.person("otto").await;
    timed.enrol(&ada).await;
    timed.enrol(&root).await;
    let records = timed.world.trail();
    let id_of = |name: &str| {
        let of = |record: &&serde_json::Value| record["actor"] == format!("person:corp/{name}");
        records.iter().find(of).unwrap()["actor_id"].as_str().unwrap().to_owned()
    };
    let (of_ada, of_root) = (
        format!("/v1/admin/second-factors/corp/{}", id_of("ada")),
        format!("/v1/admin/second-factors/corp/{}", id_of("root")),
    );
    ada.delete(&of_root).await.problem("403 forbidden");
    otto.delete(&of_ada).await.problem("403 forbidden");
    root.delete(&of_root).await.problem("403 forbidden");
    root.delete("/v1/admin/second-factors/corp/nobody").await.problem("404 not_found");
    root.delete("/v1/admin/second-factors/no%20where/x").await.problem("404 not_found");
    let reset = root.delete(&of_ada).await;
    assert_eq!(reset.status, 204, "{}", reset.text);
    ada.get("/v1/session").await.problem("401 unauthenticated");
    let ada = timed.world.person("ada").await;
    assert_eq!(ada.get("/v1/account/second-factors").await.good()["recovery_codes_left"], 0);
    let record = timed.world.trail().into_iter().find(|record| record["action"] == "second_factors_reset").unwrap();
    assert_eq!(
        (&record["actor"], &record["about"]),
        (&json!("person:corp/root"), &json!(format!("corp/{}", id_of("ada"))))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_and_no_service_token_has_an_account() {
    let world = World::open().await;
    let root = world.person("root").await;
    let ends = (tests::world::now() + SignedDuration::from_hours(1)).to_string();
    let made = root
        .post("/v1/admin/service-tokens", &json!({ "name": "job", "connectors": ["ci"], "expires_at": ends }))
        .await;
    let job = world.stranger().with_token(made.json()["token"].as_str().unwrap());
    for (method, path) in [(Method::GET, "/v1/account/second-factors"), (Method::POST, "/v1/account/enrolments")] {
        Answer::of(job.request(method, path)).await.problem("403 forbidden");
    }
    world.stranger().get("/v1/account/second-factors").await.problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_begins_what_they_have_no_room_for() {
    let timed = Timed::open().await;
    let ada = timed.world.person("ada").await;
    for _ in 0..10 {
        timed.enrol(&ada).await;
    }
    let full = ada.post("/v1/account/enrolments", &json!({})).await.problem("409 conflict");
    assert!(full["detail"].as_str().unwrap().contains("you have 10 second factors"), "{full}");
}
