//! `GetFederationToken` and `GetSessionToken`: who may call them, and what their results may not do.

use crate::kit::{
    BROKER, DEPLOY, POOR_KEY, ROOT_KEY, SECRET, allow, code, get_object, iam, refusal, start, sts, sts_as, sts_with,
    vended, world,
};
use aws_sdk_sts::types::Credentials;
use aws_sim::Sim;
use serde_json::json;

async fn federated(sim: &Sim) -> Credentials {
    let policy = allow(&["*"], "*").to_string();
    sts(sim).get_federation_token().name("ada").policy(policy).send().await.unwrap().credentials.unwrap()
}

async fn session(sim: &Sim) -> Credentials {
    sts(sim).get_session_token().send().await.unwrap().credentials.unwrap()
}

async fn role(sim: &Sim) -> Credentials {
    sts(sim).assume_role().role_arn(DEPLOY).role_session_name("ada").send().await.unwrap().credentials.unwrap()
}

#[tokio::test]
async fn a_federated_user_is_named() {
    let sim = start(world()).await;
    let answer = sts(&sim).get_federation_token().name("ada").send().await.unwrap();
    let user = answer.federated_user().unwrap();
    assert_eq!(user.arn(), "arn:aws:sts::111111111111:federated-user/ada");
    assert_eq!(user.federated_user_id(), "111111111111:ada");
    let credentials = answer.credentials().unwrap();
    assert_eq!(credentials.expiration().secs(), sim.clock().now().as_second() + 43_200, "twelve hours are the default");
    let identity = sts_with(&sim, credentials).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(user.arn()));
    assert_eq!(identity.user_id(), Some(user.federated_user_id()));
}

#[tokio::test]
async fn a_session_token_is_the_user() {
    let sim = start(world()).await;
    let credentials = session(&sim).await;
    assert_eq!(credentials.expiration().secs(), sim.clock().now().as_second() + 43_200);
    let identity = sts_with(&sim, &credentials).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some(BROKER));
    assert_eq!(get_object(&sim, &vended(&credentials), "/secrets/key.txt").await.unwrap(), "hush");
}

#[tokio::test]
async fn names_of_federated_users_are_shorter() {
    let sim = start(world()).await;
    let client = sts(&sim);
    for name in ["ab", "A9_+=,.@-", &"x".repeat(32)] {
        client.get_federation_token().name(name).send().await.unwrap();
    }
    for name in ["a", &"x".repeat(33), "a b", "a/b", "ü-ü"] {
        assert_eq!(code(client.get_federation_token().name(name).send().await), "ValidationError", "{name}");
    }
}

#[tokio::test]
async fn both_last_up_to_a_day_and_a_half() {
    let sim = start(world()).await;
    let client = sts(&sim);
    for seconds in [900, 129_600] {
        client.get_federation_token().name("ada").duration_seconds(seconds).send().await.unwrap();
        client.get_session_token().duration_seconds(seconds).send().await.unwrap();
    }
    for seconds in [0, 899, 129_601] {
        let federated = client.get_federation_token().name("ada").duration_seconds(seconds).send().await;
        assert_eq!(code(federated), "ValidationError");
        assert_eq!(code(client.get_session_token().duration_seconds(seconds).send().await), "ValidationError");
    }
}

#[tokio::test]
async fn only_long_term_keys_of_users_get_them() {
    let sim = start(world()).await;
    for credentials in [session(&sim).await, role(&sim).await, federated(&sim).await] {
        let client = sts_with(&sim, &credentials);
        let (code_, message) = refusal(client.get_federation_token().name("ada").send().await);
        assert_eq!(code_, "AccessDenied");
        assert_eq!(message, "Cannot call GetFederationToken with session credentials");
        assert_eq!(code(client.get_session_token().send().await), "AccessDenied");
    }
    let root = sts_as(&sim, ROOT_KEY, SECRET, None);
    assert_eq!(code(root.get_federation_token().name("ada").send().await), "AccessDenied");
    assert_eq!(code(root.get_session_token().send().await), "AccessDenied");
    root.get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn a_federation_token_needs_leave_and_a_session_token_none() {
    let sim = start(world()).await;
    let poor = sts_as(&sim, POOR_KEY, SECRET, None);
    let (code_, message) = refusal(poor.get_federation_token().name("ada").send().await);
    assert_eq!(code_, "AccessDenied");
    assert_eq!(
        message,
        "User: arn:aws:iam::111111111111:user/poor is not authorized to perform: sts:GetFederationToken on resource: \
         arn:aws:sts::111111111111:federated-user/ada"
    );
    poor.get_session_token().send().await.unwrap();
    let deny = json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*" } });
    sim.world().put_policy("arn:aws:iam::111111111111:user/poor", "never", deny).unwrap();
    poor.get_session_token().send().await.unwrap();
    poor.get_caller_identity().send().await.unwrap();
}

#[tokio::test]
async fn federated_users_may_ask_who_they_are_and_no_more_of_sts_and_iam() {
    let sim = start(world()).await;
    let credentials = federated(&sim).await;
    let client = sts_with(&sim, &credentials);
    client.get_caller_identity().send().await.unwrap();
    let assume = client.assume_role().role_arn(DEPLOY).role_session_name("ada").send().await;
    assert_eq!(code(assume), "AccessDenied");
    assert_eq!(iam(&sim, &vended(&credentials), "Action=ListUsers").await, Err("InvalidClientTokenId".to_owned()));
    assert_eq!(get_object(&sim, &vended(&credentials), "/reports/q1.txt").await.unwrap(), "first quarter");
}

#[tokio::test]
async fn session_tokens_assume_roles_and_use_iam_only_with_a_code() {
    let sim = start(world()).await;
    let credentials = session(&sim).await;
    let client = sts_with(&sim, &credentials);
    client.get_caller_identity().send().await.unwrap();
    client.assume_role().role_arn(DEPLOY).role_session_name("ada").send().await.unwrap();
    assert_eq!(iam(&sim, &vended(&credentials), "Action=ListUsers").await, Err("InvalidClientTokenId".to_owned()));
    let with_code = sts(&sim)
        .get_session_token()
        .serial_number("arn:aws:iam::111111111111:mfa/broker")
        .token_code("123456")
        .send()
        .await
        .unwrap();
    assert!(iam(&sim, &vended(&with_code.credentials.unwrap()), "Action=ListUsers").await.is_ok());
}

#[tokio::test]
async fn a_session_token_takes_no_policy() {
    let sim = start(world()).await;
    for extra in ["Policy=%7B%7D", "PolicyArns.member.1.arn=x", "Tags.member.1.Key=k", "Colour=red"] {
        let form = format!("Action=GetSessionToken&Version=2011-06-15&{extra}");
        let (status, body) = crate::kit::signed(&sim, &crate::kit::long_term(), "sts", "POST", "/", &form).await;
        assert_eq!((status, crate::kit::element(&body, "Code").as_str()), (400, "ValidationError"), "{extra}");
    }
}

#[tokio::test]
async fn calls_may_come_by_get_and_unknown_ones_are_told() {
    let sim = start(world()).await;
    let ask = async |query: &str| {
        crate::kit::signed(&sim, &crate::kit::long_term(), "sts", "GET", &format!("/?{query}"), "").await
    };
    let (status, body) = ask("Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>"#), "{body}");
    let (status, body) = ask("Action=DecodeAll&Version=2011-06-15").await;
    assert_eq!((status, crate::kit::element(&body, "Code").as_str()), (400, "InvalidAction"));
    let (_, body) = ask("Action=GetCallerIdentity&Version=2001-01-01").await;
    assert_eq!(crate::kit::element(&body, "Code"), "InvalidAction");
}

#[tokio::test]
async fn session_tokens_may_be_asked_to_be_longer() {
    let sim = start(world()).await;
    let client = sts(&sim);
    let long = client.get_session_token().minimum_session_token_size(4_096).send().await.unwrap();
    let size = long.credentials().unwrap().session_token().len();
    assert!(size >= 4_096);
    assert_eq!(long.session_token_size(), i32::try_from(size).ok());
    assert_eq!(long.session_token_utilization(), Some(100));
    let result = client.get_federation_token().name("ada").minimum_session_token_size(4_097).send().await;
    assert_eq!(code(result), "ValidationError");
}
