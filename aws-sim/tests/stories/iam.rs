//! IAM's moments: keys that the rest of AWS does not know yet or still knows, when a key was used, and a role's inline policies.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sim::{Role, Sim};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kit::{
    BROKER, DEPLOY, HOME, KEY, POOR_KEY, SECRET, allow, code, element, get_object, iam, long_term, signed, start, sts,
    sts_as, trust, vended, world,
};

const LAG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_new_key_is_unknown_for_a_moment_and_an_old_one_goes_on() {
    let sim = start(world()).await;
    sim.consistency().lag(LAG);
    let who = long_term();
    let made = iam(&sim, &who, "Action=CreateAccessKey").await.unwrap();
    let (id, secret) = (element(&made, "AccessKeyId"), element(&made, "SecretAccessKey"));
    let new = sts_as(&sim, &id, &secret, None);
    assert_eq!(code(new.get_caller_identity().send().await), "InvalidClientTokenId");
    assert!(iam(&sim, &who, "Action=ListAccessKeys").await.unwrap().contains(&id), "IAM itself knows it");
    // What happens to it meanwhile is not seen earlier.
    iam(&sim, &who, &format!("Action=UpdateAccessKey&AccessKeyId={id}&Status=Active")).await.unwrap();
    assert_eq!(code(new.get_caller_identity().send().await), "InvalidClientTokenId");
    sim.clock().advance(LAG);
    new.get_caller_identity().send().await.unwrap();

    let fresh = Credentials::new(&id, &secret, None, None, "test");
    iam(&sim, &fresh, &format!("Action=UpdateAccessKey&AccessKeyId={KEY}&Status=Inactive")).await.unwrap();
    sts(&sim).get_caller_identity().send().await.unwrap();
    sim.clock().advance(LAG);
    assert_eq!(code(sts(&sim).get_caller_identity().send().await), "InvalidClientTokenId");

    iam(&sim, &fresh, &format!("Action=UpdateAccessKey&AccessKeyId={KEY}&Status=Active")).await.unwrap();
    sim.clock().advance(LAG);
    iam(&sim, &fresh, &format!("Action=DeleteAccessKey&AccessKeyId={KEY}")).await.unwrap();
    sts(&sim).get_caller_identity().send().await.unwrap();
    sim.clock().advance(LAG);
    assert_eq!(code(sts(&sim).get_caller_identity().send().await), "InvalidClientTokenId");
}

#[tokio::test]
async fn when_a_key_was_made_is_told() {
    let sim = start(world()).await;
    let who = long_term();
    let made_at = "2031-02-03T04:05:06.789Z".parse().unwrap();
    sim.clock().set(made_at);
    let made = iam(&sim, &who, "Action=CreateAccessKey").await.unwrap();
    let date: Timestamp = element(&made, "CreateDate").parse().unwrap();
    assert!((0..5).contains(&(date.as_second() - made_at.as_second())), "{date}");
    sim.clock().advance(Duration::from_hours(24));
    let listed = iam(&sim, &who, "Action=ListAccessKeys").await.unwrap();
    let dates: Vec<&str> =
        listed.split("<CreateDate>").skip(1).filter_map(|rest| rest.split_once('<')).map(|(date, _)| date).collect();
    assert_eq!(dates, ["2026-01-01T00:00:00Z", &element(&made, "CreateDate")], "each its own, and it stays");
}

#[tokio::test]
async fn when_a_key_was_used_is_told() {
    let sim = start(world()).await;
    let ask = async |id: &str| iam(&sim, &long_term(), &format!("Action=GetAccessKeyLastUsed&AccessKeyId={id}")).await;
    let never = ask(POOR_KEY).await.unwrap();
    assert_eq!((element(&never, "UserName"), element(&never, "ServiceName")), ("poor".to_owned(), "N/A".to_owned()));
    assert!(!never.contains("LastUsedDate"), "{never}");
    sts_as(&sim, POOR_KEY, SECRET, None).get_caller_identity().send().await.unwrap();
    let used = ask(POOR_KEY).await.unwrap();
    assert_eq!(
        (element(&used, "ServiceName"), element(&used, "Region")),
        ("sts".to_owned(), "eu-central-1".to_owned())
    );
    assert!(used.contains("<LastUsedDate>20"), "{used}");
    assert_eq!(ask("AKIAUNKNOWNUNKNOWN00").await, Err("NoSuchEntity".to_owned()));
}

#[tokio::test]
async fn a_role_s_inline_policies_are_put_read_listed_and_deleted() {
    let sim = start(world()).await;
    let document = allow(&["s3:GetObject"], "*").to_string();
    let asked = async |form: &str| iam(&sim, &long_term(), form).await;
    let put = |name: &str, document: &str| {
        let document = percent(document);
        format!("Action=PutRolePolicy&RoleName=deploy&PolicyName={name}&PolicyDocument={document}")
    };
    let nothing = asked("Action=GetRolePolicy&RoleName=deploy&PolicyName=reading").await;
    assert_eq!(nothing, Err("NoSuchEntity".to_owned()));
    asked(&put("reading", &document)).await.unwrap();
    let read = asked("Action=GetRolePolicy&RoleName=deploy&PolicyName=reading").await.unwrap();
    assert_eq!(element(&read, "PolicyDocument"), percent(&document), "as in a URL");
    let listed = asked("Action=ListRolePolicies&RoleName=deploy").await.unwrap();
    assert!(listed.contains("<member>all</member><member>reading</member>"), "{listed}");
    asked("Action=DeleteRolePolicy&RoleName=deploy&PolicyName=reading").await.unwrap();
    let again = asked("Action=DeleteRolePolicy&RoleName=deploy&PolicyName=reading").await;
    assert_eq!(again, Err("NoSuchEntity".to_owned()));

    for bad in ["{", "{}", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps"}]}"#] {
        assert_eq!(asked(&put("bad", bad)).await, Err("MalformedPolicyDocument".to_owned()), "{bad}");
    }
    let long = allow(&[&"s3:x".repeat(3_000)], "*").to_string();
    assert_eq!(asked(&put("long", &long)).await, Err("LimitExceeded".to_owned()));
    assert_eq!(asked(&put("a%20b", &document)).await, Err("ValidationError".to_owned()));
    assert_eq!(asked(&put("a", &document).replace("deploy", "nobody")).await, Err("NoSuchEntity".to_owned()));
    sim.world().put_policy(BROKER, "all", allow(&["iam:GetRolePolicy"], DEPLOY)).unwrap();
    assert_eq!(asked(&put("a", &document)).await, Err("AccessDenied".to_owned()));
    assert!(asked("Action=GetRolePolicy&RoleName=deploy&PolicyName=all").await.is_ok());
}

#[tokio::test]
async fn aws_s_own_roles_are_left_alone() {
    let role = |name: &str, path: &str| Role::new(HOME, name, trust(HOME)).path(path);
    let world = world()
        .role(role("AWSServiceRoleForX", "/aws-service-role/x.amazonaws.com/"))
        .role(role("AWSReservedSSO_x", "/aws-reserved/sso.amazonaws.com/"));
    let sim = start(world).await;
    for name in ["AWSServiceRoleForX", "AWSReservedSSO_x"] {
        let form = format!("Action=PutRolePolicy&RoleName={name}&PolicyName=p&PolicyDocument={}", percent("{}"));
        assert_eq!(iam(&sim, &long_term(), &form).await, Err("UnmodifiableEntity".to_owned()));
    }
}

#[tokio::test]
async fn older_sessions_of_a_role_are_cut_off_by_when_they_were_issued() {
    let sim = start(world()).await;
    let before = assumed(&sim).await;
    assert_eq!(get_object(&sim, &before, "/reports/q1.txt").await.unwrap(), "first quarter");
    sim.clock().advance(Duration::from_secs(5));
    let moment = sim.clock().now().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let document = revoking(&moment).to_string();
    let form = format!(
        "Action=PutRolePolicy&RoleName=deploy&PolicyName=AWSRevokeOlderSessions&PolicyDocument={}",
        percent(&document)
    );
    iam(&sim, &long_term(), &form).await.unwrap();
    assert_eq!(get_object(&sim, &before, "/reports/q1.txt").await, Err("AccessDenied".to_owned()));
    sim.clock().advance(Duration::from_secs(1));
    assert_eq!(get_object(&sim, &assumed(&sim).await, "/reports/q1.txt").await.unwrap(), "first quarter");
    // A long-term key has no such time: the same on its user leaves it alone.
    sim.world().put_policy(BROKER, "AWSRevokeOlderSessions", &document).unwrap();
    assert_eq!(get_object(&sim, &long_term(), "/reports/q1.txt").await.unwrap(), "first quarter");
    let (status, _) = signed(&sim, &before, "sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(status, 200, "no policy forbids that one");
}

async fn assumed(sim: &Sim) -> Credentials {
    let answer = sts(sim).assume_role().role_arn(DEPLOY).role_session_name("ada").send().await.unwrap();
    vended(&answer.credentials.unwrap())
}

fn revoking(moment: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": { "DateLessThan": { "aws:TokenIssueTime": moment } },
    }] })
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
