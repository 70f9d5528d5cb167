//! The IAM policies that come with brokerd: with exactly these its keys suffice for what they are for, and for nothing else.

use serde_json::{Value, json};
use tests::moto::Moto;
use tests::python::Client;
use tests::world::{ACCOUNT, KEY, SECOND, SECOND_SECRET, SECRET, World};

const USER: &str = include_str!("../../../policies/iam/broker-user.json");
const STACK: &str = include_str!("../../../policies/cloudformation/broker-user.yaml");
const REVOKER: &str = include_str!("../../../policies/iam/revoke-sessions.json");

/// A role with all that needs rights of its own, and a federated user with tags.
const MORE: &str = r#"
[[connector]]
name = "told"
access_key = "main"
groups = ["corp/release"]
[connector.principal.assume_role]
role_arn = "arn:aws:iam::111111111111:role/deploy"
source_identity = "{username}"
tags.team = { value = "payments", transitive = true }

[[connector]]
name = "federated-told"
access_key = "main"
groups = ["corp/release"]
[connector.principal.federated_user]
policy_arns = ["arn:aws:iam::aws:policy/Reading"]
tags.team = { value = "payments" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_user_may_vend_and_nothing_else() {
    for policy in [of_account(USER, ACCOUNT), of_stack(ACCOUNT)] {
        let prepared = World::prepare().await.connectors(MORE);
        only(&prepared.sim, "broker", &policy);
        let world = prepared.serve();
        let ada = world.person("ada").await;
        for connector in ["deploy", "told", "reports", "federated-managed", "federated-told", "raw"] {
            ada.vended(connector, &json!({})).await;
        }
        for connector in ["guarded", "brief"] {
            let problem = ada.vend(connector, &json!({})).await.problem("502 aws_refused");
            let message = problem["aws"]["message"].as_str().unwrap();
            assert!(
                message.contains("broker") && message.contains("sts:AssumeRole"),
                "a role that is not listed: {message}"
            );
        }
        // What federated users and session tokens get is the user's own, which is not this bucket.
        for connector in ["reports", "raw"] {
            let vended = ada.vended(connector, &json!({})).await;
            assert_eq!(world.read(&vended, &["monthly"]), ["AccessDenied"], "{connector}");
        }
        let said = tried(&Client::at(&world.sim.endpoint()).with_keys(KEY, SECRET, None), "reports");
        assert_eq!(said, json!(["done", "AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied"]), "{policy}");
    }
}

/// moto knows IAM's rules by itself. It has no resources of GetFederationToken, and wants a permission for GetSessionToken, which AWS
/// does not: these two are asked above.
#[test]
fn moto_reads_the_policies_alike() {
    let moto = Moto::start();
    let trust = |user: &str| {
        json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": format!("arn:aws:iam::{{account}}:user/{user}") },
    }] })
    };
    let stack: Value = serde_json::from_str(&of_stack("{account}")).unwrap();
    let user: Value = serde_json::from_str(&of_account(USER, "{account}")).unwrap();
    for (name, policy) in [("by-hand", user), ("by-stack", stack)] {
        let made = moto.populate(&json!({
            "users": { name: policy },
            "roles": { "deploy": { "trust": trust(name) }, "other": { "trust": trust(name) } },
        }));
        moto.enforce();
        let user = &made.users[name];
        let client = Client::at(moto.url()).with_keys(&user.access_key_id, &user.secret_access_key, None);
        let program = "said = []\nfor role in ('deploy', 'other'):\n    try:\n        boto3.client('sts').assume_role(RoleArn=ROLE + role, RoleSessionName='ada')\n        said.append('done')\n    except Exception as error:\n        said.append(error.response['Error']['Code'])\nprint(json.dumps(said))";
        let program = program.replace("ROLE", &format!("'arn:aws:iam::{}:role/'", made.account));
        assert_eq!(client.boto3(&program).json(), json!(["done", "AccessDenied"]), "{name}");
        assert_eq!(
            tried(&client, "anything"),
            json!(["done", "AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied"])
        );
        moto.stop_enforcing();
        moto.reset();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_revokers_user_may_end_sessions_and_nothing_else() {
    let prepared = World::prepare().await;
    only(&prepared.sim, "second", &of_account(REVOKER, ACCOUNT));
    let world = prepared.serve();
    world.run(&["revoke", "deploy", "--access-key", "second", "--yes"], "").succeeded();
    assert_eq!(world.calls("PutRolePolicy").len(), 1);
    let said = world.run(&["revoke", "guarded", "--access-key", "second", "--yes"], "").failed();
    assert!(said.contains("may not do that"), "{said}");
    world.person("ada").await.vend("other-key", &json!({})).await.problem("502 aws_refused");
    let said = tried(&Client::at(&world.sim.endpoint()).with_keys(SECOND, SECOND_SECRET, None), "reports");
    assert_eq!(said, json!(["done", "AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied"]));
}

/// What AWS says to GetCallerIdentity, and to a few things that the holder of a stolen key would like to do.
fn tried(client: &Client, bucket: &str) -> Value {
    let program = "
def tried(call):
    try:
        call()
        return 'done'
    except Exception as error:
        return error.response['Error']['Code']
iam, s3 = boto3.client('iam'), boto3.client('s3')
print(json.dumps([tried(call) for call in (
    boto3.client('sts').get_caller_identity,
    iam.list_users,
    lambda: iam.create_access_key(UserName='broker'),
    s3.list_buckets,
    lambda: s3.list_objects_v2(Bucket='BUCKET'),
)]))";
    client.boto3(&program.replace("BUCKET", bucket)).json()
}

/// Takes a user's rights away, and gives this policy instead.
fn only(sim: &aws_sim::Sim, user: &str, policy: &str) {
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    sim.world().remove_policy(&arn, "all").unwrap();
    sim.world().put_policy(&arn, "shipped", policy).unwrap();
}

fn of_account(policy: &str, account: &str) -> String {
    policy.replace("123456789012", account)
}

/// The policy of the stack's user, with the stack's parameters in it.
fn of_stack(account: &str) -> String {
    let program = format!(
        "import yaml
from moto.cloudformation.utils import yaml_tag_constructor
yaml.add_multi_constructor('', yaml_tag_constructor, Loader=yaml.SafeLoader)
stack = yaml.safe_load({STACK:?})
print(json.dumps(stack['Resources']['BrokerUser']['Properties']['Policies'], default=str))"
    );
    let policies = Client::new().boto3(&program).json();
    let [policy] = &policies.as_array().unwrap()[..] else { panic!("{policies}") };
    let role = format!("arn:aws:iam::{account}:role/deploy");
    let known = [
        (json!({ "Ref": "RoleArns" }), json!([role])),
        (
            json!({ "Fn::Sub": "arn:${AWS::Partition}:sts::${AWS::AccountId}:federated-user/*" }),
            json!(format!("arn:aws:sts::{account}:federated-user/*")),
        ),
    ];
    let text = policy["PolicyDocument"].to_string();
    let filled = known.iter().fold(text, |text, (from, to)| text.replace(&from.to_string(), &to.to_string()));
    assert!(!filled.contains("Ref") && !filled.contains("Fn::"), "{filled}");
    filled
}
