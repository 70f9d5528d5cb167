//! Session tags.

use crate::kit::Packed as _;
use crate::kit::{DEPLOY, HOME, SECRET, allow, code, get_object, refusal, start, sts, sts_as, sts_with, vended, world};
use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::types::Tag;
use aws_sim::{AccessKey, Bucket, Role, User};
use serde_json::json;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

fn assume(client: &Client) -> AssumeRoleFluentBuilder {
    client.assume_role().role_arn(DEPLOY).role_session_name("ada")
}

#[tokio::test]
async fn tags_have_a_shape() {
    let sim = start(world()).await;
    let client = sts(&sim);
    for (key, value) in [("Team", ""), ("Zoë 漢字_.:/=+-@", "Zoë 漢字_.:/=+-@"), (&"k".repeat(128), &"v".repeat(256))]
    {
        assume(&client).tags(tag(key, value)).send().await.unwrap();
        client.get_federation_token().name("ada").tags(tag(key, value)).send().await.unwrap();
    }
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    for (key, value) in [("", "x"), ("a*b", "x"), ("k", "a,b"), ("k", "a\tb"), (&long_key, "x"), ("k", &long_value)] {
        assert_eq!(code(assume(&client).tags(tag(key, value)).send().await), "ValidationError", "{key}={value}");
        let federated = client.get_federation_token().name("ada").tags(tag(key, value)).send().await;
        assert_eq!(code(federated), "ValidationError", "{key}={value}");
    }
}

#[tokio::test]
async fn fifty_tags_and_no_more() {
    let sim = start(world()).await;
    let client = sts(&sim);
    let ask = |n: usize| (0..n).fold(assume(&client), |call, n| call.tags(tag(&format!("k{n}"), "v")));
    ask(50).send().await.unwrap();
    let (code_, message) = refusal(ask(51).send().await);
    assert_eq!(code_, "ValidationError");
    assert!(message.contains("'tags'"), "{message}");
    let keys = (0..51).fold(assume(&client), |call, n| call.transitive_tag_keys(format!("k{n}")));
    assert_eq!(code(keys.send().await), "ValidationError");
}

#[tokio::test]
async fn keys_are_unlike_each_other_and_not_reserved() {
    let sim = start(world()).await;
    let client = sts(&sim);
    let twice = assume(&client).tags(tag("Team", "red")).tags(tag("team", "blue"));
    let (code_, message) = refusal(twice.send().await);
    assert_eq!(code_, "InvalidParameterValue");
    assert!(message.starts_with("Duplicate tag keys found"), "{message}");
    for reserved in ["aws:team", "AWS:team"] {
        assert_eq!(code(assume(&client).tags(tag(reserved, "x")).send().await), "InvalidParameterValue");
    }
    let stray = assume(&client).tags(tag("Team", "red")).transitive_tag_keys("Project");
    assert_eq!(code(stray.send().await), "InvalidParameterValue");
}

#[tokio::test]
async fn federated_users_hand_no_tags_on() {
    let sim = start(world()).await;
    let form = "Action=GetFederationToken&Version=2011-06-15&Name=ada&Tags.member.1.Key=k&Tags.member.1.Value=v\
                &TransitiveTagKeys.member.1=k";
    let (_, body) = crate::kit::signed(&sim, &crate::kit::long_term(), "sts", "POST", "/", form).await;
    assert_eq!(crate::kit::element(&body, "Code"), "ValidationError");
}

#[tokio::test]
async fn tags_need_leave_on_both_sides() {
    let strict =
        json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": HOME }, "Action": "sts:AssumeRole" } });
    let modest = User::new(HOME, "modest")
        .inline_policy("assume", allow(&["sts:AssumeRole", "sts:GetFederationToken"], "*"))
        .key(AccessKey::new("AKIAMODESTMODEST0000", SECRET));
    let sim = start(world().role(Role::new(HOME, "strict", strict)).user(modest)).await;
    let strict = || assume(&sts(&sim)).role_arn("arn:aws:iam::111111111111:role/strict");
    strict().send().await.unwrap();
    let (code_, message) = refusal(strict().tags(tag("Team", "red")).send().await);
    assert_eq!(code_, "AccessDenied");
    assert!(message.contains("sts:TagSession"), "{message}");
    let modest = sts_as(&sim, "AKIAMODESTMODEST0000", SECRET, None);
    assume(&modest).send().await.unwrap();
    assert_eq!(code(assume(&modest).tags(tag("Team", "red")).send().await), "AccessDenied");
    modest.get_federation_token().name("ada").send().await.unwrap();
    let federated = modest.get_federation_token().name("ada").tags(tag("Team", "red")).send().await;
    assert_eq!(code(federated), "AccessDenied");
}

#[tokio::test]
async fn transitive_tags_are_inherited_and_stay() {
    let by_team = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::teams/${aws:PrincipalTag/Team}/*" } });
    let limited = Role::new(HOME, "limited", crate::kit::trust(HOME)).inline_policy("team", by_team);
    let bucket = Bucket::new(HOME, "teams").object("red/x", "red").object("blue/x", "blue");
    let sim = start(world().role(limited).bucket(bucket)).await;
    let limited = "arn:aws:iam::111111111111:role/limited";
    let tagged = assume(&sts(&sim)).tags(tag("Team", "red")).tags(tag("Mood", "good")).transitive_tag_keys("team");
    let first = sts_with(&sim, tagged.send().await.unwrap().credentials().unwrap());

    let second = assume(&first).role_arn(limited).send().await.unwrap();
    assert!(second.packed().unwrap() > 0, "inherited tags count");
    let who = vended(second.credentials().unwrap());
    assert_eq!(get_object(&sim, &who, "/teams/red/x").await.unwrap(), "red");
    assert_eq!(get_object(&sim, &who, "/teams/blue/x").await, Err("AccessDenied".to_owned()));

    let override_it = assume(&first).role_arn(limited).tags(tag("TEAM", "blue")).send().await;
    assert_eq!(code(override_it), "InvalidParameterValue");
    assume(&first).role_arn(limited).tags(tag("Mood", "bad")).send().await.unwrap();

    let untagged = assume(&sts(&sim)).role_arn(limited).send().await.unwrap();
    let nobody = get_object(&sim, &vended(untagged.credentials().unwrap()), "/teams/red/x").await;
    assert_eq!(nobody, Err("AccessDenied".to_owned()), "a missing tag matches nothing");
}

#[tokio::test]
async fn inherited_tags_need_leave_too() {
    let strict =
        json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": HOME }, "Action": "sts:AssumeRole" } });
    let sim = start(world().role(Role::new(HOME, "strict", strict))).await;
    let tagged = assume(&sts(&sim)).tags(tag("Team", "red")).transitive_tag_keys("Team").send().await.unwrap();
    let chained = sts_with(&sim, tagged.credentials().unwrap());
    let strict = assume(&chained).role_arn("arn:aws:iam::111111111111:role/strict").send().await;
    assert_eq!(code(strict), "AccessDenied");
}

#[tokio::test]
async fn trust_policies_see_the_tags() {
    let only_red = crate::kit::trust_if(
        HOME,
        &json!({
            "StringEquals": { "aws:RequestTag/Team": "red" },
            "ForAllValues:StringEquals": { "aws:TagKeys": ["Team"] },
        }),
    );
    let sim = start(world().role(Role::new(HOME, "red", only_red))).await;
    let client = sts(&sim);
    let ask = || assume(&client).role_arn("arn:aws:iam::111111111111:role/red");
    ask().tags(tag("Team", "red")).send().await.unwrap();
    assert_eq!(code(ask().tags(tag("Team", "blue")).send().await), "AccessDenied");
    assert_eq!(code(ask().tags(tag("Team", "red")).tags(tag("More", "x")).send().await), "AccessDenied");
    assert_eq!(code(ask().send().await), "AccessDenied");
}
