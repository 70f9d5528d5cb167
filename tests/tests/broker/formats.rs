//! Credentials in every form, taken by those for whom the form is.

use serde_json::{Value, json};
use tests::world::World;

use super::{Machine, refused};

const PRINTED: &str = "printf '[\"%s\",\"%s\",\"%s\",\"%s\"]' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" \"$AWS_CREDENTIAL_EXPIRATION\"";

#[tokio::test(flavor = "multi_thread")]
async fn every_form_holds_the_same_credentials() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let lent = machine.run(&["creds", "deploy", "--format", "json"]).json();
    let fields = ["access_key_id", "secret_access_key", "session_token", "expiration"];
    let expected: Vec<_> = fields.map(|field| lent[field].clone()).into();
    assert_eq!(world.read(&lent, &["monthly"]), ["profits"], "AWS takes them");

    for shell in ["sh", "bash", "zsh"] {
        let line = format!("set -e; credentials=$(broker creds deploy); eval \"$credentials\"; {PRINTED}");
        assert_eq!(machine.shell(shell, &line).json(), json!(expected), "{shell}");
    }
    let line = format!("broker creds deploy --format fish | source; {PRINTED}");
    assert_eq!(machine.shell("fish", &line).json(), json!(expected));
    let line = format!("set -ea; broker creds deploy --format dotenv > .env; . ./.env; {PRINTED}");
    assert_eq!(machine.shell("sh", &format!("cd; {line}")).json(), json!(expected), "a .env file");

    for arguments in [&["process", "deploy"][..], &["creds", "deploy", "--format", "process"]] {
        let lent = machine.run(arguments).json();
        let names = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
        assert_eq!(json!(names.map(|name| &lent[name])), json!(expected));
        assert_eq!((&lent["Version"], &lent["AccountId"]), (&json!(1), &json!("111111111111")));
    }
    let powershell = machine.run(&["creds", "deploy", "--format", "powershell"]).succeeded();
    let quoted = |field: &str| format!("'{}'\n", lent[field].as_str().unwrap());
    assert!(powershell.starts_with(&format!("$env:AWS_ACCESS_KEY_ID = {}", quoted("access_key_id"))), "{powershell}");
    assert!(powershell.contains(&format!("$env:AWS_SESSION_TOKEN = {}", quoted("session_token"))), "{powershell}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_reaches_the_broker() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    std::fs::write(
        machine.0.home().join("policy.json"),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/monthly"}]}"#,
    )
    .unwrap();
    let policy = machine.0.home().join("policy.json");
    let narrowed = ["creds", "deploy", "--json", "--duration", "30m", "--reason", "ticket 4711", "--policy-file"];
    let lent = machine.run(&[&narrowed[..], &[policy.to_str().unwrap()]].concat()).json();
    assert_eq!(world.sent("AssumeRole", "DurationSeconds").unwrap(), "1800");
    assert!(world.sent("AssumeRole", "Policy").unwrap().contains("reports/monthly"));
    assert_eq!(world.record(&lent["vend_id"])["reason"], "ticket 4711");

    let again = |arguments: &[&str]| machine.run(arguments).json()["access_key_id"].clone();
    let first = again(&["creds", "deploy", "--json"]);
    assert_ne!(first, lent["access_key_id"], "other parameters, other credentials");
    assert_eq!(again(&["creds", "deploy", "--json"]), first);
    let fresh = again(&["creds", "deploy", "--json", "--fresh"]);
    assert_ne!(fresh, first);
    assert_eq!(again(&["creds", "deploy", "--json"]), fresh, "the newest are kept");

    std::fs::write(machine.0.home().join("policy.json"), "{").unwrap();
    assert_eq!(refused(&machine.run(&["creds", "deploy", "--policy-file", policy.to_str().unwrap()])).0, 2);
    let long = machine.run(&["creds", "deploy", "--duration", "30h"]);
    let (code, said) = refused(&long);
    assert_eq!(code, 2);
    assert!(said.contains(": give --duration from 15m to 4h"), "the broker says how long is possible: {said}");
    assert_eq!(machine.run(&["creds", "deploy", "--duration", "soon"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_cli_and_boto3_run_it_as_their_credential_process() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let profile = |connector: &str| {
        format!(
            "[profile {connector}]\ncredential_process = {} process {connector}\n",
            tests::brokerd::program("broker").display()
        )
    };
    std::fs::create_dir_all(machine.0.home().join(".aws")).unwrap();
    std::fs::write(machine.0.home().join(".aws/config"), profile("deploy") + &profile("treasury")).unwrap();
    let identity = machine.0.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    let program = "session = boto3.Session(profile_name='deploy')\nprint(json.dumps(session.client('sts').get_caller_identity()['Arn']))";
    assert_eq!(machine.0.boto3(program).json(), identity["Arn"]);
    assert_eq!(super::vends(&world, "deploy"), 1, "the second was given what the first had got");

    let said = machine.0.aws(&["sts", "get-caller-identity", "--profile", "treasury"]).failed();
    assert!(said.contains("there is no connector `treasury` that you may use"), "the CLI shows our words: {said}");
    machine.run(&["logout"]).succeeded();
    let said = machine.0.aws(&["sts", "get-caller-identity", "--profile", "deploy"]).failed();
    assert!(said.contains("run `broker login`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_credentials_act_as_is_awss_own_word() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let arn = machine.run(&["whoami", "deploy"]).succeeded();
    assert_eq!(arn, "arn:aws:sts::111111111111:assumed-role/deploy/ada\n");
    let said: Value = machine.run(&["whoami", "deploy", "--json", "--reason", "a look"]).json();
    assert_eq!(said["account"], "111111111111");
}
