//! The host's own identity as an access key: found by the daemon as AWS's own clients find it, followed when it changes, missed aloud.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use tests::brokerd::{Brokerd, Installation};
use tests::host_identity::HostIdentity;
use tests::stage::{Door, ROLE, Stage, role_connector};

const AMBIENT: &str = "[[access_key]]\nname = \"host\"\nregion = \"eu-central-1\"\nsource.ambient = {}\n\n";

/// AWS, and two sets of credentials of the role `deploy`, which may assume itself: what a host may be.
async fn stage_and_identities() -> (Stage, [Value; 2]) {
    let stage = Stage::set().await;
    let assume =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:*", "Resource": "*" }] });
    stage.sim.world().put_policy(ROLE, "assuming", &assume).unwrap();
    let maker = stage.on_sqlite().serve();
    let door = Door::of(&maker.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let identities = [door.vend(&ada, "deploy").await.json(), door.vend(&ada, "deploy").await.json()];
    assert_ne!(identities[0]["access_key_id"], identities[1]["access_key_id"]);
    (stage, identities)
}

fn installation(stage: &Stage) -> Installation {
    let here = stage.on_sqlite();
    here.write("connectors.toml", &format!("{AMBIENT}{}", role_connector("deep", "host")));
    here
}

/// The daemon on that host, with a home that has no profile, and with a secret of its own, for which it starts itself anew.
fn serve(here: Installation, host: &[(String, String)]) -> Brokerd {
    let home = here.path("");
    let mut variables = vec![("HOME", home.to_str().unwrap()), ("BROKERD_SECRET_OTHER", "other")];
    variables.extend(host.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    here.serve_with(&variables)
}

fn last_signer(stage: &Stage) -> String {
    let calls = stage.sim.calls();
    calls.iter().rev().find(|call| call.action == "AssumeRole").unwrap().access_key_id.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_containers_identity_vends_and_is_followed() {
    let (stage, [first, second]) = stage_and_identities().await;
    let host = HostIdentity::start();
    // So near its end that it is asked for again each time.
    host.becomes(&first, 60);
    let mut served = serve(installation(&stage), &host.container());
    let door = Door::of(&served.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let vended = door.vend(&ada, "deep").await;
    assert_eq!(vended.status, 200, "{vended:?}\n{}", served.log());
    assert_eq!(last_signer(&stage), first["access_key_id"].as_str().unwrap());

    served.process().wait_for_line("AWS says whose access key this is");
    host.becomes(&second, 3_600);
    assert_eq!(door.vend(&ada, "deep").await.status, 200);
    assert_eq!(last_signer(&stage), second["access_key_id"].as_str().unwrap(), "what was new");
    let asked = host.asked().len();
    host.breaks();
    assert_eq!(door.vend(&ada, "deep").await.status, 200, "it is good for an hour");
    assert_eq!(host.asked().len(), asked, "and was not asked for again");

    let listed = served.run(&["key", "list"], "").succeeded();
    let line = listed.lines().find(|line| line.starts_with("host ")).unwrap();
    assert!(line.contains("ambient") && line.contains("assumed-role/deploy ") && line.contains("good"), "{listed}");
    let refused = served.run(&["revoke", "deep", "--dry-run"], "").failed();
    assert!(refused.contains("the host's own identity signs no calls to IAM: name a stored access key"), "{refused}");
    assert!(!refused.contains("what answers is not AWS's IAM"), "{refused}");
    for secret in [&first, &second].map(|vended| vended["secret_access_key"].as_str().unwrap().to_owned()) {
        assert!(!served.log().contains(&secret), "a secret of the host's is in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instances_identity_vends() {
    let (stage, [first, _]) = stage_and_identities().await;
    let host = HostIdentity::start();
    host.becomes(&first, 3_600);
    let served = serve(installation(&stage), &host.instance());
    let door = Door::of(&served.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let vended = door.vend(&ada, "deep").await;
    assert_eq!(vended.status, 200, "{vended:?}\n{}", served.log());
    assert_eq!(last_signer(&stage), first["access_key_id"].as_str().unwrap());
    assert!(host.asked().contains(&"put /latest/api/token".to_owned()), "{:?}", host.asked());
    let body = json!({ "session_duration_seconds": 3_600 });
    let path = "/v1/connectors/deep/console-url";
    let link = door.ask(reqwest::Method::POST, path, Some(&ada), Some(&body)).await;
    assert_eq!(link.status, 200, "{link:?}");
    let asked = stage.sim.calls();
    let asked: Vec<_> = asked.iter().filter(|call| call.action == "getSigninToken").collect();
    assert_eq!(asked.len(), 1, "a role's role is not refused first");
    assert!(!asked[0].parameters.contains_key("SessionDuration"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_calls_expired_is_asked_for_anew_and_a_long_term_key_is_not_tried_again() {
    let (stage, [first, second]) = stage_and_identities().await;
    let host = HostIdentity::start();
    host.becomes(&first, 3_600);
    let here = stage.on_sqlite();
    here.write("connectors.toml", &(stage.connectors() + AMBIENT + &role_connector("deep", "host")));
    let mut served = serve(here, &host.container());
    let door = Door::of(&served.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    served.process().wait_for_line("AWS says whose access key this is");
    assert_eq!(door.vend(&ada, "deep").await.status, 200);

    host.becomes(&second, 3_600);
    let expired = || aws_sim::Fault::Refusal { status: 403, code: "ExpiredToken", message: "it is over".to_owned() };
    stage.sim.faults().once(aws_sim::Calls::of("AssumeRole"), expired());
    let vended = door.vend(&ada, "deep").await;
    assert_eq!(vended.status, 200, "{vended:?}\n{}", served.log());
    assert_eq!(last_signer(&stage), second["access_key_id"].as_str().unwrap(), "with what is new");

    stage.sim.forget_calls();
    stage.sim.faults().once(aws_sim::Calls::of("AssumeRole"), expired());
    let refused = door.vend(&ada, "deploy").await;
    assert!(refused.status == 502 && refused.body.contains("ExpiredToken"), "{refused:?}");
    assert_eq!(stage.sim.calls().iter().filter(|call| call.action == "AssumeRole").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_an_identity_is_told_and_nothing_is_vended() {
    let (stage, [first, _]) = stage_and_identities().await;
    stage.sim.forget_calls();
    let served = serve(installation(&stage), &[("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())]);
    let door = Door::of(&served.url());
    let ada = door.sign_in("ada", stage.password_of("ada")).await;
    let refused = door.vend(&ada, "deep").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.contains("aws_unavailable"), "{refused:?}");
    assert!(served.log().contains("this host has no AWS identity of its own"), "{}", served.log());
    assert_eq!(stage.sim.calls().len(), 0, "AWS was not asked");

    let host = HostIdentity::start();
    host.becomes(&first, 3_600);
    host.mumbles();
    for (what, host) in [("container", &host.container()[..]), ("instance", &host.instance()[..])] {
        let served = serve(installation(&stage), host);
        let door = Door::of(&served.url());
        let ada = door.sign_in("ada", stage.password_of("ada")).await;
        assert_eq!(door.vend(&ada, "deep").await.status, 503, "{what}");
        let log = served.log();
        assert!(log.contains("gave nothing usable"), "{what}: {log}");
        for part in ["secret_access_key", "session_token"] {
            assert!(!log.contains(first[part].as_str().unwrap()), "{what}: the host's {part} is in the log: {log}");
        }
    }
}
