//! Trouble on demand, as AWS's own client sees it.

use std::time::{Duration, Instant};

use aws_sdk_sts::error::SdkError;
use aws_sim::{Calls, CredentialField, Fault, Outcome};

use crate::kit::{BROKER, DEPLOY, KEY, POOR_KEY, SECRET, code, exchange, long_term, signed, start, sts, sts_as, world};

#[tokio::test]
async fn calls_are_throttled_as_often_as_asked() {
    let sim = start(world()).await;
    sim.faults().times(2, Calls::of("GetSessionToken").by(KEY), Fault::Throttle);
    let client = sts(&sim);
    client.get_caller_identity().send().await.unwrap();
    sts_as(&sim, POOR_KEY, SECRET, None).get_session_token().send().await.unwrap();
    for _ in 0..2 {
        let result = client.get_session_token().send().await;
        assert_eq!(result.as_ref().unwrap_err().raw_response().unwrap().status().as_u16(), 400);
        assert_eq!(code(result), "Throttling");
    }
    client.get_session_token().send().await.unwrap();
    assert_eq!(sim.faults().pending(), 0);
    let calls = sim.calls();
    let throttled: Vec<_> = calls.iter().filter(|call| call.fault == Some(Fault::Throttle)).collect();
    assert_eq!(throttled.len(), 2);
    assert!(throttled.iter().all(|call| call.outcome == Outcome::Error("Throttling".to_owned())));
    assert_eq!(sim.count("GetSessionToken"), 4);
}

#[tokio::test]
async fn the_client_s_own_retries_get_over_it() {
    use aws_sdk_sts::config::retry::RetryConfig;
    let sim = start(world()).await;
    sim.faults().once(Calls::any(), Fault::InternalFailure);
    sim.faults().once(Calls::any(), Fault::ServiceUnavailable);
    sim.faults().once(Calls::any(), Fault::DroppedConnection);
    let retry = RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1));
    let config = sts(&sim).config().to_builder().retry_config(retry).build();
    aws_sdk_sts::Client::from_conf(config).get_session_token().send().await.unwrap();
    assert_eq!(sim.count("GetSessionToken"), 4);
}

#[tokio::test]
async fn answers_come_late() {
    let sim = start(world()).await;
    sim.faults().latency(Duration::from_secs(1));
    sim.faults().once(Calls::any(), Fault::Stall(Duration::from_secs(3)));
    let before = Instant::now();
    sts(&sim).get_caller_identity().send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(4));
    let before = Instant::now();
    sts(&sim).get_caller_identity().send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(1) && before.elapsed() < Duration::from_secs(4));
    sim.faults().clear();
    let before = Instant::now();
    sts(&sim).get_caller_identity().send().await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn answers_are_not_what_they_should_be() {
    let sim = start(world()).await;
    let ask = async || sts(&sim).assume_role().role_arn(DEPLOY).role_session_name("ada").send().await;
    sim.faults().once(Calls::any(), Fault::NotXml);
    assert!(matches!(ask().await, Err(SdkError::ResponseError(_) | SdkError::ServiceError(_))));
    sim.faults().once(Calls::any(), Fault::Truncated);
    // The client may well take it for an answer: that is what the fault is for.
    if let Ok(answer) = ask().await {
        assert_eq!(answer.credentials().unwrap().session_token(), "");
    }
    sim.faults().once(Calls::any(), Fault::MissingField(CredentialField::SecretAccessKey));
    let answer = ask().await.unwrap();
    assert_eq!(answer.credentials().unwrap().secret_access_key(), "");
    assert!(!answer.credentials().unwrap().session_token().is_empty());
    ask().await.unwrap();
}

#[tokio::test]
async fn connections_are_dropped_without_an_answer() {
    let sim = start(world()).await;
    sim.faults().once(Calls::of("GetCallerIdentity"), Fault::DroppedConnection);
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(exchange(&sim, "POST", "/", &headers, form).await, None);
    assert!(exchange(&sim, "POST", "/", &headers, form).await.is_some());
}

#[tokio::test]
async fn connections_are_cut_in_the_middle_of_the_answer() {
    let sim = start(world()).await;
    sim.faults().once(Calls::any(), Fault::CutConnection);
    let result = sts(&sim).get_caller_identity().send().await;
    assert!(!matches!(result, Ok(_) | Err(SdkError::ServiceError(_))), "{result:?}");
    assert_eq!(sim.count("GetCallerIdentity"), 1, "it was carried out");
    sts(&sim).get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn answers_trickle() {
    let sim = start(world()).await;
    sim.faults().once(Calls::any(), Fault::SlowBytes(Duration::from_millis(1)));
    let before = Instant::now();
    assert_eq!(sts(&sim).get_caller_identity().send().await.unwrap().arn(), Some(BROKER));
    assert!(before.elapsed() > Duration::from_millis(200), "some hundred bytes: {:?}", before.elapsed());
}

#[tokio::test]
async fn answers_are_huge() {
    let sim = start(world()).await;
    sim.faults().once(Calls::any(), Fault::Huge(3_000_000));
    let (_, body) = signed(&sim, &long_term(), "sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert!(body.len() >= 3_000_000 && body.contains("<GetCallerIdentityResponse"), "{}", body.len());
}

#[tokio::test]
async fn one_key_s_calls_of_one_kind_fail_until_that_is_cleared() {
    let sim = start(world()).await;
    sim.faults().always(Calls::of("GetSessionToken").by(KEY), Fault::ServiceUnavailable);
    for _ in 0..20 {
        assert_eq!(code(sts(&sim).get_session_token().send().await), "ServiceUnavailable");
    }
    sts(&sim).get_caller_identity().send().await.unwrap();
    sts_as(&sim, POOR_KEY, SECRET, None).get_session_token().send().await.unwrap();
    sim.faults().clear();
    sts(&sim).get_session_token().send().await.unwrap();
}

#[tokio::test]
async fn any_other_refusal_can_be_had() {
    let sim = start(world()).await;
    let fault = Fault::Refusal { status: 403, code: "ExpiredTokenException", message: "gone".to_owned() };
    sim.faults().once(Calls::any(), fault);
    assert_eq!(code(sts(&sim).get_session_token().send().await), "ExpiredTokenException");
}
