//! The three formats of the three principal types, each in the hands of AWS's own clients.

use broker_core::id::ConnectorId;
use serde_json::{Value, json};
use tests::installed;
use tests::python::Client;
use tests::world::{ACCOUNT, World, seconds_until};

/// Connector, whom its credentials act as, the action at AWS, and what the trail joins on.
const KINDS: [(&str, &str, &str, Option<&str>); 3] = [
    ("deploy", "arn:aws:sts::111111111111:assumed-role/deploy/ada", "AssumeRole", Some("ada")),
    ("reports", "arn:aws:sts::111111111111:federated-user/ada", "GetFederationToken", Some("ada")),
    ("raw", "arn:aws:iam::111111111111:user/broker", "GetSessionToken", None),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_principal_type_gives_credentials_that_boto3_can_use_and_the_trail_joins_with_awss_own() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (connector, arn, action, session_name) in KINDS {
        let answer = ada.vend(connector, &json!({ "reason": "ticket 4711" })).await;
        let vended = answer.good();
        let text = |name: &str| vended[name].as_str().unwrap_or_else(|| panic!("{name}: {vended}"));
        let mut fields: Vec<&str> = vended.as_object().unwrap().keys().map(String::as_str).collect();
        fields.retain(|name| *name != "packed_policy_size");
        assert_eq!(
            fields,
            [
                "access_key_id",
                "account_id",
                "arn",
                "connector",
                "expiration",
                "reused",
                "secret_access_key",
                "session_token",
                "vend_id"
            ]
        );
        assert!(text("access_key_id").starts_with("ASIA"));
        assert_eq!((text("connector"), text("arn"), text("account_id")), (connector, arn, ACCOUNT));
        assert_eq!(vended["reused"], false);
        assert!(text("expiration").ends_with('Z'), "{vended}");
        assert_eq!(vended["packed_policy_size"].is_u64(), connector == "reports", "only a policy takes room");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));

        assert_eq!(identity_by_boto3(&world.client(&vended)), arn);
        assert_eq!(world.calls(action).len(), 1);

        let record = world.record(&vended["vend_id"]);
        assert_eq!(record["actor"], "person:corp/ada");
        assert_eq!((&record["action"], &record["outcome"]), (&json!("vend"), &json!("success")));
        assert_eq!(record["access_key_id"], vended["access_key_id"]);
        assert_eq!(record["session_name"], json!(session_name));
        let role = "arn:aws:iam::111111111111:role/deploy";
        assert_eq!(record["role_arn"], if connector == "deploy" { json!(role) } else { Value::Null });
        assert_eq!(record["request_id"].as_str(), answer.header("x-request-id"));
        assert_eq!((&record["client_address"], &record["reason"]), (&json!("127.0.0.1"), &json!("ticket 4711")));
        assert_eq!(record["reused"], false);
    }
    world.run(&["audit", "verify"], "").succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exports_mean_the_same_in_sh_and_bash_and_the_aws_cli_takes_them() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (connector, arn, _, _) in KINDS {
        let answer = ada.post(&format!("/v1/connectors/{connector}/credentials?format=env"), &json!({})).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let shell = if connector == "raw" { "bash" } else { "sh" };
        let script = format!(
            "set -eu\n{}env | grep ^AWS_CREDENTIAL_EXPIRATION= >&2\n\"$CLI\" sts get-caller-identity --output json",
            answer.text
        );
        let client = Client::at(&world.sim.endpoint()).with("CLI", installed::aws().to_str().unwrap());
        let mut command = client.command(&installed::program(shell));
        command.args(["-c", &script]);
        let ended = tests::ended::run(shell, command, "");
        assert!(ended.stderr.starts_with("AWS_CREDENTIAL_EXPIRATION=2"), "{}", ended.stderr);
        assert_eq!(ended.json()["Arn"], arn);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_format_is_what_a_credential_process_prints() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (connector, arn, _, _) in KINDS {
        let answer = ada.post(&format!("/v1/connectors/{connector}/credentials?format=process"), &json!({})).await;
        let printed = answer.good();
        let mut fields: Vec<&str> = printed.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["AccessKeyId", "AccountId", "Expiration", "SecretAccessKey", "SessionToken", "Version"],
            "exactly these"
        );
        assert_eq!((&printed["Version"], &printed["AccountId"]), (&json!(1), &json!(ACCOUNT)));
        assert!((3_500..=3_600).contains(&seconds_until(&printed["Expiration"])), "{printed}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));

        let client = Client::at(&world.sim.endpoint());
        let file = client.home().join("printed");
        std::fs::write(&file, &answer.text).unwrap();
        std::fs::create_dir(client.home().join(".aws")).unwrap();
        let config = format!("[default]\ncredential_process = cat {}\n", file.display());
        std::fs::write(client.home().join(".aws/config"), config).unwrap();
        assert_eq!(identity_by_boto3(&client), arn);
        if connector == "deploy" {
            assert_eq!(client.aws(&["sts", "get-caller-identity"]).json()["Arn"], arn);
        }
    }
    let refused = ada.post("/v1/connectors/deploy/credentials?format=yaml", &json!({})).await;
    assert_eq!(refused.problem("400 invalid_request")["field"], "format");
    assert_eq!(world.calls("AssumeRole").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_identity_is_asked_of_aws_with_what_is_vended_and_recorded() {
    let world = World::open().await;
    let ada = world.person("ada").await;
    for (connector, arn, action, _) in KINDS {
        world.sim.forget_calls();
        let identity = ada.get(&format!("/v1/connectors/{connector}/caller-identity")).await.good();
        assert_eq!((&identity["account"], &identity["arn"]), (&json!(ACCOUNT), &json!(arn)));
        assert_eq!(identity.as_object().unwrap().len(), 3);
        assert!(identity["user_id"].as_str().is_some_and(|id| !id.is_empty()), "{identity}");
        assert_eq!(world.calls(action).len(), 1);
        let asked = world.calls("GetCallerIdentity").pop().unwrap();
        assert!(asked.access_key_id.unwrap().starts_with("ASIA"), "with the vended credentials, not with the key");
        assert_eq!(world.trail_of(connector), ["person:corp/ada caller_identity success"]);
    }
    let bob = world.person("bob").await;
    bob.get("/v1/connectors/deploy/caller-identity").await.problem("404 not_found");
    assert_eq!(world.trail_of("deploy").last().unwrap(), "person:corp/bob caller_identity refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_shown_to_those_who_may_use_them() {
    let world = World::open().await;
    let names = async |username: &str| {
        let list = world.person(username).await.get("/v1/connectors").await.good();
        let names = list["connectors"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("fred").await, ["treasury"]);
    assert_eq!(names("bob").await, [""; 0]);
    let of_ada = names("ada").await;
    assert!(of_ada.contains(&"deploy".to_owned()) && !of_ada.contains(&"treasury".to_owned()), "{of_ada:?}");
    assert!(!of_ada.contains(&"vault".to_owned()) && !of_ada.contains(&"ci".to_owned()), "{of_ada:?}");
    assert!(names("root").await.contains(&"vault".to_owned()));

    let shown = world.person("ada").await.get("/v1/connectors/deploy").await.good();
    let id = shown["id"].as_str().unwrap();
    assert_eq!(id.parse::<ConnectorId>().unwrap().to_string(), id);
    assert_eq!(
        shown,
        json!({
            "id": id, "name": "deploy", "description": "Deploys to production", "principal": "assume_role", "account_id": ACCOUNT,
            "role_arn": "arn:aws:iam::111111111111:role/deploy", "partition": "aws", "scope": "user",
            "max_duration_seconds": 14_400, "default_duration_seconds": 3_600, "console": true, "require_reason": false, "require_second_factor": false,
        })
    );
}

fn identity_by_boto3(client: &Client) -> String {
    let program = "print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))";
    client.boto3(program).json().as_str().unwrap().to_owned()
}
