//! AWS says that nobody should count on how long a session token is: whatever comes goes on whole, in every format.

use serde_json::{Value, json};
use tests::installed;
use tests::python::Client;
use tests::world::{Answer, Asker, World};

/// Connector, and whom its credentials act as.
const KINDS: [(&str, &str); 3] = [
    ("deploy", "arn:aws:sts::111111111111:assumed-role/deploy/ada"),
    ("reports", "arn:aws:sts::111111111111:federated-user/ada"),
    ("raw", "arn:aws:iam::111111111111:user/broker"),
];

#[tokio::test(flavor = "multi_thread")]
async fn session_tokens_of_any_length_come_whole_in_every_format_and_open_the_console() {
    for size in [16 * 1_024 + 1, 100 * 1_024] {
        let world = World::open().await;
        let ada = world.person("ada").await;
        world.sim.lengthen_session_tokens(size);
        for (connector, arn) in KINDS {
            let vended = ada.vended(connector, &json!({})).await;
            let token = vended["session_token"].as_str().unwrap();
            assert!(token.len() >= size, "{}", token.len());
            assert_eq!(identity(&world.client(&vended)), arn, "AWS knows it");

            let printed = formatted(&ada, connector, "process").await.good();
            assert!(printed["SessionToken"] == token, "credential_process");
            let exports = formatted(&ada, connector, "env").await.text;
            let mut shell = Client::new().command(&installed::program("sh"));
            shell.args(["-c", &format!("{exports}printf %s \"$AWS_SESSION_TOKEN\"")]);
            assert!(tests::ended::run("sh", shell, "").succeeded() == token, "exports");

            let called = ada.get(&format!("/v1/connectors/{connector}/caller-identity")).await.good();
            assert_eq!(called["arn"], arn);
            if connector != "raw" {
                let link = ada.post(&format!("/v1/connectors/{connector}/console-url"), &json!({})).await.good();
                assert!(page(&link).await.contains(arn));
            }
        }
    }
}

/// What no AWS would send is not read to its end; and whoever asked hears that it is AWS.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_whole_answer_of_aws_is_limited() {
    let world = World::prepare().await.configured("retries = 2", "retries = 0").serve();
    let ada = world.person("ada").await;
    world.sim.lengthen_session_tokens(300 * 1_024);
    ada.vend("deploy", &json!({})).await.problem("503 aws_unavailable");
    world.sim.lengthen_session_tokens(0);
    ada.vended("deploy", &json!({})).await;
}

async fn formatted(ada: &Asker, connector: &str, format: &str) -> Answer {
    ada.post(&format!("/v1/connectors/{connector}/credentials?format={format}"), &json!({})).await
}

fn identity(client: &Client) -> String {
    let program = "print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))";
    client.boto3(program).json().as_str().unwrap().to_owned()
}

/// What AWS shows to whoever follows the link.
async fn page(link: &Value) -> String {
    let url: reqwest::Url = link["url"].as_str().unwrap().parse().unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    Asker::at(&url.origin().ascii_serialization()).get(&path).await.text
}
