//! Container credentials: boto3 and the AWS CLI fetch them, find them fetched ahead, and are told why when there are none.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tests::python::Client;
use tests::wall_clock::WallClock;
use tests::world::{Answer, Asker, KEY, SECOND, World, now, password_of, soon};

use super::job;

const CI: &str = "/v1/container-credentials/ci";

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_and_boto3_fetch_by_themselves_whatever_stands_before_the_token() {
    let world = World::open().await;
    let (job, ada) = (job(&world, "nightly", &["ci"]), world.person("ada").await);
    let token = |asker: &Asker| asker.token.clone().unwrap();

    let by_cli = client(&world, CI).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", &token(&job));
    let arn = by_cli.aws(&["sts", "get-caller-identity"]).json()["Arn"].clone();
    assert_eq!(arn, "arn:aws:sts::111111111111:assumed-role/deploy/svc.nightly");

    let people = client(&world, "/v1/container-credentials/deploy?reason=ticket%204711");
    let file = people.home().join("token");
    std::fs::write(&file, format!("Bearer {}", token(&ada))).unwrap();
    let people = people.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    let said = people.boto3(
        "session = boto3.Session()\nkeys = session.get_credentials()\n\
         said = [session.client('sts').get_caller_identity()['Arn'] for _ in range(3)]\n\
         said.append(session.client('s3').get_object(Bucket='reports', Key='monthly')['Body'].read().decode())\n\
         print(json.dumps(said + [keys.method, keys.get_frozen_credentials().access_key]))",
    );
    let said = said.json();
    assert!(said[0].as_str().unwrap().contains(":assumed-role/deploy/ada"), "{said}");
    assert_eq!((&said[3], &said[4]), (&json!("profits"), &json!("container-role")));
    assert_eq!(world.trail_of("ci"), ["service:nightly vend success"]);
    let records = world.trail();
    let vend = records.iter().find(|record| record["connector"] == "deploy" && record["action"] == "vend").unwrap();
    assert_eq!((&vend["actor"], &vend["access_key_id"]), (&json!("person:corp/ada"), &said[5]));
    assert_eq!(vend["reason"], "ticket 4711");
    assert_eq!(world.trail_of("deploy").len(), 1, "an hour's credentials are fetched once by a process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_do_in_the_spellings_of_all_clients() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["ci"]);
    let stranger = world.stranger().with_token("bkt_nonsense");
    for (answer, expected, advice) in [
        (job.get("/v1/container-credentials/ci-other").await, "404 not_found", "Check the name."),
        (job.get("/v1/container-credentials/deploy").await, "404 not_found", "Check the name."),
        (job.get("/v1/container-credentials/no+name").await, "404 not_found", "Check the name."),
        (job.get(&format!("{CI}?duration_seconds=1")).await, "400 duration_out_of_range", "Ask for a duration"),
        (job.get(&format!("{CI}?nonsense=1")).await, "400 invalid_request", "Read `detail`"),
        (stranger.get(CI).await, "401 unauthenticated", "ask an administrator for a service token"),
        (world.stranger().get(CI).await, "401 unauthenticated", "ask an administrator for a service token"),
        (job.post(CI, &json!({})).await, "405 method_not_allowed", "Use a method"),
    ] {
        let problem = answer.problem(expected);
        assert_eq!(problem["Code"], problem["code"]);
        assert_eq!(problem["Message"], problem["message"]);
        let message = problem["message"].as_str().unwrap();
        for part in [problem["detail"].as_str().unwrap(), advice, problem["request_id"].as_str().unwrap()] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    // Elsewhere a problem has one spelling.
    assert!(job.get("/v1/connectors/deploy").await.problem("404 not_found").get("Code").is_none());

    let refused = client(&world, CI).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "bkt_nonsense");
    let said = refused.boto3("boto3.client('sts').get_caller_identity()").failed();
    assert!(said.contains("ask an administrator for a service token"), "{said}");
    assert_eq!(world.calls("AssumeRole").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_lost_the_group_is_told_whom_to_ask_by_the_client_itself() {
    let settings = "aws_clients = { access_help = \"Ask in #cloud-access.\" }\nsessions = { recheck_seconds = 1 }";
    let world = World::prepare().await.with(settings).serve();
    let ada = world.person("ada").await;
    let machine = |world: &World| {
        let file = client(world, "/v1/container-credentials/deploy");
        file.with("AWS_CONTAINER_AUTHORIZATION_TOKEN", ada.token.as_ref().unwrap())
    };
    machine(&world).aws(&["sts", "get-caller-identity"]).succeeded();
    let World { sim, brokerd } = world;
    let installation = brokerd.stop();
    let of_ada = "display_name = 'Ada Lovelace'";
    installation.edit("brokerd.toml", &format!("groups = ['release']\n{of_ada}"), of_ada);
    let world = World { sim, brokerd: installation.serve() };
    soon("the loss", async || (ada.get("/v1/container-credentials/deploy").await.status == 404).then_some(())).await;
    let sentence = "there is no such connector, or it is not granted to you. Ask in #cloud-access.";
    let by_cli = machine(&world).aws(&["sts", "get-caller-identity"]).failed();
    assert!(by_cli.contains(sentence), "{by_cli}");
    let by_boto3 = machine(&world).boto3("boto3.client('sts').get_caller_identity()").failed();
    assert!(by_boto3.contains(sentence), "{by_boto3}");
    assert_eq!(world.trail_of("deploy").last().unwrap(), "person:corp/ada vend refused");
    // What is missing is told alike.
    let missing = ada.get("/v1/container-credentials/nothing").await.problem("404 not_found");
    assert_eq!(missing["detail"], sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_alone_opens_the_route_and_only_this_route_takes_it_bare() {
    let world = World::open().await;
    let job = job(&world, "nightly", &["ci"]);
    let token = job.token.clone().unwrap();
    let shown = async |path: &str, authorizations: &[&str], cookie: Option<&str>| {
        let mut request = world.stranger().request(Method::GET, path);
        for authorization in authorizations {
            request = request.header("authorization", *authorization);
        }
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie).header("sec-fetch-site", "same-origin");
        }
        Answer::of(request).await
    };
    let bearer = format!("Bearer {token}");
    for good in [&token, &bearer, &format!("bearer  {token}")] {
        let vended = shown(CI, &[good], None).await;
        assert_eq!(vended.header("cache-control"), Some("no-store"));
        let vended = vended.good();
        let fields: Vec<&String> = vended.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["AccessKeyId", "AccountId", "Expiration", "SecretAccessKey", "Token"]);
    }
    for bad in [&format!("Basic {token}"), &format!("{token} {token}"), &format!("Token {token}"), ""] {
        shown(CI, &[bad], None).await.problem("401 unauthenticated");
    }
    shown(CI, &[&token, &token], None).await.problem("401 unauthenticated");
    shown("/v1/connectors", &[&token], None).await.problem("401 unauthenticated");

    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let deploy = "/v1/container-credentials/deploy";
    shown("/v1/connectors", &[], Some(&cookie)).await.good();
    shown(deploy, &[], Some(&cookie)).await.problem("403 forbidden");
    let bare = cookie.split_once('=').unwrap().1;
    shown(deploy, &[bare], None).await.problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_finds_new_credentials_that_were_fetched_ahead() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    let (job, gone) = (job(&world, "nightly", &["ci"]), job(&world, "gone", &["ci"]));
    let first = job.get(CI).await.good();
    gone.get(CI).await.good();
    job.get("/v1/connectors/ci").await.good();
    world.run(&["token", "revoke", "gone", "--yes"], "").succeeded();
    assert_eq!(world.calls("AssumeRole").len(), 2);

    // A quarter of an hour before the end, and nobody has asked yet.
    world.sim.clock().advance(Duration::from_mins(45));
    world.sim.clock().set_skew(SignedDuration::from_mins(45));
    clock.set(SignedDuration::from_mins(45));
    soon("the call ahead", async || (world.calls("AssumeRole").len() == 3).then_some(())).await;
    soon("the credentials", async || {
        let again = job.get(CI).await.good();
        (again["AccessKeyId"] != first["AccessKeyId"]).then_some(again)
    })
    .await;
    assert_eq!(world.calls("AssumeRole").len(), 3, "nobody waited for AWS, and nobody who is gone was fetched for");
    let last: Value = world.trail().into_iter().rfind(|record| record["connector"] == "ci").unwrap();
    assert_eq!((&last["actor"], &last["reused"]), (&json!("service:nightly"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_for_which_aws_is_silent_keeps_nobody_waiting_who_has_another() {
    let clock = WallClock::new();
    let world = World::prepare().await.serve_by(&clock);
    let (job, ada) = (job(&world, "nightly", &["ci"]), world.person("ada").await);
    let at = |minutes: u32| {
        let later = SignedDuration::from_mins(minutes.into());
        world.sim.clock().set(now() + later);
        world.sim.clock().set_skew(later);
        clock.set(later);
    };
    // More than may be asked for at a time with one key.
    for duration in 3_593..=3_600 {
        job.get(&format!("{CI}?duration_seconds={duration}")).await.good();
    }
    at(2);
    ada.get("/v1/container-credentials/other-key").await.good();
    let silent = Calls::of("AssumeRole").by(KEY);
    world.sim.faults().always(silent, Fault::Stall(Duration::from_mins(5)));
    at(45);
    soon("the silence", async || (world.sim.faults().happened() >= 4).then_some(())).await;
    at(47);
    soon("the other's", async || {
        let calls = world.calls("AssumeRole");
        (calls.iter().filter(|call| call.access_key_id.as_deref() == Some(SECOND)).count() == 2).then_some(())
    })
    .await;
}

/// A client that knows where to fetch, and not yet with what.
fn client(world: &World, path: &str) -> Client {
    let url = format!("{}{path}", world.brokerd.url());
    Client::at(&world.sim.endpoint()).with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)
}
