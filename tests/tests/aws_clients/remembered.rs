//! Whoever asks the portal again within seconds is not read once more before it, and gets nothing that they would not get if they were.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tests::wall_clock::WallClock;
use tests::world::{Answer, Prepared, World, soon};

use crate::program::{ACCOUNT, HEADER, Program, refused};

/// The same client, at another node.
fn at(node: &World, program: &Program) -> Program {
    Program { http: node.stranger(), url: node.brokerd.url(), ..program.clone() }
}

/// So that the node knows whoever has this token from now on, for some seconds.
async fn is_known(program: &Program, token: &str) {
    for _ in 0..2 {
        assert_eq!(program.credentials(token, "deploy").await.status, 200);
    }
}

fn path(role: &str, account: &str) -> String {
    format!("/federation/credentials?role_name={role}&account_id={account}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_or_client_that_one_node_ends_is_over_at_the_others_portal_whatever_is_asked() {
    let [here, there] = Prepared::two_nodes("portal_ended").await.map(Prepared::serve);
    let otto = here.person("otto").await;
    for (number, asked) in
        [("deploy", ACCOUNT), ("nothing", ACCOUNT), ("deploy", "222222222222"), ("deploy", "x"), ("No%20Name", ACCOUNT)]
            .into_iter()
            .enumerate()
    {
        let (program, tokens) = Program::signed_in(&here, "ada").await;
        let elsewhere = at(&there, &program);
        let sessions = otto.get("/v1/admin/sessions").await.good();
        let sessions = sessions["items"].as_array().unwrap();
        let of_ada = sessions.iter().find(|it| it["identity"]["name"] == "ada").unwrap();
        let session = format!("/v1/admin/sessions/{}", of_ada["id"].as_str().unwrap());
        is_known(&elsewhere, &tokens.access).await;
        let ended = match number % 2 {
            0 => otto.delete(&session).await.status,
            _ => program.logout(&tokens.access).await.status,
        };
        assert!([200, 204].contains(&ended), "{ended}");
        for (role, account) in [asked, ("deploy", ACCOUNT)] {
            let answer = elsewhere.portal(&tokens.access, &path(role, account)).await;
            refused(&answer, "401 UnauthorizedException");
        }
        if number % 2 == 1 {
            assert_eq!(otto.delete(&session).await.status, 204, "so that there is one of hers at a time");
        }
    }
    here.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_another_node_finds_gone_opens_nothing_at_the_portal_either() {
    let clock = WallClock::new();
    let [here, there] = Prepared::two_nodes("portal_group").await;
    // The one asks its directory again sooner, and there she has lost the group.
    let there = there.with("sessions = { recheck_seconds = 60 }").configured("groups = ['release']", "groups = []");
    let [here, there] = [here, there].map(|node| node.serve_by(&clock));
    let (program, tokens) = Program::signed_in(&here, "ada").await;
    is_known(&program, &tokens.access).await;
    clock.set(SignedDuration::from_secs(61));
    let nothing = at(&there, &program).portal(&tokens.access, "/assignment/accounts").await.good();
    assert_eq!(nothing, json!({ "accountList": [], "nextToken": null }));
    let lost = refused(&program.credentials(&tokens.access, "deploy").await, "403 ForbiddenException");
    let never = refused(&program.credentials(&tokens.access, "nothing").await, "403 ForbiddenException");
    assert_eq!(lost, never);
    assert_eq!(here.trail_of("deploy").last().unwrap(), "person:corp/ada vend refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_than_the_connectors_is_refused_to_whoever_is_known_and_recorded() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let not_granted = refused(&program.credentials(&tokens.access, "treasury").await, "403 ForbiddenException");
    for account in ["222222222222", "x", "%20111111111111", "1111111111110", "11111111111%C2%B9"] {
        is_known(&program, &tokens.access).await;
        let answer = program.portal(&tokens.access, &path("deploy", account)).await;
        assert_eq!(refused(&answer, "403 ForbiddenException"), not_granted, "{account}");
    }
    is_known(&program, &tokens.access).await;
    assert_eq!(world.calls("AssumeRole").len(), 1, "AWS was asked for the right one alone");
    let reasons = soon("each refusal in the trail", async || {
        let refused = world.trail().into_iter().filter(|it| it["action"] == "vend" && it["outcome"] == "refused");
        let reasons: Vec<Value> = refused.map(|it| json!([it["actor"], it["connector"], it["reason"]])).collect();
        (reasons.len() == 6).then_some(reasons)
    })
    .await;
    let elsewhere = json!(["person:corp/ada", "deploy", "the connector does not act in the account that was named"]);
    let unnamed = json!(["person:corp/ada", null, "no such role in that account, for this person"]);
    let count = |expected: &Value| reasons.iter().filter(|reason| *reason == expected).count();
    assert_eq!((count(&elsewhere), count(&unnamed)), (1, 4), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_moves_to_another_account_while_aws_is_asked_lends_nothing_for_the_old_one() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(8)));
    let (waiting, token) = (program.clone(), tokens.access.clone());
    let waiting = tokio::spawn(async move { waiting.credentials(&token, "deploy").await });
    soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    let role = "arn:aws:iam::111111111111:role/deploy";
    world.brokerd.installation().edit("connectors.toml", role, "arn:aws:iam::222222222222:role/deploy");
    world.run(&["apply", "--yes"], "").succeeded();
    let answer = waiting.await.unwrap();
    refused(&answer, "403 ForbiddenException");
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_known_in_one_place_is_not_in_another() {
    let world = World::open().await;
    let (program, tokens) = Program::signed_in(&world, "ada").await;
    let stranger = world.stranger();
    let vend = "/v1/connectors/deploy/credentials";
    is_known(&program, &tokens.access).await;
    // In its own header it opens the portal alone, and in the others' not the portal.
    let in_header = stranger.request(Method::POST, vend).header(HEADER, &tokens.access);
    Answer::of(in_header).await.problem("401 unauthenticated");
    let client = stranger.with_token(&tokens.access);
    refused(&client.get(&path("deploy", ACCOUNT)).await, "401 UnauthorizedException");
    assert_eq!(client.get("/v1/container-credentials/deploy").await.status, 403);
    client.get("/v1/admin/sessions").await.problem("403 forbidden");
    // There it is known, too, and does what it may.
    for _ in 0..2 {
        client.vended("deploy", &json!({})).await;
    }
    assert_eq!(client.get("/v1/container-credentials/deploy").await.status, 403);
    is_known(&program, &tokens.access).await;

    // A session and a service token that are known where they belong are nobody at the portal.
    let root = world.person("root").await;
    let wanted = json!({ "name": "nightly", "connectors": ["ci"] });
    let made = root.post("/v1/admin/service-tokens", &wanted).await.json();
    let (ada, job) = (world.person("ada").await, stranger.with_token(made["token"].as_str().unwrap()));
    for (asker, connector) in [(&ada, "deploy"), (&job, "ci")] {
        let token = asker.token.as_ref().unwrap();
        for _ in 0..2 {
            asker.vended(connector, &json!({})).await;
            refused(&program.portal(token, &path(connector, ACCOUNT)).await, "401 UnauthorizedException");
        }
        asker.vended(connector, &json!({})).await;
    }
    let out_of_place = |it: &&Value| it["reason"] == "a token of ours, but not one for where it was shown";
    soon("each in the trail", async || (world.trail().iter().filter(out_of_place).count() == 4).then_some(())).await;
}
