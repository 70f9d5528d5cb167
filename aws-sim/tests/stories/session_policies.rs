//! Session policies: their shape, their packed size, and what they leave of one's rights.

use crate::kit::Packed as _;
use crate::kit::{
    AWS_MANAGED, DEPLOY, HOME, MANAGED, allow, code, get_object, iam, refusal, start, sts, vended, world,
};
use aws_credential_types::Credentials;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_sim::{Bucket, Sim};
use serde_json::{Value, json};

fn arn(arn: &str) -> PolicyDescriptorType {
    PolicyDescriptorType::builder().arn(arn).build()
}

/// A federated user with these session policies.
async fn federated(sim: &Sim, inline: Option<&Value>, arns: &[&str]) -> Credentials {
    let call = sts(sim).get_federation_token().name("ada").set_policy(inline.map(Value::to_string));
    let call = arns.iter().fold(call, |call, one| call.policy_arns(arn(one)));
    vended(&call.send().await.unwrap().credentials.unwrap())
}

/// The mighty role with these session policies.
async fn role(sim: &Sim, inline: Option<&Value>, arns: &[&str]) -> Credentials {
    let call = sts(sim).assume_role().role_arn(DEPLOY).role_session_name("ada");
    let call = call.set_policy(inline.map(Value::to_string));
    let call = arns.iter().fold(call, |call, one| call.policy_arns(arn(one)));
    vended(&call.send().await.unwrap().credentials.unwrap())
}

const REPORT: &str = "/reports/q1.txt";
const SECRET_FILE: &str = "/secrets/key.txt";

fn denied() -> Result<String, String> {
    Err("AccessDenied".to_owned())
}

#[tokio::test]
async fn a_role_without_session_policies_is_the_whole_role() {
    let sim = start(world()).await;
    let who = role(&sim, None, &[]).await;
    assert_eq!(get_object(&sim, &who, REPORT).await.unwrap(), "first quarter");
    assert_eq!(get_object(&sim, &who, SECRET_FILE).await.unwrap(), "hush");
    assert!(iam(&sim, &who, "Action=ListUsers").await.unwrap().contains("<UserName>broker</UserName>"));
}

#[tokio::test]
async fn session_policies_narrow_and_never_widen() {
    let sim = start(world()).await;
    let narrow = role(&sim, Some(&allow(&["s3:GetObject"], "arn:aws:s3:::reports/*")), &[]).await;
    assert!(get_object(&sim, &narrow, REPORT).await.is_ok());
    assert_eq!(get_object(&sim, &narrow, SECRET_FILE).await, denied());
    assert_eq!(iam(&sim, &narrow, "Action=ListUsers").await, denied());
    // The broker has sts, s3 and iam; a federated user of it cannot have more, whatever the session policy says.
    sim.world().put_policy(crate::kit::BROKER, "all", allow(&["sts:*", "s3:GetObject"], "*")).unwrap();
    let wide = federated(&sim, Some(&allow(&["*"], "*")), &[]).await;
    assert!(get_object(&sim, &wide, REPORT).await.is_ok());
    assert_eq!(crate::kit::signed(&sim, &wide, "s3", "PUT", "/reports/new.txt", "x").await.0, 403);
}

#[tokio::test]
async fn inline_and_managed_session_policies_are_a_union() {
    // The trap: whoever thinks that an inline policy narrows the managed ones hands out both.
    let sim = start(world()).await;
    let inline = allow(&["s3:GetObject"], "arn:aws:s3:::reports/*");
    for who in [role(&sim, Some(&inline), &[AWS_MANAGED]).await, federated(&sim, Some(&inline), &[AWS_MANAGED]).await] {
        assert!(get_object(&sim, &who, REPORT).await.is_ok());
        assert!(get_object(&sim, &who, SECRET_FILE).await.is_ok(), "the managed policy allows it");
    }
    let deny = json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::secrets/*" } });
    let who = role(&sim, Some(&deny), &[AWS_MANAGED]).await;
    assert!(get_object(&sim, &who, REPORT).await.is_ok());
    assert_eq!(get_object(&sim, &who, SECRET_FILE).await, denied(), "an explicit deny does narrow");
}

#[tokio::test]
async fn managed_session_policies_alone_narrow_too() {
    let sim = start(world()).await;
    for who in [role(&sim, None, &[MANAGED]).await, federated(&sim, None, &[MANAGED]).await] {
        assert!(get_object(&sim, &who, REPORT).await.is_ok());
        assert_eq!(get_object(&sim, &who, SECRET_FILE).await, denied());
    }
}

#[tokio::test]
async fn a_federated_user_without_session_policies_has_nothing_but_what_a_resource_gives_it() {
    let by_name = json!({ "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*",
        "Principal": { "AWS": "arn:aws:sts::111111111111:federated-user/ada" } } });
    let sim = start(world().bucket(Bucket::new(HOME, "shared").policy(by_name).object("x", "for ada"))).await;
    let who = federated(&sim, None, &[]).await;
    assert_eq!(get_object(&sim, &who, REPORT).await, denied());
    assert_eq!(crate::kit::signed(&sim, &who, "s3", "GET", "/", "").await.0, 403);
    assert_eq!(get_object(&sim, &who, "/shared/x").await.unwrap(), "for ada");
    let (_, body) = crate::kit::signed(&sim, &who, "s3", "GET", REPORT, "").await;
    assert_eq!(
        crate::kit::element(&body, "Message"),
        "User: arn:aws:sts::111111111111:federated-user/ada is not authorized to perform: s3:GetObject on resource: \
         &quot;arn:aws:s3:::reports/q1.txt&quot; because no session policy allows the s3:GetObject action"
    );
}

#[tokio::test]
async fn rights_follow_the_world() {
    let sim = start(world()).await;
    let who = role(&sim, None, &[]).await;
    assert!(get_object(&sim, &who, REPORT).await.is_ok());
    let deny = json!({ "Statement": { "Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": { "DateLessThan": { "aws:TokenIssueTime": "2999-01-01T00:00:00Z" } } } });
    sim.world().put_policy(DEPLOY, "AWSRevokeOlderSessions", deny).unwrap();
    assert_eq!(get_object(&sim, &who, REPORT).await, denied());
}

#[tokio::test]
async fn policies_have_a_length_and_an_alphabet() {
    let sim = start(world()).await;
    let sized = |length: usize| {
        let policy = allow(&["s3:GetObject"], "*").to_string();
        policy.replacen('{', &format!("{{{}", " ".repeat(length - policy.len())), 1)
    };
    let client = sts(&sim);
    let ask = async |policy: String| client.get_federation_token().name("ada").policy(policy).send().await;
    ask(sized(2_048)).await.unwrap();
    assert_eq!(code(ask(sized(2_049)).await), "ValidationError");
    assert_eq!(code(ask(String::new()).await), "ValidationError");
    assert_eq!(code(ask(sized(200).replace("GetObject", "Get漢")).await), "ValidationError");
    let role = client.assume_role().role_arn(DEPLOY).role_session_name("ada").policy(sized(2_049)).send().await;
    assert_eq!(code(role), "ValidationError");
}

#[tokio::test]
async fn a_malformed_policy_is_told_from_a_long_one() {
    let sim = start(world()).await;
    for malformed in [
        "{",
        "{}",
        r#"{"Statement":[]}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*"}}"#,
        r#"{"Version":"2012-10-18","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws-cn:s3:::b/*"}}"#,
    ] {
        let result = sts(&sim).get_federation_token().name("ada").policy(malformed).send().await;
        assert_eq!(code(result), "MalformedPolicyDocument", "{malformed}");
    }
}

#[tokio::test]
async fn at_most_ten_managed_policies_of_the_same_account() {
    let policy = |n: usize| format!("arn:aws:iam::111111111111:policy/p{n}");
    let many = (0..11).fold(world(), |world, n| world.managed_policy(&policy(n), allow(&["s3:*"], "*")));
    let sim = start(many).await;
    let client = sts(&sim);
    let ask = async |arns: Vec<String>| {
        let call = client.get_federation_token().name("ada");
        arns.iter().fold(call, |call, one| call.policy_arns(arn(one))).send().await
    };
    ask((0..10).map(policy).collect()).await.unwrap();
    let (code_, message) = refusal(ask((0..11).map(policy).collect()).await);
    assert_eq!(code_, "ValidationError");
    assert!(message.contains("policyArns"), "{message}");
    for wrong in ["arn:aws:iam::222222222222:policy/theirs", "arn:aws:iam::111111111111:policy/none", "arn:aws:iam::x"]
    {
        assert_eq!(code(ask(vec![wrong.to_owned()]).await), "ValidationError", "{wrong}");
    }
}

#[tokio::test]
async fn policies_and_tags_share_a_packed_size() {
    let sim = start(world()).await;
    let client = sts(&sim);
    let tag = |n: usize, value: usize| {
        aws_sdk_sts::types::Tag::builder().key(format!("k{n}")).value("v".repeat(value)).build().unwrap()
    };
    let long = allow(&["s3:GetObject"], &format!("arn:aws:s3:::{}", "x".repeat(1_900))).to_string();
    assert!(long.len() <= 2_048);
    let ask = || client.get_federation_token().name("ada").policy(&long);
    let size = ask().send().await.unwrap().packed().unwrap();
    assert!((70..=80).contains(&size), "{size}");
    let with_tag = ask().tags(tag(1, 200)).send().await.unwrap();
    assert!(with_tag.packed().unwrap() > size);
    let (code_, message) = refusal((1..=3).fold(ask(), |call, n| call.tags(tag(n, 250))).send().await);
    assert_eq!(code_, "PackedPolicyTooLarge");
    assert!(message.contains("% of allotted space"), "{message}");
    assert_eq!(client.get_federation_token().name("ada").send().await.unwrap().packed(), None);
}

#[tokio::test]
async fn session_tokens_grow_with_what_they_carry() {
    let sim = start(world()).await;
    let bare = role(&sim, None, &[]).await;
    let long = allow(&["s3:GetObject"], &format!("arn:aws:s3:::{}", "x".repeat(1_900)));
    let loaded = role(&sim, Some(&long), &[]).await;
    assert!(loaded.session_token().unwrap().len() > bare.session_token().unwrap().len() + 2_000);
}
