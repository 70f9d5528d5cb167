//! `AssumeRole`: its parameters, trust policies, chains, source identities.

use crate::kit::Packed as _;
use crate::kit::{
    BROKER, DEPLOY, HOME, KEY, ROOT_KEY, SECRET, allow, code, refusal, start, sts, sts_as, sts_with, trust, trust_if,
    world,
};
use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sim::{AccessKey, Role, Sim, User, World};
use serde_json::json;

fn assume(client: &Client) -> AssumeRoleFluentBuilder {
    client.assume_role().role_arn(DEPLOY).role_session_name("ada")
}

async fn assumed(client: &Client) -> AssumeRoleOutput {
    assume(client).send().await.unwrap()
}

#[tokio::test]
async fn a_role_is_assumed_and_its_session_is_named() {
    let sim = start(world()).await;
    let answer = assumed(&sts(&sim)).await;
    let user = answer.assumed_role_user().unwrap();
    assert_eq!(user.arn(), "arn:aws:sts::111111111111:assumed-role/deploy/ada");
    assert!(user.assumed_role_id().starts_with("AROA") && user.assumed_role_id().ends_with(":ada"));
    assert_eq!(answer.packed(), None);
    let credentials = answer.credentials().unwrap();
    assert!(credentials.access_key_id().starts_with("ASIA"));
    assert_eq!(credentials.secret_access_key().len(), 40);
    assert_eq!(credentials.expiration().secs(), sim.clock().now().as_second() + 3_600, "an hour is the default");
    let identity = sts_with(&sim, credentials).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(user.arn()));
    assert_eq!(identity.user_id(), Some(user.assumed_role_id()));
}

#[tokio::test]
async fn session_names_follow_the_rules() {
    let sim = start(world()).await;
    let client = sts(&sim);
    for name in ["ab", "A9_+=,.@-", &"x".repeat(64)] {
        assume(&client).role_session_name(name).send().await.unwrap();
    }
    for name in ["a", &"x".repeat(65), "a b", "a/b", "ü-ü", "a:b"] {
        let (code, message) = refusal(assume(&client).role_session_name(name).send().await);
        assert_eq!(code, "ValidationError");
        assert!(message.contains("roleSessionName"), "{name}: {message}");
    }
}

#[tokio::test]
async fn durations_are_between_fifteen_minutes_and_twelve_hours() {
    let sim = start(world()).await;
    let client = sts(&sim);
    for seconds in [900, 43_200] {
        let answer = assume(&client).duration_seconds(seconds).send().await.unwrap();
        let left = answer.credentials().unwrap().expiration().secs() - sim.clock().now().as_second();
        assert!((i64::from(seconds) - 2..=i64::from(seconds)).contains(&left), "{left}");
    }
    for seconds in [-1, 0, 899, 43_201] {
        let (code, message) = refusal(assume(&client).duration_seconds(seconds).send().await);
        assert_eq!(code, "ValidationError", "{seconds}");
        assert!(message.contains("durationSeconds"), "{message}");
    }
}

#[tokio::test]
async fn a_role_has_its_own_longest_session() {
    let short = Role::new(HOME, "short", trust(HOME)).max_session_duration(7_200);
    let sim = start(world().role(short)).await;
    let client = sts(&sim);
    let ask = |seconds| assume(&client).role_arn("arn:aws:iam::111111111111:role/short").duration_seconds(seconds);
    ask(7_200).send().await.unwrap();
    let (code, message) = refusal(ask(7_201).send().await);
    assert_eq!(code, "ValidationError");
    assert!(message.contains("MaxSessionDuration"), "{message}");
}

#[tokio::test]
async fn a_role_assumed_from_a_role_lasts_an_hour_at_most() {
    let sim = start(world()).await;
    let role = assumed(&sts(&sim)).await;
    let chained = sts_with(&sim, role.credentials().unwrap());
    assume(&chained).duration_seconds(3_600).send().await.unwrap();
    let (code, message) = refusal(assume(&chained).duration_seconds(3_601).send().await);
    assert_eq!(code, "ValidationError");
    assert!(message.contains("role chaining"), "{message}");
    let session = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    assume(&sts_with(&sim, &session)).duration_seconds(7_200).send().await.unwrap();
}

#[tokio::test]
async fn root_assumes_no_roles() {
    let sim = start(world()).await;
    let (code, message) = refusal(assume(&sts_as(&sim, ROOT_KEY, SECRET, None)).send().await);
    assert_eq!((code.as_str(), message.as_str()), ("AccessDenied", "Roles may not be assumed by root accounts."));
}

#[tokio::test]
async fn a_role_that_is_not_there_is_a_role_one_may_not_assume() {
    let sim = start(world()).await;
    let nowhere = "arn:aws:iam::111111111111:role/nowhere";
    let (code, message) = refusal(assume(&sts(&sim)).role_arn(nowhere).send().await);
    assert_eq!(code, "AccessDenied");
    assert_eq!(message, format!("User: {BROKER} is not authorized to perform: sts:AssumeRole on resource: {nowhere}"));
    for malformed in [
        "arn:aws:iam::111111111111:user/deploy",
        "arn:aws-cn:iam::111111111111:role/deploy",
        "arn:aws:iam::1:role/deploy-it",
    ] {
        assert_eq!(code_of(&sim, malformed).await, "ValidationError", "{malformed}");
    }
    assert_eq!(code_of(&sim, "role/deploy").await, "ValidationError");
}

async fn code_of(sim: &Sim, role_arn: &str) -> String {
    code(assume(&sts(sim)).role_arn(role_arn).send().await)
}

#[tokio::test]
async fn a_role_may_ask_for_a_one_time_code() {
    let condition = json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } });
    let sim = start(world().role(Role::new(HOME, "tried", trust_if(HOME, &condition)))).await;
    let client = sts(&sim);
    let device = "arn:aws:iam::111111111111:mfa/broker";
    let ask = || assume(&client).role_arn("arn:aws:iam::111111111111:role/tried");
    ask().serial_number(device).token_code("123456").send().await.unwrap();
    let used = refusal(ask().serial_number(device).token_code("123456").send().await);
    let said = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    assert_eq!(used, ("AccessDenied".to_owned(), said.to_owned()), "each is good once");
    assert_eq!(code(ask().send().await), "AccessDenied");
    assert_eq!(code(ask().serial_number(device).token_code("654321").send().await), "AccessDenied");
    assert_eq!(code(ask().serial_number(device).send().await), "AccessDenied");
    for malformed in ["12345", "1234567", "12345a"] {
        assert_eq!(code(ask().serial_number(device).token_code(malformed).send().await), "ValidationError");
    }
    assert_eq!(code(ask().serial_number("12345678").token_code("123456").send().await), "ValidationError");
    assert!(sim.calls().iter().all(|call| !call.parameters.contains_key("TokenCode")), "codes are not written down");
}

#[tokio::test]
async fn a_source_identity_is_set_once_and_stays() {
    let sim = start(world()).await;
    let first = assume(&sts(&sim)).source_identity("ada@example").send().await.unwrap();
    assert_eq!(first.source_identity(), Some("ada@example"));
    let chained = sts_with(&sim, first.credentials().unwrap());
    assert_eq!(assumed(&chained).await.source_identity(), Some("ada@example"), "inherited");
    assume(&chained).source_identity("ada@example").send().await.unwrap();
    assert_eq!(code(assume(&chained).source_identity("eve").send().await), "AccessDenied");
    for malformed in ["a", "a b", "aws:ada", &"x".repeat(65)] {
        assert_eq!(code(assume(&sts(&sim)).source_identity(malformed).send().await), "ValidationError", "{malformed}");
    }
}

#[tokio::test]
async fn a_source_identity_needs_leave_on_both_sides() {
    let reserved =
        json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": HOME }, "Action": "sts:AssumeRole" } });
    let modest = User::new(HOME, "modest")
        .inline_policy("assume", allow(&["sts:AssumeRole"], "*"))
        .key(AccessKey::new("AKIAMODESTMODEST0000", SECRET));
    let sim = start(world().role(Role::new(HOME, "reserved", reserved)).user(modest)).await;
    let message = refusal(
        assume(&sts(&sim)).role_arn("arn:aws:iam::111111111111:role/reserved").source_identity("ada").send().await,
    );
    assert_eq!(message.0, "AccessDenied");
    assert!(message.1.contains("sts:SetSourceIdentity"), "{}", message.1);
    let modest = sts_as(&sim, "AKIAMODESTMODEST0000", SECRET, None);
    assumed(&modest).await;
    assert_eq!(code(assume(&modest).source_identity("ada").send().await), "AccessDenied");
}

#[tokio::test]
async fn regions_can_be_switched_off() {
    let sim = start(world()).await;
    let there = crate::kit::sts_in(&sim, "ap-east-1", KEY, SECRET, None);
    assert_eq!(code(assume(&there).send().await), "RegionDisabledException");
    there.get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn another_partition_has_other_names() {
    let partition = aws_sim::Partition::UsGov;
    let user = User::new(HOME, "broker").inline_policy("all", allow(&["*"], "*")).key(AccessKey::new(KEY, SECRET));
    let world = World::new().partition(partition).user(user).role(Role::new(HOME, "deploy", trust(HOME)));
    let sim = start(world).await;
    let client = crate::kit::sts_in(&sim, "us-gov-west-1", KEY, SECRET, None);
    let answer = assume(&client).role_arn("arn:aws-us-gov:iam::111111111111:role/deploy").send().await.unwrap();
    assert_eq!(answer.assumed_role_user().unwrap().arn(), "arn:aws-us-gov:sts::111111111111:assumed-role/deploy/ada");
    assert_eq!(code(assume(&client).send().await), "ValidationError");
}
