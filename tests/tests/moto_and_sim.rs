//! Where moto covers the same call as our own stand-in for AWS, both are asked, and answer alike: the same status, the same code, the
//! same elements. Where they do not, it is listed here, and why.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use aws_sim::{AccessKey, Bucket, Role, Sim, User, World};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::moto::Moto;
use tests::python::Client;

/// What one of them answered.
#[derive(Debug, Deserialize)]
struct Answer {
    status: u16,
    code: Option<String>,
    paths: BTreeSet<String>,
    /// Of an object.
    content: Option<String>,
}

/// A difference that is known, and why it is right that there is one.
struct Difference {
    steps: &'static [&'static str],
    /// `outcome`, or `elements` that only one of them has.
    what: &'static str,
    moto: &'static str,
    sim: &'static str,
    #[expect(dead_code, reason = "for whoever reads the list")]
    why: &'static str,
}

const KNOWN: &[Difference] = &[
    Difference {
        steps: &[
            "wrong secret",
            "unknown key",
            "wrong secret to IAM",
            "unknown key to IAM",
            "wrong secret of a role",
            "no token",
            "a role to IAM",
            "not in the user's policy",
            "not in the role's trust",
            "wrong external ID",
            "not allowed to list",
            "not allowed to put",
            "deleted key",
        ],
        what: "elements",
        moto: "/ErrorResponse/Errors /ErrorResponse/Errors/Error /ErrorResponse/Errors/Error/Code /ErrorResponse/Errors/Error/Message /ErrorResponse/Errors/Error/Type",
        sim: "/ErrorResponse/Error /ErrorResponse/Error/Code /ErrorResponse/Error/Message /ErrorResponse/Error/Type /ErrorResponse/RequestId",
        why: "what moto's enforcement refuses has an envelope of its own; AWS documents ErrorResponse > Error, RequestId",
    },
    Difference {
        steps: &[
            "no such user",
            "no such role",
            "third key",
            "no policy yet",
            "policy put that is none",
            "policy on no role",
            "policy deleted twice",
        ],
        what: "elements",
        moto: "/ErrorResponse/Error/message",
        sim: "",
        why: "moto says it twice, in some cases",
    },
    Difference {
        steps: &["role", "external ID"],
        what: "elements",
        moto: "/AssumeRoleResponse/AssumeRoleResult/PackedPolicySize",
        sim: "/AssumeRoleResponse/AssumeRoleResult/SessionTokenSize /AssumeRoleResponse/AssumeRoleResult/SessionTokenUtilization",
        why: "moto always has a constant packed size, AWS only where something is packed; AWS tells the token's size of late",
    },
    Difference {
        steps: &["federated user"],
        what: "elements",
        moto: "",
        sim: "/GetFederationTokenResponse/GetFederationTokenResult/SessionTokenSize /GetFederationTokenResponse/GetFederationTokenResult/SessionTokenUtilization",
        why: "AWS tells the token's size of late",
    },
    Difference {
        steps: &["session token"],
        what: "elements",
        moto: "",
        sim: "/GetSessionTokenResponse/GetSessionTokenResult/SessionTokenSize /GetSessionTokenResponse/GetSessionTokenResult/SessionTokenUtilization",
        why: "AWS tells the token's size of late",
    },
    Difference {
        steps: &["a role of IAM's"],
        what: "elements",
        moto: "/GetRoleResponse/GetRoleResult/Role/RoleLastUsed /GetRoleResponse/GetRoleResult/Role/RoleLastUsed/LastUsedDate",
        sim: "",
        why: "the sim does not note when a role was used",
    },
    Difference {
        steps: &["keys"],
        what: "elements",
        moto: "",
        sim: "/ListAccessKeysResponse/ListAccessKeysResult/IsTruncated",
        why: "moto leaves it out, AWS does not",
    },
    Difference {
        steps: &["no external ID"],
        what: "outcome",
        moto: "200 done",
        sim: "403 AccessDenied",
        why: "moto is lax: a condition whose key is missing does not keep it from trusting",
    },
    Difference {
        steps: &["name of 1", "name with a space"],
        what: "outcome",
        moto: "200 done",
        sim: "400 ValidationError",
        why: "moto is lax: of a name it knows only the longest",
    },
    Difference {
        steps: &["policy that is none"],
        what: "outcome",
        moto: "200 done",
        sim: "400 MalformedPolicyDocument",
        why: "moto is lax: it does not read session policies",
    },
    Difference {
        steps: &["inactive key"],
        what: "outcome",
        moto: "200 done",
        sim: "403 InvalidClientTokenId",
        why: "moto is lax: to it an inactive key is as good as an active one",
    },
    Difference {
        steps: &[
            "not allowed to list buckets",
            "not allowed to delete",
            "not allowed to put an object",
            "not allowed to get",
        ],
        what: "elements",
        moto: "/Error/HostId",
        sim: "",
        why: "the sim has no hosts to tell apart",
    },
    Difference {
        steps: &["no such object", "deleted object"],
        what: "elements",
        moto: "/Error/HostId /Error/Key",
        sim: "",
        why: "no hosts; and the sim does not repeat the key",
    },
    Difference {
        steps: &["no such bucket"],
        what: "elements",
        moto: "/Error/BucketName /Error/HostId",
        sim: "",
        why: "no hosts; and the sim does not repeat the bucket",
    },
    Difference {
        steps: &["buckets"],
        what: "elements",
        moto: "/ListAllMyBucketsResult/Owner/DisplayName",
        sim: "",
        why: "AWS has stopped to tell it",
    },
    Difference {
        steps: &["objects"],
        what: "elements",
        moto: "/ListBucketResult/Contents/ChecksumAlgorithm /ListBucketResult/Contents/ETag /ListBucketResult/EncodingType",
        sim: "",
        why: "the sim keeps no checksums, and names in lists are as they are",
    },
    Difference {
        steps: &["closed by the bucket"],
        what: "outcome",
        moto: "403 403",
        sim: "403 AccessDenied",
        why: "where a bucket's policy refuses, moto says so without a document; AWS has one",
    },
    Difference {
        steps: &["closed by the bucket"],
        what: "elements",
        moto: "",
        sim: "/Error /Error/Code /Error/Message /Error/RequestId",
        why: "as above",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "most of it is the list of calls")]
async fn moto_and_the_sim_answer_alike_but_for_what_is_listed() {
    let moto = Moto::start();
    let made = moto.populate(&json!({
        "users": {
            "broker": policy(&["sts:*", "iam:*"]),
            "poor": null,
            "clerk": policy(&CLERK),
            "keeper": policy(&["s3:*"]),
        },
        "roles": {
            "deploy": { "trust": trust(&json!({})), "policy": policy(&["s3:GetObject"]) },
            "told": { "trust": trust(&json!({ "StringEquals": { "sts:ExternalId": "corp-7f3a" } })) },
            "theirs": { "trust": theirs() },
        },
        "buckets": {
            "reports": { "objects": { "monthly": "profits", "salaries": "too much" } },
            "closed": { "objects": { "monthly": "losses" }, "policy": closed() },
        },
    }));
    moto.enforce();
    let key = |name: &str| AccessKey::new(&made.users[name].access_key_id, &made.users[name].secret_access_key[..40]);
    let account = made.account.as_str();
    let filled = |policy: Value| policy.to_string().replace("{account}", account);
    let world = World::new()
        .user(User::new(account, "broker").inline_policy("own", filled(policy(&["sts:*", "iam:*"]))).key(key("broker")))
        .user(User::new(account, "poor").key(key("poor")))
        .user(User::new(account, "clerk").inline_policy("own", filled(policy(&CLERK))).key(key("clerk")))
        .user(User::new(account, "keeper").inline_policy("own", filled(policy(&["s3:*"]))).key(key("keeper")))
        .bucket(Bucket::new(account, "reports").object("monthly", "profits").object("salaries", "too much"))
        .bucket(Bucket::new(account, "closed").object("monthly", "losses").policy(closed()))
        .role(
            Role::new(account, "deploy", filled(trust(&json!({}))))
                .inline_policy("own", filled(policy(&["s3:GetObject"]))),
        )
        .role(Role::new(account, "told", filled(trust(&json!({ "StringEquals": { "sts:ExternalId": "corp-7f3a" } })))))
        .role(Role::new(account, "theirs", filled(theirs())));
    let sim = Sim::start(world, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();

    let user =
        |name: &str| json!({ "id": made.users[name].access_key_id, "secret": made.users[name].secret_access_key });
    let (broker, poor, clerk, keeper) = (user("broker"), user("poor"), user("clerk"), user("keeper"));
    let wrong = json!({ "id": broker["id"], "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" });
    let unknown = json!({ "id": "AKIAUNKNOWNUNKNOWN00", "secret": broker["secret"] });
    let part = |name: &str| format!("$role.Credentials.{name}");
    let role = json!({ "id": part("AccessKeyId"), "secret": part("SecretAccessKey"), "token": part("SessionToken") });
    let forged = json!({ "id": part("AccessKeyId"), "secret": broker["secret"], "token": part("SessionToken") });
    let tokenless = json!({ "id": part("AccessKeyId"), "secret": part("SecretAccessKey") });
    let assume = |name: &str| json!({ "RoleArn": made.roles[name].arn, "RoleSessionName": "ada" });
    let and = |mut arguments: Value, name: &str, value: &str| {
        arguments[name] = json!(value);
        arguments
    };
    let object = |key: &str| json!({ "Bucket": "reports", "Key": key });
    let of_role = |name: &str, more: Value| and(and(more, "RoleName", name), "PolicyName", "AWSRevokeOlderSessions");
    let revoking =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": ["*"], "Resource": ["*"],
        "Condition": { "DateLessThan": { "aws:TokenIssueTime": "2026-01-01T00:00:00.000Z" } } }] })
        .to_string();
    let steps: Vec<(&str, &str, &str, Value, &Value)> = vec![
        ("identity of a user", "sts", "get_caller_identity", json!({}), &broker),
        ("wrong secret", "sts", "get_caller_identity", json!({}), &wrong),
        ("unknown key", "sts", "get_caller_identity", json!({}), &unknown),
        ("wrong secret to IAM", "iam", "list_users", json!({}), &wrong),
        ("unknown key to IAM", "iam", "list_users", json!({}), &unknown),
        ("role", "sts", "assume_role", assume("deploy"), &broker),
        ("identity of a role", "sts", "get_caller_identity", json!({}), &role),
        ("wrong secret of a role", "sts", "get_caller_identity", json!({}), &forged),
        ("no token", "sts", "get_caller_identity", json!({}), &tokenless),
        ("a role to IAM", "iam", "list_users", json!({}), &role),
        ("not in the user's policy", "sts", "assume_role", assume("deploy"), &poor),
        ("not in the role's trust", "sts", "assume_role", assume("theirs"), &broker),
        ("external ID", "sts", "assume_role", and(assume("told"), "ExternalId", "corp-7f3a"), &broker),
        ("wrong external ID", "sts", "assume_role", and(assume("told"), "ExternalId", "corp-0000"), &broker),
        ("no external ID", "sts", "assume_role", assume("told"), &broker),
        ("name of 65", "sts", "assume_role", and(assume("deploy"), "RoleSessionName", &"x".repeat(65)), &broker),
        ("name of 1", "sts", "assume_role", and(assume("deploy"), "RoleSessionName", "x"), &broker),
        ("name with a space", "sts", "assume_role", and(assume("deploy"), "RoleSessionName", "a b"), &broker),
        ("policy that is none", "sts", "assume_role", and(assume("deploy"), "Policy", "{"), &broker),
        (
            "federated user",
            "sts",
            "get_federation_token",
            json!({ "Name": "ada", "Policy": policy(&["s3:GetObject"]).to_string() }),
            &broker,
        ),
        (
            "policy of 2049",
            "sts",
            "get_federation_token",
            json!({ "Name": "ada", "Policy": " ".repeat(2_049) }),
            &broker,
        ),
        ("session token", "sts", "get_session_token", json!({}), &broker),
        ("users", "iam", "list_users", json!({}), &broker),
        ("a user", "iam", "get_user", json!({ "UserName": "poor" }), &broker),
        ("no such user", "iam", "get_user", json!({ "UserName": "nobody" }), &broker),
        ("a role of IAM's", "iam", "get_role", json!({ "RoleName": "deploy" }), &broker),
        ("no such role", "iam", "get_role", json!({ "RoleName": "nothing" }), &broker),
        ("no policy yet", "iam", "get_role_policy", of_role("deploy", json!({})), &broker),
        ("policy put", "iam", "put_role_policy", of_role("deploy", json!({ "PolicyDocument": revoking })), &broker),
        ("policy of a role", "iam", "get_role_policy", of_role("deploy", json!({})), &broker),
        ("policies of a role", "iam", "list_role_policies", json!({ "RoleName": "deploy" }), &broker),
        (
            "policy put that is none",
            "iam",
            "put_role_policy",
            of_role("deploy", json!({ "PolicyDocument": "{" })),
            &broker,
        ),
        (
            "policy on no role",
            "iam",
            "put_role_policy",
            of_role("nothing", json!({ "PolicyDocument": revoking })),
            &broker,
        ),
        (
            "not allowed to put",
            "iam",
            "put_role_policy",
            of_role("deploy", json!({ "PolicyDocument": revoking })),
            &poor,
        ),
        ("policy deleted", "iam", "delete_role_policy", of_role("deploy", json!({})), &broker),
        ("policy deleted twice", "iam", "delete_role_policy", of_role("deploy", json!({})), &broker),
        ("key last used", "iam", "get_access_key_last_used", json!({ "AccessKeyId": broker["id"] }), &broker),
        ("key never used", "iam", "get_access_key_last_used", json!({ "AccessKeyId": poor["id"] }), &broker),
        ("not allowed to list", "iam", "list_users", json!({}), &poor),
        ("buckets", "s3", "list_buckets", json!({}), &clerk),
        ("not allowed to list buckets", "s3", "list_buckets", json!({}), &poor),
        ("objects", "s3", "list_objects_v2", json!({ "Bucket": "reports" }), &clerk),
        ("object", "s3", "get_object", object("monthly"), &clerk),
        ("no such object", "s3", "get_object", object("nothing"), &clerk),
        ("no such bucket", "s3", "get_object", and(object("monthly"), "Bucket", "nothing"), &clerk),
        ("object put", "s3", "put_object", and(object("daily"), "Body", "a penny"), &clerk),
        ("object that was put", "s3", "get_object", object("daily"), &clerk),
        ("not allowed to delete", "s3", "delete_object", object("daily"), &clerk),
        ("object of a role", "s3", "get_object", object("monthly"), &role),
        ("not allowed to put an object", "s3", "put_object", and(object("daily"), "Body", "two"), &role),
        ("not allowed to get", "s3", "get_object", object("monthly"), &poor),
        ("object deleted", "s3", "delete_object", object("daily"), &keeper),
        ("deleted object", "s3", "get_object", object("daily"), &keeper),
        ("closed by the bucket", "s3", "get_object", and(object("monthly"), "Bucket", "closed"), &keeper),
        ("keys", "iam", "list_access_keys", json!({ "UserName": "poor" }), &broker),
        ("second key", "iam", "create_access_key", json!({ "UserName": "poor" }), &broker),
        ("third key", "iam", "create_access_key", json!({ "UserName": "poor" }), &broker),
        (
            "key deactivated",
            "iam",
            "update_access_key",
            json!({ "UserName": "poor", "AccessKeyId": poor["id"], "Status": "Inactive" }),
            &broker,
        ),
        ("inactive key", "sts", "get_caller_identity", json!({}), &poor),
        ("key deleted", "iam", "delete_access_key", json!({ "UserName": "poor", "AccessKeyId": poor["id"] }), &broker),
        ("deleted key", "sts", "get_caller_identity", json!({}), &poor),
    ];
    let asked: Vec<Value> = steps
        .iter()
        .map(|(name, service, call, arguments, keys)| json!({ "service": service, "call": call, "arguments": arguments, "keys": keys, "keep": name }))
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/moto_and_sim.py");
    let ask = |endpoint: &str| -> Vec<Answer> {
        serde_json::from_value(Client::at(endpoint).python(&script, &json!(asked).to_string()).json()).unwrap()
    };
    let (of_moto, of_sim) = (ask(moto.url()), ask(&sim.endpoint()));
    assert_eq!((of_moto.len(), of_sim.len()), (steps.len(), steps.len()));

    let mut found = Vec::new();
    for ((name, ..), (moto, sim)) in steps.iter().zip(of_moto.iter().zip(&of_sim)) {
        let mut differs = |what: &str, moto: String, sim: String| {
            if moto != sim {
                found.push(((*name).to_owned(), what.to_owned(), moto, sim));
            }
        };
        let outcome = |answer: &Answer| format!("{} {}", answer.status, answer.code.as_deref().unwrap_or("done"));
        differs("outcome", outcome(moto), outcome(sim));
        differs("content", format!("{:?}", moto.content), format!("{:?}", sim.content));
        // Of answers to different questions the elements cannot be the same.
        if moto.code.is_none() == sim.code.is_none() {
            let only = |one: &Answer, other: &Answer| {
                one.paths.difference(&other.paths).cloned().collect::<Vec<_>>().join(" ")
            };
            let (only_moto, only_sim) = (only(moto, sim), only(sim, moto));
            differs("elements", only_moto, only_sim);
        }
    }
    let known: Vec<_> = KNOWN
        .iter()
        .flat_map(|known| known.steps.iter().map(|step| [*step, known.what, known.moto, known.sim].map(str::to_owned)))
        .collect();
    let found: Vec<_> = found.into_iter().map(|(name, what, moto, sim)| [name, what, moto, sim]).collect();
    let fresh: Vec<_> = found.iter().filter(|difference| !known.contains(difference)).collect();
    assert!(fresh.is_empty(), "they differ in what is not listed (step, in what, moto's, the sim's): {fresh:#?}");
    let gone: Vec<_> = known.iter().filter(|difference| !found.contains(difference)).collect();
    assert!(gone.is_empty(), "they no longer differ in this: take it off the list: {gone:#?}");
}

fn policy(actions: &[&str]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] })
}

/// Nobody reads it, whatever their own policies say.
fn closed() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::closed/*" }] })
}

const CLERK: [&str; 4] = ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetObject", "s3:PutObject"];

fn trust(condition: &Value) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "arn:aws:iam::{account}:user/broker" } });
    if condition != &json!({}) {
        statement["Condition"] = condition.clone();
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn theirs() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "arn:aws:iam::{account}:user/poor" } }] })
}
