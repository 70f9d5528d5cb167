//! What becomes of people: wrong, unknown, inactive, expired; and removed, renamed, or out of a group while they are signed in.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use serde_json::json;
use tests::crowd::{Crowd, Deed, Shape};
use tests::world::{Asker, MFA_CODES, MFA_SERIAL, World, soon};

use crate::{Scene, installation};

/// Who signed in is read again after a second.
const STRICT: &str = "sessions = { recheck_seconds = 1 }";

async fn strict() -> Scene {
    Scene::before(Crowd::start().await, STRICT, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_are_not_let_in_hear_the_same_and_the_trail_knows_why() {
    let scene = Scene::set("").await;
    scene.crowd.change("bob", |bob| bob.expired = true);
    let told = [
        scene.tries("ada", "a guess").await,
        scene.tries("nobody", "ada secret").await,
        scene.tries("dora", "dora secret").await,
        scene.tries("bob", "bob secret").await,
        scene.tries("bob", "a guess").await,
    ];
    for answer in &told {
        answer.problem("401 invalid_credentials");
        assert_eq!(answer.but_for_the_request_id(), told[0].but_for_the_request_id());
    }
    let reasons = scene.so_many_reasons(told.len()).await;
    for (reason, why) in reasons.iter().zip(["wrong password", "no directory", "disabled", "expired", "expired"]) {
        assert!(reason.contains(why), "{why}: {reasons:?}");
    }
    assert_eq!(reasons.len(), told.len());
    // Each costs Crowd a look and a try, whoever it is.
    let tries = scene.crowd.asked().into_iter().filter(|asked| asked.starts_with("POST authentication")).count();
    assert_eq!(tries, told.len(), "{:?}", scene.crowd.asked());
    assert!(!format!("{:?}", scene.crowd.asked()).contains("POST authentication username=nobody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_switched_off_lets_nobody_in_though_its_password_is_found_right() {
    let scene = Scene::set("").await;
    // Not every directory behind Crowd looks at that; and it may be so since she was found.
    let cases = [("dora", false, true), ("dora", false, false), ("ada", true, false)];
    for (before, (name, when_found, when_proved)) in cases.into_iter().enumerate() {
        let key = format!("32769:{name}-0000");
        scene.crowd.does("user", Deed::Answers(Shape::user(name, Some(&key), when_found)));
        scene.crowd.does("authentication", Deed::Answers(Shape::user(name, Some(&key), when_proved)));
        scene.tries(name, &format!("{name} secret")).await.problem("401 invalid_credentials");
        let reasons = scene.so_many_reasons(before + 1).await;
        assert!(reasons.last().unwrap().contains("disabled"), "{name} {when_found} {when_proved}: {reasons:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_is_out_by_the_next_look() {
    let scene = strict().await;
    let (ada, bob) = (scene.person("ada").await, scene.person("bob").await);
    ada.vended("deploy", &json!({})).await;
    scene.crowd.removes("ada");
    scene.crowd.change("bob", |bob| bob.active = false);
    for gone in [&ada, &bob] {
        let answer = soon("the end of the bound", async || {
            let answer = gone.vend("deploy", &json!({})).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        answer.problem("403 account_disabled");
        gone.get("/v1/session").await.problem("401 unauthenticated");
    }
    assert!(
        scene.crowd.asked().iter().any(|asked| asked == "GET user key=32769:ada-0000"),
        "{:?}",
        scene.crowd.asked()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_lost_opens_nothing_after_the_bound() {
    let scene = strict().await;
    let ada = scene.person("ada").await;
    ada.vended("deploy", &json!({})).await;
    scene.crowd.change("ada", |ada| ada.groups = vec!["others".to_owned()]);
    let answer = soon("the end of the bound", async || {
        let answer = ada.vend("deploy", &json!({})).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    answer.problem("404 not_found");
    assert_eq!(ada.get("/v1/session").await.good()["identity"]["groups"], json!(["corp/others"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_stays_who_they_are_and_whoever_gets_the_old_name_is_another() {
    let scene = strict().await;
    let ada = scene.person("ada").await;
    scene.crowd.change("ada", |ada| "ada.lovelace".clone_into(&mut ada.name));
    scene.crowd.knows({
        let mut other = tests::crowd::Account::new("ada", &[]);
        other.key = Some("32769:another".to_owned());
        other
    });
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let identity = ada.get("/v1/session").await.good()["identity"].clone();
    assert_eq!((&identity["name"], &identity["groups"]), (&json!("ada.lovelace"), &json!(["corp/staff"])));
    let other = scene.person("ada").await;
    assert_eq!(other.get("/v1/session").await.good()["identity"]["groups"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_while_aws_looks_at_their_code_gets_nothing_under_the_old_name() {
    let (crowd, sim) = (Crowd::start().await, World::prepare().await.sim);
    let here = installation(&sim, STRICT, &crowd.configured(""));
    let text = here.read("connectors.toml");
    here.write("connectors.toml", &format!("{text}mfa_serial = \"{MFA_SERIAL}\"\n"));
    let brokerd = here.serve();
    let ada = Asker::at(&brokerd.url()).signed_in_with("ada", "ada secret").await;
    sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_millis(1_500)));
    let asking = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.vend("deploy", &json!({ "mfa_code": MFA_CODES[0] })).await })
    };
    soon("the call", async || (sim.faults().pending() == 0).then_some(())).await;
    crowd.change("ada", |ada| "ada.lovelace".clone_into(&mut ada.name));
    asking.await.unwrap().problem("503 overloaded");
    let vended = ada.vended("deploy", &json!({ "mfa_code": MFA_CODES[1] })).await;
    assert!(vended["arn"].as_str().unwrap().ends_with("/ada.lovelace"), "{vended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_what_crowd_has_of_somebody() {
    let crowd = Crowd::start().await;
    let scene = Scene::before(crowd, "admin_groups = [\"corp/staff\"]", "").await;
    let ada = scene.person("ada").await;
    let ask = async |name: &str| ada.post("/v1/admin/directories/corp/test", &json!({ "username": name })).await.good();
    let dora = ask("dora").await;
    assert_eq!((&dora["found"], &dora["attributes"]["active"]), (&json!("one"), &json!(["false"])), "{dora}");
    assert!(dora["refusal"].as_str().unwrap().contains("disabled"), "{dora}");
    assert_eq!(dora["attributes"]["key"], json!(["32769:dora-0000"]));
    assert_eq!(ask("nobody").await["found"], "none");
}
