//! AWS throttles, breaks, lies or says no.

use std::time::{Duration, Instant};

use aws_sim::{Calls, CredentialField, Fault};
use reqwest::Method;
use serde_json::json;
use tests::world::{Answer, KEY, SECOND, World, soon};

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_tried_again_and_nobody_hears_of_it() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let refusal = |status, code| Fault::Refusal { status, code, message: "Rate exceeded".to_owned() };
    for fault in [
        Fault::Throttle,
        Fault::InternalFailure,
        Fault::ServiceUnavailable,
        Fault::DroppedConnection,
        refusal(400, "ThrottlingException"),
        refusal(400, "RequestLimitExceeded"),
        refusal(429, "TooManyRequestsException"),
        // The status alone says it.
        refusal(429, "NeverHeardOf"),
        refusal(502, "NeverHeardOf"),
    ] {
        world.sim.forget_calls();
        world.sim.faults().once(Calls::of("AssumeRole"), fault.clone());
        ada.vended("anew", &json!({})).await;
        assert_eq!(world.calls("AssumeRole").len(), 2, "{fault:?}");
    }
    world.sim.forget_calls();
    world.sim.faults().times(2, Calls::of("AssumeRole"), Fault::Throttle);
    ada.vended("anew", &json!({})).await;
    assert_eq!(world.calls("AssumeRole").len(), 3);
    assert_eq!(world.trail_of("anew"), ["person:corp/ada vend success"; 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_end_and_then_it_is_said_what_aws_said() {
    let world = World::prepare().await.configured("retries = 2", "retries = 1").serve();
    let ada = world.person("ada").await;
    world.sim.faults().times(100, Calls::of("AssumeRole"), Fault::Throttle);
    let answer = ada.vend("deploy", &json!({})).await;
    let problem = answer.problem("503 aws_unavailable");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(problem["aws"]["code"], "Throttling");
    assert_eq!(world.calls("AssumeRole").len(), 2, "one retry");
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend failed"]);

    world.sim.faults().clear();
    let hasty = Fault::Refusal { status: 429, code: "NeverHeardOf", message: "Rate exceeded".to_owned() };
    world.sim.faults().times(2, Calls::of("AssumeRole"), hasty);
    let answer = ada.vend("deploy", &json!({})).await;
    assert_eq!(answer.problem("503 aws_unavailable")["aws"]["code"], "NeverHeardOf");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_whom_a_call_did_not_reach_and_why() {
    let world = World::prepare().await.configured("retries = 2", "retries = 1").serve();
    let ada = world.person("ada").await;
    let World { sim, brokerd, .. } = world;
    drop(sim);
    ada.vend("deploy", &json!({})).await.problem("503 aws_unavailable");
    let log = brokerd.log();
    let said = log.lines().find(|line| line.contains("AWS cannot be reached")).unwrap_or_else(|| panic!("{log}"));
    assert!(said.contains("aws.host=\"127.0.0.1\"") && said.contains("Connection refused"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_cut_the_retries_short() {
    let world = World::prepare().await.configured("retries = 2", "retries = 7").serve();
    let ada = world.person("ada").await;
    world.sim.faults().times(100, Calls::of("AssumeRole"), Fault::Throttle);
    let asked = Instant::now();
    let hasty = ada.request(Method::POST, "/v1/connectors/deploy/credentials").header("prefer", "wait=2");
    let answer = Answer::of(hasty).await;
    let problem = answer.problem("503 aws_unavailable");
    assert_eq!(problem["aws"]["code"], "Throttling", "what AWS said last is not lost: {problem}");
    assert!(answer.header("retry-after").is_some());
    // Without it, the daemon's own twenty seconds would go by.
    assert!((1_500..15_000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    let calls = world.calls("AssumeRole").len();
    assert!(calls >= 2, "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_aws_is_not_waited_for_longer_than_the_deadline() {
    let world = World::prepare()
        .await
        .configured("retries = 2", "retries = 2, interactive_deadline_seconds = 1, deadline_seconds = 1")
        .serve();
    let ada = world.person("ada").await;
    world.sim.faults().latency(Duration::from_secs(30));
    for connector in ["deploy", "reports", "raw"] {
        let asked = Instant::now();
        let answer = ada.vend(connector, &json!({})).await;
        answer.problem("503 aws_unavailable");
        assert!(asked.elapsed() < Duration::from_secs(15), "{connector}: {:?}", asked.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_vends_nothing() {
    let world = World::prepare().await.configured("retries = 2", "retries = 0").serve();
    let ada = world.person("ada").await;
    let missing = [
        CredentialField::AccessKeyId,
        CredentialField::SecretAccessKey,
        CredentialField::SessionToken,
        CredentialField::Expiration,
    ];
    let faults: Vec<Fault> =
        [Fault::NotXml, Fault::Truncated].into_iter().chain(missing.map(Fault::MissingField)).collect();
    for (connector, action) in [("deploy", "AssumeRole"), ("reports", "GetFederationToken"), ("raw", "GetSessionToken")]
    {
        for fault in &faults {
            world.sim.faults().once(Calls::of(action), fault.clone());
            let answer = ada.vend(connector, &json!({})).await;
            answer.problem("503 aws_unavailable");
            assert!(answer.header("retry-after").is_some(), "{fault:?}");
            assert!(!answer.text.contains("ASIA") && !answer.text.contains("<!doctype"), "{fault:?}: {}", answer.text);
        }
        assert_eq!(world.trail_of(connector), ["person:corp/ada vend failed"; 6]);
        assert_eq!(ada.vended(connector, &json!({})).await["reused"], false, "none of it is kept");
    }
    assert!(!world.brokerd.log().contains("SecretAccessKey"), "the log does not quote answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_told_as_such_and_no_key_is_blamed() {
    let world = World::prepare().await.configured("retries = 2", "retries = 0").serve();
    let ada = world.person("ada").await;
    for (minutes, said) in [(16, "16 minutes behind AWS's"), (-16, "16 minutes ahead of AWS's")] {
        world.sim.clock().set_skew(jiff::SignedDuration::from_mins(minutes));
        let problem = ada.vend("anew", &json!({})).await.problem("503 aws_unavailable");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        assert_eq!(problem["aws"]["code"], "SignatureDoesNotMatch", "{problem}");
        // The SDK has learnt AWS's time from that answer.
        ada.vended("anew", &json!({})).await;
    }
    let record = world.trail().into_iter().rfind(|record| record["outcome"] == "failed").unwrap();
    assert!(record["reason"].as_str().unwrap().contains("16 minutes ahead of AWS's"), "{record}");
    let log = world.brokerd.log();
    assert!(log.contains("AWS takes no signature of this machine, because of its clock"), "{log}");
    assert!(
        log.contains("this machine's clock is wrong: set it") && log.contains("skew=16 minutes behind AWS's"),
        "{log}"
    );
    assert!(!log.contains("AWS refuses this access key"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_code_aws_gives_to_a_wrong_date_the_clock_is_reported() {
    let world = World::prepare().await.configured("retries = 2", "retries = 0").serve();
    let ada = world.person("ada").await;
    for code in ["IncompleteSignature", "RequestExpired"] {
        let message = "Date must be in ISO-8601 'basic format'".to_owned();
        let refusal = Fault::Refusal { status: 400, code, message };
        // Once more than the SDK may ask by AWS's own time.
        world.sim.faults().times(2, Calls::of("AssumeRole"), refusal);
        let answer = ada.vend("anew", &json!({})).await;
        let problem = answer.problem("503 aws_unavailable");
        assert_eq!(problem["aws"]["code"], code);
        assert!(problem["detail"].as_str().unwrap().contains("set its clock"), "{problem}");
        world.sim.faults().clear();
        ada.vended("anew", &json!({})).await;
    }
    let log = world.brokerd.log();
    assert!(log.contains("AWS takes no signature of this machine, because of its clock"), "{log}");
    assert!(!log.contains("AWS refuses this access key"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_have_expired_on_arrival_are_not_vended() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    world.sim.clock().set(tests::world::now().saturating_sub(jiff::SignedDuration::from_hours(2)).unwrap());
    ada.vend("deploy", &json!({})).await.problem("503 aws_unavailable");
    assert_eq!(world.trail_of("deploy"), ["person:corp/ada vend failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn awss_no_comes_back_with_its_code_message_and_request_id() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    let problem = ada.vend("closed", &json!({})).await.problem("502 aws_refused");
    let call = world.calls("AssumeRole").pop().unwrap();
    assert_eq!(problem["aws"]["code"], "AccessDenied");
    assert!(problem["aws"]["message"].as_str().unwrap().contains("sts:AssumeRole"), "{problem}");
    assert_eq!(problem["aws"]["request_id"], call.request_id);
    assert_eq!(world.calls("AssumeRole").len(), 1, "a no is not asked for again");
    let records = world.trail();
    let record = records.iter().rfind(|record| record["connector"] == "closed").unwrap();
    assert_eq!(record["outcome"], "failed");
    assert!(record["reason"].as_str().unwrap().contains("AccessDenied"), "{record}");

    for (status, code) in [
        (403, "RegionDisabledException"),
        (400, "ExpiredTokenException"),
        (400, "ValidationError"),
        (418, "NeverHeardOf"),
    ] {
        let message = format!("{}\u{1b}[2J\r\nX-Evil: 1", "m".repeat(2_000));
        world.sim.faults().once(Calls::of("AssumeRole"), Fault::Refusal { status, code, message });
        let problem = ada.vend("deploy", &json!({})).await.problem("502 aws_refused");
        assert_eq!(problem["aws"]["code"], code);
        let shown = problem["aws"]["message"].as_str().unwrap();
        assert!(shown.chars().count() <= 512 && !shown.contains(char::is_control), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_key_delays_nobody_who_uses_another() {
    let world = World::prepare().await.configured("retries = 2", "retries = 7").serve();
    let ada = world.person("ada").await;
    world.sim.faults().times(1_000, Calls::any().by(KEY), Fault::Throttle);
    let mut stuck = tokio::task::JoinSet::new();
    for n in 0..20 {
        let ada = ada.clone();
        stuck.spawn(async move {
            let body = json!({ "duration_seconds": 900 + n });
            let hasty = ada.request(Method::POST, "/v1/connectors/deploy/credentials").header("prefer", "wait=20");
            Answer::of(hasty.json(&body)).await.status
        });
    }
    soon("all of them at AWS", async || (world.calls("AssumeRole").len() >= 20).then_some(())).await;
    for n in 0..3 {
        ada.vended("other-key", &json!({ "fresh": true })).await;
        assert!(stuck.try_join_next().is_none(), "they are stuck all the while: after {n}");
    }
    assert_eq!(stuck.join_all().await, [503; 20]);
    let by_second = world.calls("AssumeRole").into_iter().filter(|call| call.access_key_id.as_deref() == Some(SECOND));
    assert_eq!(by_second.count(), 3);
}
