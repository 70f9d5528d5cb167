//! Tokens of another installation, at every door where credentials are lent: each door says no in its own clients' words, and the trail has it.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, Asker, World};

use crate::login::{self, Login, OVER};
use crate::program::{ACCOUNT, HEADER, Program, refused};

/// Where a token is shown.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// As the SDKs show what they signed in for.
    Portal,
    Accounts,
    Rest,
    /// As the SDKs show what their environment has: with `Bearer ` before it, or bare.
    Container,
    Bare,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_installation_opens_no_door_and_leaves_a_record_at_each() {
    let world = World::prepare().await.behind_a_proxy().serve();
    let elsewhere = World::open().await;
    let (theirs, signed_in) = Program::signed_in(&elsewhere, "ada").await;
    let session = elsewhere.person("ada").await;
    let service = elsewhere.run(&["token", "create", "nightly", "--connector", "ci"], "").succeeded();
    let service = elsewhere.stranger().with_token(service.trim());
    // They are good where they were made.
    assert_eq!(theirs.credentials(&signed_in.access, "deploy").await.status, 200);
    session.vended("deploy", &json!({})).await;
    service.vended("ci", &json!({})).await;

    let (session, service) = (session.token.unwrap(), service.token.unwrap());
    let out_of_place = "a token of ours, but not one for where it was shown";
    let mut shown = Vec::new();
    for door in [Door::Portal, Door::Accounts] {
        shown.extend([
            (door, &signed_in.access, "not an access token of this installation"),
            (door, &signed_in.refresh, out_of_place),
            (door, &session, out_of_place),
            (door, &service, out_of_place),
        ]);
    }
    for door in [Door::Rest, Door::Container, Door::Bare] {
        shown.extend([
            (door, &signed_in.access, "not an access token of this installation"),
            (door, &signed_in.refresh, out_of_place),
            (door, &session, "no such session"),
            (door, &service, "no such service token: unknown or revoked"),
        ]);
    }
    let mut told = Vec::new();
    for (number, (door, token, _)) in shown.iter().enumerate() {
        let answer = door.shown(&world.stranger().seen_at(&address(number)), token).await;
        door.says_no(&answer);
        assert!(!answer.text.contains(token.as_str()), "{door:?}: {}", answer.text);
        told.push(answer);
    }
    for (number, record) in world.left_by(&told).await.iter().enumerate() {
        let (door, token, why) = shown[number];
        assert_eq!((&record["action"], &record["outcome"]), (&json!("token_refused"), &json!("refused")), "{door:?}");
        assert_eq!((&record["actor"], &record["reason"]), (&json!("anonymous"), &json!(why)), "{door:?}: {record}");
        assert_eq!((record.get("actor_id"), record.get("about")), (None, None), "of nobody here: {record}");
        assert_eq!(record["client_address"], address(number));
        assert!(!record.to_string().contains(token.as_str()), "{record}");
    }
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_are_they_renewed_or_ended_here() {
    let (world, elsewhere) = (World::open().await, World::open().await);
    let (_, theirs) = Program::signed_in(&elsewhere, "ada").await;
    let (their_login, got) = Login::logged_in(&elsewhere, "ada", "deploy").await;
    let (ours, login) = (Program::registered(&world).await, Login::begin(&world));
    let renewed = ours.refresh(&theirs.refresh).await;
    refused(&renewed, "400 InvalidGrantException");
    let left = ours.logout(&theirs.access).await;
    refused(&left, "401 UnauthorizedException");
    let body = their_login.renewal(&got.refresh);
    let by_login = login.token_with(&body, &their_login.key.proof(&login.url)).await;
    login::refused(&by_login, OVER);
    let reasons: Vec<Value> = world
        .left_by(&[renewed, left, by_login])
        .await
        .iter()
        .map(|it| json!([it["action"], it["actor"], it["reason"]]))
        .collect();
    let no_token = json!(["client_refused", "anonymous", "no refresh token of this installation"]);
    let no_access = json!(["client_refused", "anonymous", "no access token that is still good"]);
    assert_eq!(reasons, [no_token.clone(), no_access, no_token]);
    // Where they were made they go on.
    assert_eq!(login::Got::of(&their_login.renew(&got.refresh).await).refresh.len(), got.refresh.len());
}

impl Door {
    async fn shown(self, asker: &Asker, token: &str) -> Answer {
        let get = |path: &str| asker.request(Method::GET, path);
        let credentials = format!("/federation/credentials?role_name=deploy&account_id={ACCOUNT}");
        let container = "/v1/container-credentials/deploy";
        Answer::of(match self {
            Self::Portal => get(&credentials).header(HEADER, token),
            Self::Accounts => get("/assignment/accounts").header(HEADER, token),
            Self::Rest => {
                asker.request(Method::POST, "/v1/connectors/deploy/credentials").bearer_auth(token).json(&json!({}))
            }
            Self::Container => get(container).bearer_auth(token),
            Self::Bare => get(container).header("authorization", token),
        })
        .await
    }

    fn says_no(self, answer: &Answer) {
        match self {
            Self::Portal | Self::Accounts => {
                let message = refused(answer, "401 UnauthorizedException");
                assert!(message.contains("aws sso login"), "{message}");
            }
            Self::Rest => drop(answer.problem("401 unauthenticated")),
            Self::Container | Self::Bare => {
                let problem = answer.problem("401 unauthenticated");
                assert_eq!((&problem["Code"], &problem["Message"]), (&problem["code"], &problem["message"]));
            }
        }
    }
}

fn address(number: usize) -> String {
    format!("192.0.2.{number}")
}
