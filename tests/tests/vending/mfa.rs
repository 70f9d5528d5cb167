//! Connectors with an MFA device of AWS's: nothing without the code of the moment, which AWS takes once, and what came of it is for one asking alone.

use std::time::Duration;

use aws_sim::{Calls, Fault};
use serde_json::{Value, json};
use tests::world::{Answer, KEY, MFA_CODES, MFA_SERIAL, SECRET, World};

const TRIED: &str = r#"
[[connector]]
name = "tried"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/tried"
mfa_serial = "arn:aws:iam::111111111111:mfa/broker"

[[connector]]
name = "tried-raw"
access_key = "main"
groups = ["corp/release"]
[connector.principal.session_token]
mfa_serial = "arn:aws:iam::111111111111:mfa/broker"

[[connector]]
name = "misnamed"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/tried"
mfa_serial = "arn:aws:iam::111111111111:mfa/another"

[[connector]]
name = "untold"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/tried"
"#;

async fn world() -> World {
    World::prepare().await.connectors(TRIED).serve()
}

fn code(number: usize) -> Value {
    json!({ "mfa_code": MFA_CODES[number] })
}

fn wanted(answer: &Answer) {
    let problem = answer.problem("403 mfa_code_required");
    assert!(problem["detail"].as_str().unwrap().contains(MFA_SERIAL), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_code_nobody_gets_anything_in_any_way_and_is_told_what_to_do() {
    let world = world().await;
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    for blank in [json!({}), json!({ "mfa_code": "" }), json!({ "mfa_code": null })] {
        wanted(&ada.vend("tried", &blank).await);
        wanted(&ada.vend("tried-raw", &blank).await);
        wanted(&ada.post("/v1/connectors/tried/console-url", &blank).await);
        wanted(&ada.post("/v1/connectors/tried/ecr-credentials", &blank).await);
        wanted(&root.post("/v1/admin/connectors/tried/try", &blank).await);
    }
    wanted(&ada.post("/v1/connectors/tried/credentials?format=process", &json!({})).await);
    wanted(&ada.post("/v1/connectors/tried/codeartifact-credentials", &json!({ "domain": "corp" })).await);
    wanted(&root.vend("tried", &json!({})).await);
    // Where nobody can type one.
    let identity = ada.get("/v1/connectors/tried/caller-identity").await;
    wanted(&identity);
    assert!(identity.text.contains("this route takes none"), "{}", identity.text);
    let id = ada.get("/v1/connectors/tried").await.good()["id"].as_str().unwrap().to_owned();
    wanted(&ada.get(&format!("/rest/identity-federation-for-aws/2.2/connectors/{id}/credentials")).await);
    let container = ada.get("/v1/container-credentials/tried").await;
    wanted(&container);
    assert!(container.json()["Message"].as_str().unwrap().contains("`broker creds`"), "{}", container.text);
    ada.get(&format!("/v1/container-credentials/tried?mfa_code={}", MFA_CODES[0])).await.problem("400 invalid_request");
    assert_eq!((world.calls("AssumeRole").len(), world.calls("GetSessionToken").len()), (0, 0), "AWS is not asked");

    world.person("bob").await.vend("tried", &code(0)).await.problem("404 not_found");
    assert_eq!(ada.get("/v1/connectors/tried").await.good()["mfa_serial"], MFA_SERIAL, "clients can know beforehand");
    assert!(ada.get("/v1/connectors/deploy").await.good().get("mfa_serial").is_none());
    let record = world.trail().into_iter().rfind(|record| record["connector"] == "tried").unwrap();
    assert_eq!(record["outcome"], "refused", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_no_code_and_a_code_for_nothing_is_refused() {
    let world = world().await;
    let ada = world.person("ada").await;
    let long = "1".repeat(10_000);
    for rubbish in ["12345", "1234567", "12345a", "123-456", "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}", "\0", &long]
    {
        for route in ["credentials", "console-url", "ecr-credentials"] {
            let body = json!({ "mfa_code": rubbish });
            let problem =
                ada.post(&format!("/v1/connectors/tried/{route}"), &body).await.problem("400 invalid_request");
            assert_eq!(problem["field"], "mfa_code", "{route}: {problem}");
            assert!(!problem["detail"].to_string().contains("123"), "what was typed is not repeated: {problem}");
        }
    }
    ada.vend("tried", &json!({ "mfa_code": 271_828 })).await.problem("400 invalid_request");
    for other in ["deploy", "raw", "reports"] {
        let problem = ada.vend(other, &code(0)).await.problem("400 invalid_request");
        assert_eq!(problem["field"], "mfa_code", "never ignored: {problem}");
    }
    assert_eq!((world.calls("AssumeRole").len(), world.calls("GetSessionToken").len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_code_aws_sees_that_it_was_shown_and_the_record_says_by_which_device() {
    let world = world().await;
    let ada = world.person("ada").await;
    let refused = ada.vend("untold", &json!({})).await.problem("502 aws_refused");
    assert_eq!(refused["aws"]["code"], "AccessDenied", "the role itself demands it: {refused}");
    let vended =
        ada.vended("tried", &json!({ "mfa_code": format!("{} {}", &MFA_CODES[0][..3], &MFA_CODES[0][3..]) })).await;
    assert_eq!(world.read(&vended, &["monthly"]), ["profits"]);
    let raw = ada.vended("tried-raw", &code(1)).await;
    let users = "print(json.dumps([user['UserName'] for user in boto3.client('iam').list_users()['Users']]))";
    let users = world.client(&raw).boto3(users).json();
    assert!(users.as_array().unwrap().contains(&json!("broker")), "IAM is open to a session with a code: {users}");

    for (vended, call) in [(&vended, "AssumeRole"), (&raw, "GetSessionToken")] {
        let record = world.record(&vended["vend_id"]);
        assert_eq!((&record["changes"]["mfa_serial"], &record["reused"]), (&json!(MFA_SERIAL), &json!(false)));
        assert_eq!(world.sent(call, "SerialNumber").as_deref(), Some(MFA_SERIAL));
        assert!(world.calls(call).iter().all(|call| call.in_url.is_empty()), "a code stands in no URL");
    }
    let plain = ada.vended("deploy", &json!({})).await;
    assert!(world.record(&plain["vend_id"])["changes"].is_null());
    let told = format!("{}{:?}", world.brokerd.log(), world.trail());
    assert!(!MFA_CODES[..2].iter().any(|code| told.contains(code)), "a code is written nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_code_is_never_given_again() {
    let world = world().await;
    let ada = world.person("ada").await;
    let first = ada.vended("tried", &code(0)).await;
    let second = ada.vended("tried", &code(1)).await;
    assert_ne!(first["access_key_id"], second["access_key_id"]);
    assert_eq!((&first["reused"], &second["reused"]), (&json!(false), &json!(false)));
    wanted(&ada.vend("tried", &json!({})).await);
    wanted(&ada.get("/v1/container-credentials/tried").await);

    let problem = ada.vend("tried", &code(1)).await.problem("403 mfa_code_refused");
    assert!(problem["detail"].as_str().unwrap().contains("used before"), "{problem}");
    assert_eq!(problem["aws"]["code"], "AccessDenied");
    let message = problem["aws"]["message"].as_str().unwrap();
    assert!(message.contains("invalid MFA one time pass code"), "{problem}");
    assert_eq!(world.calls("AssumeRole").len(), 3, "what AWS refuses is asked once");
    let record = world.trail().into_iter().rfind(|record| record["connector"] == "tried").unwrap();
    assert_eq!(record["outcome"], "failed");
    assert!(record["reason"].as_str().unwrap().contains("refused the code of the MFA device"), "{record}");
    // Another key's owner, or the same one's device of another name: nothing that another code would mend.
    ada.vend("misnamed", &code(2)).await.problem("502 aws_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_never_share_a_call_whoever_they_are() {
    let world = world().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    world.sim.faults().latency(Duration::from_millis(500));
    let (first, second, third) = (code(0), code(1), code(2));
    let (a, b, c) =
        tokio::join!(ada.vended("tried", &first), ada.vended("tried", &second), eve.vended("tried", &third));
    let ids = [&a["access_key_id"], &b["access_key_id"], &c["access_key_id"]];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
    assert_eq!(world.calls("AssumeRole").len(), 3);

    // One code for two: AWS takes it of one of them, and the other one is told.
    let same = code(3);
    let (a, b) = tokio::join!(ada.vend("tried-raw", &same), eve.vend("tried-raw", &same));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{} {}", a.text, b.text);
    assert_eq!(world.calls("GetSessionToken").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_a_registry_and_a_trial_take_a_code_as_well() {
    let world = world().await;
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    let link = ada.post("/v1/connectors/tried/console-url", &code(0)).await.good();
    assert!(link["url"].as_str().unwrap().contains("SigninToken="), "{link}");
    ada.post("/v1/connectors/tried/console-url", &code(0)).await.problem("403 mfa_code_refused");
    ada.post("/v1/connectors/tried-raw/console-url", &code(1)).await.problem("400 console_not_supported");
    let password = ada.post("/v1/connectors/tried/ecr-credentials", &code(1)).await.good();
    let record = world.record(&password["vend_id"]);
    assert_eq!(
        (&record["changes"]["mfa_serial"], &record["changes"]["region"]),
        (&json!(MFA_SERIAL), &json!("eu-central-1")),
        "{record}"
    );
    let tried = root.post("/v1/admin/connectors/tried/try", &code(2)).await.good();
    let arn = tried["caller_identity"]["arn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:sts::111111111111:assumed-role/tried/"), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_shown_to_aws_once_though_the_caller_must_be_read_again() {
    let world = World::prepare().await.connectors(TRIED).with("sessions = { recheck_seconds = 1 }").serve();
    let ada = world.person("ada").await;
    // By the time that AWS answers, what was read of her is too old to count.
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(4)));
    let vended = ada.vended("tried", &code(0)).await;
    assert_eq!(vended["reused"], false);
    let tried = world.calls("AssumeRole").into_iter().filter(|call| call.parameters["RoleArn"].ends_with("role/tried"));
    assert_eq!(tried.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_whose_answer_was_lost_is_not_shown_again_and_not_called_wrong() {
    let world = world().await;
    let ada = world.person("ada").await;
    for (number, fault) in [Fault::DroppedConnection, Fault::CutConnection].into_iter().enumerate() {
        let asked = world.calls("AssumeRole").len();
        world.sim.faults().once(Calls::of("AssumeRole"), fault.clone());
        ada.vend("tried", &code(number)).await.problem("503 aws_unavailable");
        assert_eq!(world.calls("AssumeRole").len(), asked + 1, "{fault:?}");
    }
    // Others are asked for as often as ever.
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::DroppedConnection);
    ada.vended("deploy", &json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_any_more_by_the_time_that_aws_answers_gets_nothing_of_a_code() {
    let world = world().await;
    let (ada, root) = (world.person("ada").await, world.person("root").await);
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(4)));
    let asking = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.vend("tried", &code(0)).await })
    };
    tests::world::soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    root.delete("/v1/admin/sessions?person=ada&directory=corp").await;
    asking.await.unwrap().problem("401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_changes_while_aws_looks_at_a_code_lends_nothing_and_shows_it_no_second_time() {
    let world = world().await;
    let ada = world.person("ada").await;
    world.sim.faults().once(Calls::of("AssumeRole"), Fault::Stall(Duration::from_secs(6)));
    let asking = {
        let ada = ada.clone();
        tokio::spawn(async move { ada.vend("tried", &code(0)).await })
    };
    tests::world::soon("the call", async || (world.sim.faults().pending() == 0).then_some(())).await;
    let by_the_device = |role: &str| format!("role_arn = \"{role}\"\nmfa_serial = \"{MFA_SERIAL}\"");
    let [before, after] =
        ["tried", "deploy"].map(|role| by_the_device(&format!("arn:aws:iam::111111111111:role/{role}")));
    world.brokerd.installation().edit("connectors.toml", &before, &after);
    world.run(&["apply", "--yes"], "").succeeded();
    let answer = asking.await.unwrap();
    answer.problem("503 overloaded");
    assert_eq!(world.calls("AssumeRole").len(), 1);
    assert_eq!(world.trail_of("tried"), ["person:corp/ada vend failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_say_it_by_the_api_as_in_the_file() {
    let world = world().await;
    let root = world.person("root").await;
    let shown = root.get("/v1/admin/connectors/tried").await.good();
    assert_eq!(shown["principal"]["assume_role"]["mfa_serial"], MFA_SERIAL);
    let key = json!({ "name": "of-api", "region": "eu-central-1", "access_key_id": KEY, "secret_access_key": SECRET });
    assert_eq!(root.post("/v1/admin/access-keys", &key).await.status, 201);
    let body = |principal: Value| json!({ "name": "by-api", "access_key": "of-api", "groups": ["corp/release"], "principal": principal });
    let made = root.post("/v1/admin/connectors", &body(json!({ "session_token": { "mfa_serial": MFA_SERIAL } }))).await;
    assert_eq!(made.json()["principal"]["session_token"]["mfa_serial"], MFA_SERIAL, "{}", made.text);
    let ada = world.person("ada").await;
    wanted(&ada.vend("by-api", &json!({})).await);
    ada.vended("by-api", &code(0)).await;

    let federated = json!({ "federated_user": { "resource_policies_grant_access": true, "mfa_serial": MFA_SERIAL } });
    let system = json!({ "name": "job", "access_key": "of-api", "scope": "system", "principal": { "session_token": { "mfa_serial": MFA_SERIAL } } });
    let role = |serial: &str| json!({ "assume_role": { "role_arn": "arn:aws:iam::111111111111:role/tried", "mfa_serial": serial } });
    for (body, said) in [
        (body(federated), "GetFederationToken takes no code of an MFA device"),
        (system, "take `mfa_serial` away"),
        (body(role("short")), "is no MFA device"),
        (body(role("arn:aws:iam::111111111111:u2f/user/broker/yubi")), "shows no code"),
        (body(role("arn:aws-cn:iam::111111111111:mfa/broker")), "another partition"),
        (body(json!({ "session_token": { "mfa_serial": "arn:aws-cn:iam::111111111111:mfa/broker" } })), "partition"),
    ] {
        let mut body = body;
        body["name"] = json!("another");
        let problem = root.post("/v1/admin/connectors", &body).await.problem("400 invalid_request");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{said}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_codes_are_no_guesses_however_many_they_are() {
    let world = world().await;
    let ada = world.person("ada").await;
    for number in 0..MFA_CODES.len() {
        ada.vended("tried", &code(number)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_has_five_guesses_be_they_all_at_once() {
    let world = world().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let mut guessing = tokio::task::JoinSet::new();
    for number in 0..40 {
        let ada = ada.clone();
        guessing.spawn(async move { ada.vend("tried", &json!({ "mfa_code": format!("9{number:05}") })).await.status });
    }
    let statuses = guessing.join_all().await;
    let count = |status: u16| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(403), count(429), world.calls("AssumeRole").len()), (5, 35, 5), "{statuses:?}");
    let waits = ada.vend("tried", &code(0)).await;
    waits.problem("429 too_many_attempts");
    assert!(waits.header("retry-after").unwrap().parse::<u32>().unwrap() <= 30, "{:?}", waits.headers);
    ada.vended("deploy", &json!({})).await;
    eve.vended("tried", &code(0)).await;
}
