//! IAM and S3, as far as they go.

use aws_sim::{AccessKey, Bucket};

use crate::kit::{AWAY, BROKER, KEY, SECRET, allow, element, get_object, iam, long_term, signed, start, sts_as, world};

#[tokio::test]
async fn iam_lists_who_is_there() {
    let sim = start(world()).await;
    let who = long_term();
    let users = iam(&sim, &who, "Action=ListUsers").await.unwrap();
    assert!(users.contains(&format!("<Arn>{BROKER}</Arn>")) && users.contains("<UserName>poor</UserName>"), "{users}");
    assert!(!iam(&sim, &who, "Action=ListUsers&PathPrefix=/ci/").await.unwrap().contains("poor"));
    assert!(iam(&sim, &who, "Action=GetUser").await.unwrap().contains("<UserName>broker</UserName>"));
    assert!(iam(&sim, &who, "Action=GetUser&UserName=poor").await.is_ok());
    assert_eq!(iam(&sim, &who, "Action=GetUser&UserName=none").await, Err("NoSuchEntity".to_owned()));
    assert!(iam(&sim, &who, "Action=ListRoles").await.unwrap().contains("<MaxSessionDuration>43200<"));
    assert!(iam(&sim, &who, "Action=GetRole&RoleName=deploy").await.is_ok());
    assert_eq!(iam(&sim, &who, "Action=DeleteWorld").await, Err("InvalidAction".to_owned()));
}

#[tokio::test]
async fn iam_asks_for_rights_on_the_very_user() {
    let sim = start(world()).await;
    sim.world().put_policy(BROKER, "all", allow(&["iam:GetUser"], BROKER)).unwrap();
    let who = long_term();
    assert!(iam(&sim, &who, "Action=GetUser&UserName=broker").await.is_ok());
    assert_eq!(iam(&sim, &who, "Action=GetUser&UserName=poor").await, Err("AccessDenied".to_owned()));
    assert_eq!(iam(&sim, &who, "Action=GetUser&UserName=none").await, Err("AccessDenied".to_owned()));
    let (_, body) = signed(&sim, &who, "iam", "POST", "/", "Action=ListUsers&Version=2010-05-08").await;
    assert_eq!(
        element(&body, "Message"),
        format!(
            "User: {BROKER} is not authorized to perform: iam:ListUsers on resource: \
             arn:aws:iam::111111111111:user/ because no identity-based policy allows the iam:ListUsers action"
        )
    );
}

#[tokio::test]
async fn a_key_can_be_rotated() {
    let sim = start(world()).await;
    let who = long_term();
    let made = iam(&sim, &who, "Action=CreateAccessKey&UserName=broker").await.unwrap();
    let (id, secret) = (element(&made, "AccessKeyId"), element(&made, "SecretAccessKey"));
    assert_eq!(iam(&sim, &who, "Action=CreateAccessKey").await, Err("LimitExceeded".to_owned()));
    let new = sts_as(&sim, &id, &secret, None);
    assert_eq!(new.get_caller_identity().send().await.unwrap().arn(), Some(BROKER));
    let fresh = aws_credential_types::Credentials::new(&id, &secret, None, None, "test");
    iam(&sim, &fresh, &format!("Action=UpdateAccessKey&AccessKeyId={KEY}&Status=Inactive")).await.unwrap();
    assert_eq!(iam(&sim, &who, "Action=ListAccessKeys").await, Err("InvalidClientTokenId".to_owned()));
    let listed = iam(&sim, &fresh, "Action=ListAccessKeys").await.unwrap();
    assert!(listed.contains("<Status>Inactive</Status>") && !listed.contains(SECRET), "{listed}");
    iam(&sim, &fresh, &format!("Action=DeleteAccessKey&AccessKeyId={KEY}")).await.unwrap();
    let again = iam(&sim, &fresh, &format!("Action=DeleteAccessKey&AccessKeyId={KEY}")).await;
    assert_eq!(again, Err("NoSuchEntity".to_owned()));
    sim.world().add_key(BROKER, AccessKey::random()).unwrap();
    assert!(sim.world().add_key(BROKER, AccessKey::random()).is_err(), "two keys are enough");
}

#[tokio::test]
async fn s3_keeps_what_it_is_given() {
    let sim = start(world()).await;
    let who = long_term();
    let path = "/reports/a%20b/%C3%BC.txt";
    assert_eq!(get_object(&sim, &who, path).await, Err("NoSuchKey".to_owned()));
    assert_eq!(signed(&sim, &who, "s3", "PUT", path, "content").await.0, 200);
    assert_eq!(get_object(&sim, &who, path).await.unwrap(), "content");
    assert_eq!(get_object(&sim, &who, "/nowhere/x").await, Err("NoSuchBucket".to_owned()));
    let (_, listed) = signed(&sim, &who, "s3", "GET", "/reports?list-type=2", "").await;
    assert!(listed.contains("<Key>a b/ü.txt</Key>"), "{listed}");
    let (_, buckets) = signed(&sim, &who, "s3", "GET", "/", "").await;
    assert!(buckets.contains("<Name>reports</Name>"), "{buckets}");
    assert_eq!(signed(&sim, &who, "s3", "DELETE", path, "").await.0, 204);
    assert_eq!(get_object(&sim, &who, path).await, Err("NoSuchKey".to_owned()));
}

#[tokio::test]
async fn another_account_s_bucket_needs_its_own_consent() {
    let consent = serde_json::json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": BROKER },
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/open/*" } });
    let bucket = Bucket::new(AWAY, "theirs").object("open/x", "come in").object("shut/x", "no").policy(consent);
    let sim = start(world().bucket(bucket).bucket(Bucket::new(AWAY, "silent").object("x", "no"))).await;
    let who = long_term();
    assert_eq!(get_object(&sim, &who, "/theirs/open/x").await.unwrap(), "come in");
    assert_eq!(get_object(&sim, &who, "/theirs/shut/x").await, Err("AccessDenied".to_owned()));
    assert_eq!(get_object(&sim, &who, "/silent/x").await, Err("AccessDenied".to_owned()));
    sim.world().put_policy(BROKER, "all", allow(&["sts:*"], "*")).unwrap();
    assert_eq!(get_object(&sim, &who, "/theirs/open/x").await, Err("AccessDenied".to_owned()), "both must agree");
}

#[tokio::test]
async fn a_signature_for_one_service_is_none_for_another() {
    let sim = start(world()).await;
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let (status, body) = signed(&sim, &long_term(), "iam", "POST", "/", form).await;
    assert_eq!((status, element(&body, "Code").as_str()), (403, "SignatureDoesNotMatch"));
    assert!(body.contains("Credential should be scoped to correct service"), "{body}");
}
