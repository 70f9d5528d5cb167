//! Trust policies: whom a role lets in, and on what conditions.

use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sim::Role;
use serde_json::json;

use crate::kit::{
    AWAY, BROKER, DEPLOY, HOME, SECRET, allow, code, start, sts, sts_as, sts_with, trust, trust_if, world,
};

fn assume(client: &Client) -> AssumeRoleFluentBuilder {
    client.assume_role().role_arn(DEPLOY).role_session_name("ada")
}

/// The mighty broker's try at a role of this account with this trust policy.
async fn outcome(trust: &serde_json::Value) -> Result<(), String> {
    let sim = start(world().role(Role::new(HOME, "tried", trust))).await;
    let result = assume(&sts(&sim)).role_arn("arn:aws:iam::111111111111:role/tried").send().await;
    if result.is_ok() { Ok(()) } else { Err(code(result)) }
}

#[tokio::test]
async fn trust_policies_name_accounts_users_or_everyone() {
    for principal in [HOME, "arn:aws:iam::111111111111:root", BROKER, "*"] {
        assert_eq!(outcome(&trust(principal)).await, Ok(()), "{principal}");
    }
    for principal in [AWAY, "arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:user/poor", DEPLOY] {
        assert_eq!(outcome(&trust(principal)).await, Err("AccessDenied".to_owned()), "{principal}");
    }
    let service = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" } });
    assert_eq!(outcome(&service).await, Err("AccessDenied".to_owned()));
    let other_action =
        json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRoleWithSAML" } });
    assert_eq!(outcome(&other_action).await, Err("AccessDenied".to_owned()));
    let denied = json!({ "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" },
        { "Effect": "Deny", "Principal": { "AWS": BROKER }, "Action": "sts:AssumeRole" } ] });
    assert_eq!(outcome(&denied).await, Err("AccessDenied".to_owned()));
}

#[tokio::test]
async fn trust_in_the_account_leaves_it_to_the_user_s_policies() {
    let named = Role::new(HOME, "named", trust("arn:aws:iam::111111111111:user/poor"));
    let sim = start(world().role(named)).await;
    let poor = sts_as(&sim, crate::kit::POOR_KEY, SECRET, None);
    assert_eq!(code(assume(&poor).send().await), "AccessDenied", "the account is trusted, but the user may nothing");
    assume(&poor).role_arn("arn:aws:iam::111111111111:role/named").send().await.unwrap();
    sim.world().put_policy("arn:aws:iam::111111111111:user/poor", "now", allow(&["sts:AssumeRole"], DEPLOY)).unwrap();
    assume(&poor).send().await.unwrap();
    let deny = json!({ "Statement": { "Effect": "Deny", "Action": "sts:*", "Resource": "*" } });
    sim.world().put_policy("arn:aws:iam::111111111111:user/poor", "never", deny).unwrap();
    let named = assume(&poor).role_arn("arn:aws:iam::111111111111:role/named").send().await;
    assert_eq!(code(named), "AccessDenied", "an explicit deny wins over the trust policy");
}

#[tokio::test]
async fn across_accounts_both_sides_must_agree() {
    let theirs = "arn:aws:iam::222222222222:role/theirs";
    let sim = start(world().role(Role::new(AWAY, "theirs", trust("arn:aws:iam::111111111111:user/poor")))).await;
    let poor = sts_as(&sim, crate::kit::POOR_KEY, SECRET, None);
    assert_eq!(code(assume(&poor).role_arn(theirs).send().await), "AccessDenied");
    sim.world().put_policy("arn:aws:iam::111111111111:user/poor", "now", allow(&["sts:AssumeRole"], theirs)).unwrap();
    let answer = assume(&poor).role_arn(theirs).send().await.unwrap();
    assert_eq!(answer.assumed_role_user().unwrap().arn(), "arn:aws:sts::222222222222:assumed-role/theirs/ada");
    assert_eq!(
        code(assume(&sts(&sim)).role_arn(theirs).send().await),
        "AccessDenied",
        "the broker is not trusted there"
    );
}

#[tokio::test]
async fn trust_may_name_a_role_or_one_session_of_it() {
    let ada = "arn:aws:sts::111111111111:assumed-role/deploy/ada";
    let world = world()
        .role(Role::new(HOME, "for-the-role", trust(DEPLOY)))
        .role(Role::new(HOME, "for-ada", trust(ada)))
        .role(Role::new(HOME, "for-the-user", trust(BROKER)));
    let sim = start(world).await;
    let deploy = async |name: &str, policy: Option<String>| {
        let answer = assume(&sts(&sim)).role_session_name(name).set_policy(policy).send().await.unwrap();
        sts_with(&sim, answer.credentials().unwrap())
    };
    let try_role = async |client: &Client, role: &str| {
        let result = assume(client).role_arn(format!("arn:aws:iam::111111111111:role/{role}")).send().await;
        if result.is_ok() { "ok".to_owned() } else { code(result) }
    };
    let (ada, eve) = (deploy("ada", None).await, deploy("eve", None).await);
    assert_eq!(try_role(&ada, "for-the-role").await, "ok");
    assert_eq!(try_role(&eve, "for-the-role").await, "ok");
    assert_eq!(try_role(&ada, "for-ada").await, "ok");
    assert_eq!(try_role(&eve, "for-ada").await, "AccessDenied");
    assert_eq!(try_role(&ada, "for-the-user").await, "AccessDenied", "the role is not the user who assumed it");
    // A session policy limits what the role is trusted with, but not what the session itself is.
    let narrow = deploy("ada", Some(allow(&["s3:GetObject"], "*").to_string())).await;
    assert_eq!(try_role(&narrow, "for-the-role").await, "AccessDenied");
    assert_eq!(try_role(&narrow, "for-ada").await, "ok");
    let session = sts(&sim).get_session_token().send().await.unwrap().credentials.unwrap();
    assert_eq!(try_role(&sts_with(&sim, &session), "for-the-user").await, "ok");
}

#[tokio::test]
async fn an_external_id_must_be_the_agreed_one() {
    let condition = json!({ "StringEquals": { "sts:ExternalId": "our:secret/word" } });
    let sim = start(world().role(Role::new(HOME, "tried", trust_if(HOME, &condition)))).await;
    let client = sts(&sim);
    let ask = || assume(&client).role_arn("arn:aws:iam::111111111111:role/tried");
    ask().external_id("our:secret/word").send().await.unwrap();
    assert_eq!(code(ask().send().await), "AccessDenied", "missing");
    assert_eq!(code(ask().external_id("their:word").send().await), "AccessDenied");
    for malformed in ["x", "a b", "ü!", &"x".repeat(1_225)] {
        assert_eq!(code(ask().external_id(malformed).send().await), "ValidationError", "{malformed}");
    }
    assert_eq!(code(ask().external_id("x".repeat(1_224)).send().await), "AccessDenied", "well-formed, but wrong");
}

#[tokio::test]
async fn other_conditions_of_trust_are_evaluated() {
    let cases = [
        (json!({ "StringLike": { "sts:RoleSessionName": "a*" } }), true),
        (json!({ "StringLike": { "sts:RoleSessionName": "b*" } }), false),
        (json!({ "StringEquals": { "aws:PrincipalArn": BROKER, "sts:RoleSessionName": "${aws:username}" } }), false),
        (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:user/ci/*" } }), true),
        (json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }), false),
        (json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }), true),
        (json!({ "Null": { "sts:ExternalId": "true" } }), true),
        (json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } }), true),
        (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), false),
        (json!({ "NumericLessThanEquals": { "sts:DurationSeconds": "3600" } }), true),
        (json!({ "NumericLessThan": { "sts:DurationSeconds": "3600" } }), false),
        (json!({ "StringEquals": { "aws:ResourceAccount": HOME } }), true),
        (json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-1" } }), false),
    ];
    for (condition, fine) in cases {
        assert_eq!(outcome(&trust_if(HOME, &condition)).await.is_ok(), fine, "{condition}");
    }
}
