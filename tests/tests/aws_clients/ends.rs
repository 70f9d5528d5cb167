//! What ends a client's tokens: its own leaving, an old token that comes back, and whatever ends the session that it came of.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use reqwest::Method;
use serde_json::{Value, json};
use tests::wall_clock::WallClock;
use tests::world::{Answer, World, password_of, soon};

use crate::program::{Program, Tokens, refused};

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_renew_at_once_and_all_go_on() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let (one, two, three) = tokio::join!(
        program.refresh(&tokens.refresh),
        program.refresh(&tokens.refresh),
        program.refresh(&tokens.refresh)
    );
    let renewed = [one, two, three].map(|answer| Tokens::of(&answer));
    for each in &renewed {
        assert_eq!(each.refresh, renewed[0].refresh, "they share the successor");
        assert_ne!(each.refresh, tokens.refresh);
        assert_eq!(program.credentials(&each.access, "deploy").await.status, 200);
    }
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200, "what was given before holds its hour");
    let again = Tokens::of(&program.refresh(&renewed[0].refresh).await);
    assert_eq!(again.refresh, renewed[0].refresh, "a generation a minute");
    let refreshed = of_action(&world, "client_refreshed");
    assert_eq!(refreshed.len(), 4, "each is recorded");
    assert!(refreshed.iter().all(|it| it["actor"] == "person:corp/ada" && it["outcome"] == "success"), "{refreshed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_has_long_been_replaced_ends_the_family() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    let (program, first) = Program::signed_in(&world, "ada").await;
    let (_, untouched) = Program::signed_in(&world, "ada").await;
    let second = Tokens::of(&program.refresh(&first.refresh).await);
    clock.set(jiff::SignedDuration::from_secs(61));
    let third = Tokens::of(&program.refresh(&second.refresh).await);
    refused(&program.refresh(&first.refresh).await, "400 InvalidGrantException");
    refused(&program.refresh(&third.refresh).await, "400 InvalidGrantException");
    for tokens in [&first, &second, &third] {
        refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    }
    assert_eq!(program.credentials(&untouched.access, "deploy").await.status, 200, "another sign-in of hers");
    let ended = of_action(&world, "client_ended");
    assert_eq!((ended.len(), &ended[0]["outcome"]), (1, &json!("refused")));
    by_nobody(&ended[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_for_its_own_client_alone() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let thief = Program::registered(&world).await;
    refused(&thief.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    Tokens::of(&program.refresh(&tokens.refresh).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_tokens_along_and_nothing_else() {
    let world = World::open().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    let (_, other) = Program::signed_in_by(&world, &cookie).await;
    let left = program.logout(&tokens.access).await;
    assert_eq!((left.status, left.text.as_str()), (200, ""));
    refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    refused(&program.logout(&tokens.access).await, "401 UnauthorizedException");
    refused(&program.logout("x").await, "401 UnauthorizedException");
    assert_eq!(program.credentials(&other.access, "deploy").await.status, 200);
    assert_eq!(program.page(&cookie, &program.query()).await.status, 200, "she is still signed in at her browser");
    let ended = of_action(&world, "client_ended");
    assert_eq!((ended.len(), &ended[0]["actor"]), (1, &json!("person:corp/ada")));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_every_client_and_every_code() {
    let world = World::open().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    let code = program.code(&cookie).await;
    // By this way the daemon remembers them from now on.
    program.http.with_token(&tokens.access).vended("deploy", &json!({})).await;
    let home = Answer::of(program.http.request(Method::GET, "/").header("cookie", &cookie)).await;
    let form = program.http.request(Method::POST, "/sign-out").form(&[("csrf", home.field("csrf"))]);
    let out = Answer::of(form.header("cookie", &cookie).header("origin", world.brokerd.url())).await;
    assert_eq!(out.status, 303);
    all_is_over(&program, &tokens, &code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_ends_the_session_ends_its_clients() {
    let world = World::open().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (program, tokens) = Program::signed_in_by(&world, &cookie).await;
    let code = program.code(&cookie).await;
    // By this way the daemon remembers them from now on.
    program.http.with_token(&tokens.access).vended("deploy", &json!({})).await;
    let otto = world.person("otto").await;
    let sessions = otto.get("/v1/admin/sessions").await.good();
    let of_ada = sessions["items"].as_array().unwrap().iter().find(|it| it["identity"]["name"] == "ada").unwrap();
    let ended = otto.delete(&format!("/v1/admin/sessions/{}", of_ada["id"].as_str().unwrap())).await;
    assert_eq!(ended.status, 204, "{}", ended.text);
    all_is_over(&program, &tokens, &code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_and_tokens_outlive_a_restart_and_a_change_of_master_keys() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let World { sim, brokerd } = world;
    let installation = brokerd.stop();
    installation.write("second.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    installation.edit("brokerd.toml", "seals = true", "seals = false");
    let text = installation.read("brokerd.toml");
    let key = "[[master_key]]\nid = \"new\"\nseals = true\nsource = { file = \"second.key\" }\n";
    installation.write("brokerd.toml", &text.replacen("[[master_key]]", &format!("{key}[[master_key]]"), 1));
    installation.run(&["rekey", "--yes"], "").succeeded();
    let text = installation.read("brokerd.toml");
    let old = "[[master_key]]\nid = \"test\"\nseals = false\nsource = { file = \"master.key\" }\n";
    assert!(text.contains(old), "{text}");
    installation.write("brokerd.toml", &text.replace(old, ""));
    let world = World { sim, brokerd: installation.serve() };
    assert_eq!(program.credentials(&tokens.access, "deploy").await.status, 200);
    let renewed = Tokens::of(&program.refresh(&tokens.refresh).await);
    assert_eq!(program.credentials(&renewed.access, "deploy").await.status, 200);
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let code = program.code(&cookie).await;
    Tokens::of(&program.token(&program.redemption(&code)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_aws_is_asked_gets_nothing() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(5)));
    let (waiting, token) = (program.clone(), tokens.access.clone());
    let waiting = tokio::spawn(async move { waiting.credentials(&token, "deploy").await });
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    assert_eq!(program.logout(&tokens.access).await.status, 200);
    let answer = waiting.await.unwrap();
    refused(&answer, "401 UnauthorizedException");
    assert!(!answer.text.contains("ASIA"), "{}", answer.text);
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend refused"]);
}

async fn all_is_over(program: &Program, tokens: &Tokens, code: &str) {
    let program_itself = program.http.with_token(&tokens.access);
    program_itself.vend("deploy", &json!({})).await.problem("401 unauthenticated");
    refused(&program.credentials(&tokens.access, "deploy").await, "401 UnauthorizedException");
    refused(&program.refresh(&tokens.refresh).await, "400 InvalidGrantException");
    refused(&program.token(&program.redemption(code)).await, "400 InvalidGrantException");
    program_itself.get("/v1/session").await.problem("401 unauthenticated");
}

fn of_action(world: &World, action: &str) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == action).collect()
}

/// Somebody showed what had been used: whose it was stands there, and not that they did it.
#[track_caller]
pub(crate) fn by_nobody(ended: &Value) {
    assert_eq!((&ended["actor"], ended.get("actor_id")), (&json!("anonymous"), None), "{ended}");
    assert!(ended["about"].as_str().unwrap().starts_with("corp/"), "{ended}");
    assert!(ended["changes"]["authorization_id"].is_string(), "{ended}");
}
