//! AWS's own clients, unmodified: accepted by the stand-in for AWS, refused by it when they should be, and fed by brokerd.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use aws_sim::Outcome;
use jiff::SignedDuration;
use serde_json::Value;
use tests::installed;
use tests::python::Client;
use tests::stage::{Door, ROLE, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BROKER: &str = "arn:aws:iam::111111111111:user/broker";
const READING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/*"}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_cli_makes_all_calls_and_uses_what_it_gets() {
    let stage = Stage::set().await;
    let broker = broker(&stage, &stage.sim.endpoint());
    assert_eq!(broker.aws(&["sts", "get-caller-identity"]).json()["Arn"], BROKER);
    let user = broker.aws(&["iam", "get-user", "--user-name", "broker"]).json();
    assert_eq!(user["User"]["Arn"], BROKER);

    let role = [
        "sts",
        "assume-role",
        "--role-arn",
        ROLE,
        "--role-session-name",
        "ada",
        "--tags",
        "Key=team,Value=x y",
        "--duration-seconds",
        "900",
    ];
    let role = with(&stage, &broker.aws(&role).json());
    assert_eq!(arn_by_cli(&role), "arn:aws:sts::111111111111:assumed-role/deploy/ada");
    let person = broker.aws(&["sts", "get-federation-token", "--name", "ada", "--policy", READING]).json();
    let person = with(&stage, &person);
    assert_eq!(arn_by_cli(&person), "arn:aws:sts::111111111111:federated-user/ada");
    let whole = with(&stage, &broker.aws(&["sts", "get-session-token"]).json());

    for limited in [&role, &person] {
        assert_eq!(object(limited, "reports", "q1.txt").unwrap(), "first quarter");
        assert!(object(limited, "payroll", "all.txt").unwrap_err().contains("AccessDenied"));
    }
    assert_eq!(object(&whole, "payroll", "all.txt").unwrap(), "nobody's business");
    assert!(role.aws(&["iam", "list-users"]).failed().contains("AccessDenied"));
    assert!(whole.aws(&["iam", "list-users"]).failed().contains("InvalidClientTokenId"));
    assert!(person.aws(&["sts", "get-session-token"]).failed().contains("AccessDenied"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boto3_makes_all_calls_and_uses_what_it_gets() {
    let stage = Stage::set().await;
    let said = broker(&stage, &stage.sim.endpoint()).boto3(&format!(
        r#"
from botocore.exceptions import ClientError
def code(call, **arguments):
    try:
        call(**arguments)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]
def client(service, given):
    given = given["Credentials"]
    return boto3.client(service, aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])
sts = boto3.client("sts")
kinds = [
    sts.assume_role(RoleArn="{ROLE}", RoleSessionName="ada", SourceIdentity="ada", Tags=[dict(Key="team", Value="a b")], TransitiveTagKeys=["team"]),
    sts.get_federation_token(Name="ada", Policy='{READING}', DurationSeconds=900),
    sts.get_session_token(),
]
print(json.dumps([[
    client("sts", given).get_caller_identity()["Arn"],
    code(client("s3", given).get_object, Bucket="reports", Key="q1.txt"),
    code(client("s3", given).get_object, Bucket="payroll", Key="all.txt"),
    code(client("s3", given).put_object, Bucket="reports", Key="new", Body=b"new"),
    code(client("iam", given).list_users),
    code(client("sts", given).get_session_token),
    code(client("sts", given).assume_role, RoleArn="{ROLE}", RoleSessionName="again"),
] for given in kinds] + [[
    sts.get_caller_identity()["Arn"],
    code(boto3.client("s3").put_object, Bucket="reports", Key="new", Body=b"new"),
    code(boto3.client("iam").list_users),
]]))
"#
    ));
    let role = [
        "arn:aws:sts::111111111111:assumed-role/deploy/ada",
        "done",
        "AccessDenied",
        "AccessDenied",
        "AccessDenied",
        "AccessDenied",
        "AccessDenied",
    ];
    let person = [
        "arn:aws:sts::111111111111:federated-user/ada",
        "done",
        "AccessDenied",
        "AccessDenied",
        "InvalidClientTokenId",
        "AccessDenied",
        "AccessDenied",
    ];
    let whole = [BROKER, "done", "done", "done", "InvalidClientTokenId", "AccessDenied", "done"];
    assert_eq!(said.json(), serde_json::json!([role, person, whole, [BROKER, "done", "done"]]));
    assert!(stage.sim.calls().iter().any(|call| call.parameters.contains_key("SourceIdentity")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_which_one_byte_was_changed_is_refused() {
    let stage = Stage::set().await;
    let given = broker(&stage, &stage.sim.endpoint());
    let given = given.aws(&["sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "ada"]).json();
    // Where the byte is, and what AWS says.
    let cases: &[(&str, &str)] = &[
        ("", "done"),
        ("Signature=", "SignatureDoesNotMatch"),
        ("SignedHeaders=content", "IncompleteSignature"),
        ("Credential=ASIA", "InvalidClientTokenId"),
        ("X-Amz-Date: ", "SignatureDoesNotMatch"),
        ("X-Amz-Security-Token: ", "InvalidClientTokenId"),
        ("Version=", "SignatureDoesNotMatch"),
        ("Action=GetCaller", "SignatureDoesNotMatch"),
        ("RoleSessionName=", "SignatureDoesNotMatch"),
    ];
    let mut proxies = Vec::new();
    for (behind, _) in cases {
        proxies.push(Flipper::start(stage.sim.address(), behind).await);
    }
    let urls: Vec<String> = proxies.iter().map(Flipper::url).collect();
    let asked = with(&stage, &given).boto3(&format!(
        r#"
from botocore.config import Config
from botocore.exceptions import ClientError
def code(call, **arguments):
    try:
        call(**arguments)
        return "done"
    except ClientError as error:
        return error.response["Error"].get("Code", str(error))
answers = []
for url in {urls:?}:
    sts = boto3.client("sts", endpoint_url=url, config=Config(retries={{"total_max_attempts": 1}}))
    answers.append([code(sts.get_caller_identity), code(sts.assume_role, RoleArn="{ROLE}", RoleSessionName="other")])
print(json.dumps(answers))
"#
    ));
    for ((behind, expected), (found, proxy)) in cases.iter().zip(asked.json().as_array().unwrap().iter().zip(&proxies))
    {
        // The role may not assume itself: AccessDenied is the answer to a good signature.
        let of_role = if *expected == "done" { "AccessDenied" } else { expected };
        let expected: [&str; 2] = match *behind {
            "RoleSessionName=" => ["done", of_role],
            "Action=GetCaller" => [expected, "AccessDenied"],
            _ => [expected, of_role],
        };
        assert_eq!(*found, serde_json::json!(expected), "the byte behind `{behind}`");
        let flips = expected.iter().filter(|code| !["done", "AccessDenied"].contains(code)).count();
        assert_eq!(proxy.flips.load(SeqCst), flips, "the byte behind `{behind}`");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_cli_is_refused_when_a_byte_was_changed_and_when_clocks_differ() {
    let stage = Stage::set().await;
    let ask = |endpoint: &str| broker(&stage, endpoint).aws(&["sts", "get-caller-identity"]);
    let straight = Flipper::start(stage.sim.address(), "").await;
    ask(&straight.url()).succeeded();
    let crooked = Flipper::start(stage.sim.address(), "Signature=").await;
    assert!(ask(&crooked.url()).failed().contains("SignatureDoesNotMatch"));
    for (minutes, said) in [(16, "Signature expired"), (-16, "Signature not yet current")] {
        stage.sim.clock().set_skew(SignedDuration::from_mins(minutes));
        let failed = ask(&stage.sim.endpoint()).failed();
        assert!(failed.contains("SignatureDoesNotMatch") && failed.contains(said), "{minutes}: {failed}");
    }
    stage.sim.clock().set_skew(SignedDuration::from_mins(14));
    ask(&stage.sim.endpoint()).succeeded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_signed_long_ago_is_refused() {
    let stage = Stage::set().await;
    let signed = broker(&stage, &stage.sim.endpoint()).boto3(
        r#"
import datetime, urllib.error, urllib.request
from botocore import auth, awsrequest, credentials
import os
keys = credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
now = datetime.datetime.now(datetime.timezone.utc)
class Then(auth.SigV4Auth):
    minutes = 0
    def add_auth(self, request):
        request.context["timestamp"] = (now - datetime.timedelta(minutes=self.minutes)).strftime("%Y%m%dT%H%M%SZ")
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        self._inject_signature_to_request(request, self.signature(self.string_to_sign(request, self.canonical_request(request)), request))
answers = []
for minutes in [0, 14, 16, 300, -16]:
    request = awsrequest.AWSRequest("POST", os.environ["AWS_ENDPOINT_URL"] + "/", data=b"Action=GetCallerIdentity&Version=2011-06-15", headers={"Content-Type": "application/x-www-form-urlencoded"})
    signer = Then(keys, "sts", "us-east-1")
    signer.minutes = minutes
    signer.add_auth(request)
    request = request.prepare()
    try:
        answers.append(urllib.request.urlopen(urllib.request.Request(request.url, request.body, dict(request.headers.items()))).status)
    except urllib.error.HTTPError as error:
        answers.append(error.read().decode().split("<Message>")[1].split(":")[0])
print(json.dumps(answers))
"#,
    );
    assert_eq!(
        signed.json(),
        serde_json::json!([200, 200, "Signature expired", "Signature expired", "Signature not yet current"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_end_when_they_said_they_would() {
    let stage = Stage::set().await;
    let given = broker(&stage, &stage.sim.endpoint())
        .aws(&["sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "ada", "--duration-seconds", "900"])
        .json();
    let role = with(&stage, &given);
    stage.sim.clock().advance(Duration::from_secs(870));
    assert_eq!(arn_by_cli(&role), "arn:aws:sts::111111111111:assumed-role/deploy/ada");
    stage.sim.clock().advance(Duration::from_secs(31));
    assert!(object(&role, "reports", "q1.txt").unwrap_err().contains("ExpiredToken"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cli_and_boto3_take_brokerd_for_a_credential_process() {
    let stage = Stage::set().await;
    let broker = stage.on_sqlite().serve();
    let token = Door::of(&broker.url()).sign_in("ada", stage.password_of("ada")).await;
    let client = at_brokerd(&stage, &broker.url(), &token);
    let expected = "arn:aws:sts::111111111111:assumed-role/deploy/ada-";
    let by_cli = client.aws(&["sts", "get-caller-identity"]).json();
    assert!(
        by_cli["Arn"].as_str().unwrap().starts_with(expected) || by_cli["Arn"] == expected.trim_end_matches('-'),
        "{by_cli}"
    );
    assert_eq!(object(&client, "reports", "q1.txt").unwrap(), "first quarter");
    assert!(object(&client, "payroll", "all.txt").unwrap_err().contains("AccessDenied"));
    let by_boto3 = client.boto3(
        "session = boto3.Session()\nkeys = session.get_credentials()\n\
         print(json.dumps([session.client('sts').get_caller_identity()['Arn'], keys.method, keys.get_frozen_credentials().access_key]))",
    );
    let by_boto3 = by_boto3.json();
    assert_eq!((&by_boto3[0], &by_boto3[1]), (&by_cli["Arn"], &"custom-process".into()));
    let exported = client.aws(&["configure", "export-credentials"]).json();
    assert_eq!(exported["AccessKeyId"], by_boto3[2], "the broker gave the same again");
    let (answers, access_key_id) = (stage.sim.calls(), by_boto3[2].as_str());
    let uses = answers.iter().filter(|call| call.access_key_id.as_deref() == access_key_id);
    assert!(uses.filter(|call| call.outcome == Outcome::Ok).count() >= 3);

    // Who is not let in gets one line, which the client shows.
    let stranger = at_brokerd(&stage, &broker.url(), "bks_nonsense");
    assert!(stranger.aws(&["sts", "get-caller-identity"]).failed().contains("401"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_takes_brokerds_exports_and_the_cli_the_shells() {
    let stage = Stage::set().await;
    let broker = stage.on_sqlite().serve();
    let token = Door::of(&broker.url()).sign_in("ada", stage.password_of("ada")).await;
    let client = at_brokerd(&stage, &broker.url(), &token);
    let script = format!(
        "eval \"$(\"$HOME/ask\" env)\" && unset AWS_PROFILE AWS_CONFIG_FILE && {} sts get-caller-identity --output json && echo $AWS_CREDENTIAL_EXPIRATION >&2",
        installed::aws().display()
    );
    let mut command = client.command(std::path::Path::new("/bin/sh"));
    command.args(["-c", &script]);
    let ended = tests::ended::run("sh", command, "");
    let expiration = ended.stderr.trim().parse::<jiff::Timestamp>();
    assert!(expiration.is_ok(), "{}", ended.stderr);
    assert!(ended.json()["Arn"].as_str().unwrap().contains(":assumed-role/deploy/ada"));
}

/// The IAM user, asking at `endpoint`.
fn broker(stage: &Stage, endpoint: &str) -> Client {
    Client::at(endpoint).with_keys(stage.main.id(), stage.main.secret(), None)
}

fn with(stage: &Stage, given: &Value) -> Client {
    with_at(&stage.sim.endpoint(), given)
}

fn with_at(endpoint: &str, given: &Value) -> Client {
    let part = |name: &str| given["Credentials"][name].as_str().unwrap();
    Client::at(endpoint).with_keys(part("AccessKeyId"), part("SecretAccessKey"), Some(part("SessionToken")))
}

fn arn_by_cli(client: &Client) -> String {
    client.aws(&["sts", "get-caller-identity"]).json()["Arn"].as_str().unwrap().to_owned()
}

/// What the CLI reads of an object, or says against it.
fn object(client: &Client, bucket: &str, key: &str) -> Result<String, String> {
    let file = client.home().join("object");
    let got = client.aws(&["s3api", "get-object", "--bucket", bucket, "--key", key, file.to_str().unwrap()]);
    if got.status.success() { Ok(std::fs::read_to_string(file).unwrap()) } else { Err(got.failed()) }
}

/// A client whose profile runs a script that asks brokerd.
fn at_brokerd(stage: &Stage, url: &str, token: &str) -> Client {
    let client = Client::at(&stage.sim.endpoint());
    let home = client.home().to_owned();
    let script = format!(
        "#!/bin/sh\nexec {} -c '\nimport sys, urllib.error, urllib.request\n\
         request = urllib.request.Request(\"{url}/v1/connectors/deploy/credentials?format=\" + sys.argv[1], b\"\", \
         {{\"Authorization\": \"Bearer \" + open(\"{}/token\").read()}})\n\
         try:\n    sys.stdout.write(urllib.request.urlopen(request).read().decode())\n\
         except urllib.error.HTTPError as error:\n    sys.exit(f\"brokerd refuses: {{error.code}}\")\n' \"$1\"\n",
        installed::python().display(),
        home.display(),
    );
    std::fs::write(home.join("token"), token).unwrap();
    std::fs::write(home.join("ask"), script).unwrap();
    std::fs::set_permissions(home.join("ask"), Permissions::from_mode(0o700)).unwrap();
    let profile = format!("[profile corp]\ncredential_process = {}/ask process\n", home.display());
    std::fs::write(home.join("config"), profile).unwrap();
    client.with("AWS_CONFIG_FILE", home.join("config").to_str().unwrap()).with("AWS_PROFILE", "corp")
}

/// Hands requests on to `to`, each with the byte behind a text changed; with no text, as they are.
struct Flipper {
    address: SocketAddr,
    flips: Arc<AtomicUsize>,
}

impl Flipper {
    async fn start(to: SocketAddr, behind: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, flips) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (behind, counter) = (behind.to_owned(), Arc::clone(&flips));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(to).await.unwrap();
                tokio::spawn(hand_on(client, server, behind.clone(), Arc::clone(&counter)));
            }
        });
        Self { address, flips }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn hand_on(mut client: TcpStream, mut server: TcpStream, behind: String, flips: Arc<AtomicUsize>) {
    let (mut request, mut answer) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let Ok(length @ 1..) = read else { return };
                let place = (!behind.is_empty()).then(|| find(&request[..length], behind.as_bytes())).flatten();
                if let Some(at) = place {
                    // Still a character of the same sort, so that nothing but the signature can mind.
                    let byte = &mut request[at];
                    *byte = match *byte { b'0'..=b'8' | b'a'..=b'e' | b'A'..=b'Y' | b'g'..=b'y' => *byte + 1, _ => *byte - 1 };
                    flips.fetch_add(1, SeqCst);
                }
                if server.write_all(&request[..length]).await.is_err() { return }
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answer[..length]).await.is_err() { return }
            }
        }
    }
}

/// The place just behind the text.
fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text).map(|at| at + text.len()).filter(|at| *at < bytes.len())
}
