//! `serve`: whom the server on loopback lets in, and AWS's clients before it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use tests::brokerd::{free_port, program};
use tests::process::{Process, Signal};
use tests::world::World;

use super::json::as_documented;
use super::{Machine, refused};

/// A running `broker serve`.
pub(super) struct Serving {
    process: Process,
    port: u16,
    token_file: PathBuf,
    token: String,
    told: Value,
}

impl Serving {
    pub(super) fn on(machine: &Machine, more: &[&str]) -> Self {
        let mut command = machine.0.command(&program("broker"));
        command.args(["serve", "--json"]).args(more);
        let process = Process::start("broker serve", command);
        process.wait_for_line("}");
        let told = as_documented("serve", serde_json::from_str(&process.stdout()).unwrap());
        let port = told["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
        let token_file: PathBuf = told["token_file"].as_str().unwrap().into();
        let token = std::fs::read_to_string(&token_file).unwrap();
        Self { process, port, token_file, token, told }
    }

    /// The status of what comes of a request with these lines, and all of it.
    fn ask(&self, lines: &str) -> (u16, String) {
        Self::ask_at(self.port, lines)
    }

    fn ask_at(port: u16, lines: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(lines.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        // Whoever says too much is hung up on.
        let _ = stream.read_to_string(&mut answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer)
    }

    /// As a program asks that has its token: the status, and all of it.
    pub(super) fn fetch(&self, connector: &str) -> (u16, String) {
        let (host, token) = (self.host(), format!("Authorization: {}", self.token));
        self.ask(&format!("GET /credentials/{connector} HTTP/1.1\n{host}\n{token}\n\n"))
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}", self.port)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_program_of_this_machine_that_has_the_token_is_let_in() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let serving = Serving::on(&machine, &[]);
    let (host, token) = (serving.host(), format!("Authorization: {}", serving.token));
    assert_eq!(serving.token.len(), 64);
    let get = "GET /credentials/deploy HTTP/1.1";
    let (status, answer) = serving.ask(&format!("{get}\n{host}\n{token}\n\n"));
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("cache-control: no-store") && answer.contains("\"SecretAccessKey\":\""), "{answer}");
    assert_eq!(serving.ask(&format!("{get}\n{host}\nAuthorization: Bearer {}\n\n", serving.token)).0, 200);

    let port = serving.port;
    let wrong = "0".repeat(64);
    for (expected, lines) in [
        (401, format!("{get}\n{host}\n\n")),
        (401, format!("{get}\n{host}\nAuthorization: {wrong}\n\n")),
        (401, format!("{get}\n{host}\nAuthorization: {}\n\n", &serving.token[..63])),
        (401, format!("{get}\n{host}\n{token}\n{token}\n\n")),
        (421, format!("{get}\nHost: localhost:{port}\n{token}\n\n")),
        (421, format!("{get}\nHost: 127.0.0.1\n{token}\n\n")),
        (421, format!("{get}\nHost: evil.example:{port}\n{token}\n\n")),
        (421, format!("{get}\n{token}\n\n")),
        (421, format!("{get}\n{host}\n{host}\n{token}\n\n")),
        (421, format!("GET http://evil.example/credentials/deploy HTTP/1.1\n{host}\n{token}\n\n")),
        (403, format!("{get}\n{host}\n{token}\nOrigin: http://127.0.0.1:{port}\n\n")),
        (403, format!("{get}\n{host}\n{token}\nOrigin: null\n\n")),
        (403, format!("{get}\n{host}\n{token}\nSec-Fetch-Site: none\n\n")),
        (403, format!("{get}\n{host}\n{token}\nSec-Fetch-Mode: no-cors\n\n")),
        (403, format!("{get}\n{host}\n{token}\nX-Forwarded-For: 127.0.0.1\n\n")),
        (403, format!("{get}\n{host}\n{token}\nForwarded: for=127.0.0.1\n\n")),
        (403, format!("{get}\n{host}\n{token}\nVia: 1.1 proxy\n\n")),
        (405, format!("POST /credentials/deploy HTTP/1.1\n{host}\n{token}\nContent-Length: 0\n\n")),
        (404, format!("GET /credentials/../deploy HTTP/1.1\n{host}\n{token}\n\n")),
        (404, format!("GET /credentials/ HTTP/1.1\n{host}\n{token}\n\n")),
        (404, format!("GET / HTTP/1.1\n{host}\n{token}\n\n")),
        (403, format!("GET /credentials/treasury HTTP/1.1\n{host}\n{token}\n\n")),
        // The machine of EC2's is not there unless it is wanted.
        (401, format!("PUT /latest/api/token HTTP/1.1\n{host}\nX-aws-ec2-metadata-token-ttl-seconds: 60\n\n")),
        (431, format!("{get}\n{host}\n{token}\nX: {}\n\n", "x".repeat(100_000))),
        (400, "\u{0}\u{1}rubbish\n\n".to_owned()),
    ] {
        let (status, answer) = serving.ask(&lines);
        assert_eq!(status, expected, "{lines}\n{answer}");
        assert!(!answer.contains("SecretAccessKey") && !answer.contains(&serving.token), "{lines}\n{answer}");
    }
    assert_eq!(super::vends(&world, "deploy"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_disk_it_remembers_each_connectors() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let serving = Serving::on(&machine, &["--no-cache"]);
    let ask = |connector: &str| serving.fetch(connector).0;
    for connector in ["deploy", "reports", "deploy", "reports"] {
        assert_eq!(ask(connector), 200, "{connector}");
    }
    assert_eq!((super::vends(&world, "deploy"), super::vends(&world, "reports")), (1, 1));
    assert!(machine.sealed().is_empty());
    // Until the broker is asked for another, and says that the session is over.
    assert_eq!(world.stranger().with_token(&machine.token()).delete("/v1/session").await.status, 204);
    assert_eq!(
        ["deploy", "raw", "deploy", "reports"].map(|connector| ask(connector) == 200),
        [true, false, false, false]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_after_somebody_else_is_not_given_what_they_were_lent() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    for more in [&[][..], &["--no-cache"]] {
        machine.sign_in("ada").succeeded();
        let serving = Serving::on(&machine, more);
        let (host, token) = (serving.host(), format!("Authorization: {}", serving.token));
        for person in ["ada", "eve"] {
            if person == "eve" {
                machine.sign_in(person).succeeded();
            }
            let (status, answer) = serving.ask(&format!("GET /credentials/deploy HTTP/1.1\n{host}\n{token}\n\n"));
            assert_eq!(status, 200, "{answer}");
            let last = world.trail_of("deploy").pop().unwrap();
            assert_eq!(last, format!("person:corp/{person} vend success"), "{more:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_with_fresh_ones_asks_for_them_once() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    machine.run(&["creds", "deploy"]).succeeded();
    let fetch =
        "curl -sSf -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"";
    let twice = format!("{fetch} && {fetch}");
    let said = machine.run(&["exec", "deploy", "--fresh", "--", "sh", "-c", &twice]).succeeded();
    assert_eq!(said.matches("SecretAccessKey").count(), 2, "{said}");
    assert_eq!(super::vends(&world, "deploy"), 2, "one of before, and one that is fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_clients_fetch_from_it_for_every_connector() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let mut serving = Serving::on(&machine, &["--imds", "deploy"]);
    assert_eq!(std::fs::metadata(&serving.token_file).unwrap().permissions().mode() & 0o777, 0o600);
    for (connector, arn) in [("deploy", ":assumed-role/deploy/ada"), ("reports", ":federated-user/ada")] {
        let address = format!("http://127.0.0.1:{}/credentials/{connector}", serving.port);
        let client = tests::python::Client::at(&world.sim.endpoint())
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address)
            .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", serving.token_file.to_str().unwrap());
        assert!(client.aws(&["sts", "get-caller-identity"]).json()["Arn"].as_str().unwrap().ends_with(arn));
        assert!(
            client
                .boto3("print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))")
                .json()
                .as_str()
                .unwrap()
                .ends_with(arn)
        );
    }
    let of_machine = tests::python::Client::at(&world.sim.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_METADATA_SERVICE_TIMEOUT", PATIENCE)
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://127.0.0.1:{}", serving.port));
    let identity = of_machine.aws(&["sts", "get-caller-identity"]).json();
    assert!(identity["Arn"].as_str().unwrap().ends_with(":assumed-role/deploy/ada"), "{identity}");
    let (host, roles) = (serving.host(), "GET /latest/meta-data/iam/security-credentials");
    assert_eq!(serving.ask(&format!("{roles}/deploy HTTP/1.1\n{host}\n\n")).0, 401, "not without its token");
    assert_eq!(serving.ask(&format!("{roles}/deploy HTTP/1.1\n{host}\nX-Aws-Ec2-Metadata-Token: x\n\n")).0, 401);
    let put = "PUT /latest/api/token HTTP/1.1";
    assert_eq!(serving.ask(&format!("{put}\n{host}\n\n")).0, 401);
    assert_eq!(
        serving.ask(&format!("{put}\n{host}\nX-aws-ec2-metadata-token-ttl-seconds: 60\nOrigin: null\n\n")).0,
        403
    );

    let port = serving.port.to_string();
    assert!(refused(&machine.run(&["serve", "--port", &port])).1.contains("name another port"));
    assert!(serving.token_file.exists(), "the other's token stays");
    serving.process.signal(Signal::TERM);
    assert!(serving.process.wait().success());
    assert!(!serving.token_file.exists());
    machine.run(&["logout"]).succeeded();
    assert_eq!(refused(&machine.run(&["serve", "--port", &free_port().to_string()])).0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_connectors_are_played_each_at_a_port_of_its_own() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let own = free_port();
    let serving = Serving::on(&machine, &["--imds", &format!("reports={own}"), "--imds", "deploy"]);
    let played = [(own, "reports", ":federated-user/ada"), (serving.port, "deploy", ":assumed-role/deploy/ada")];
    let told = played
        .map(|(port, connector, _)| json!({ "connector": connector, "endpoint": format!("http://127.0.0.1:{port}/") }));
    assert_eq!(serving.told["imds"], json!(told));
    for (port, connector, arn) in played {
        let client = tests::python::Client::at(&world.sim.endpoint())
            .with("AWS_EC2_METADATA_DISABLED", "false")
            .with("AWS_METADATA_SERVICE_TIMEOUT", PATIENCE)
            .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://127.0.0.1:{port}"));
        let identity = client.aws(&["sts", "get-caller-identity"]).json();
        assert!(identity["Arn"].as_str().unwrap().ends_with(arn), "{connector}: {identity}");
    }

    let token_of = |port: u16| {
        let put = "PUT /latest/api/token HTTP/1.1";
        let (status, answer) = Serving::ask_at(
            port,
            &format!("{put}\nHost: 127.0.0.1:{port}\nX-aws-ec2-metadata-token-ttl-seconds: 60\n\n"),
        );
        assert_eq!(status, 200, "{answer}");
        answer.rsplit_once("\r\n").unwrap().1.to_owned()
    };
    let (of_own, of_main) = (token_of(own), token_of(serving.port));
    let roles = "/latest/meta-data/iam/security-credentials/";
    let (host, known) = (format!("Host: 127.0.0.1:{own}"), format!("X-Aws-Ec2-Metadata-Token: {of_own}"));
    for (expected, lines) in [
        (200, format!("GET {roles} HTTP/1.1\n{host}\n{known}\n\n")),
        (200, format!("GET {roles}reports HTTP/1.1\n{host}\n{known}\n\n")),
        // What is played elsewhere is not to be had here, nor with a token of elsewhere.
        (404, format!("GET {roles}deploy HTTP/1.1\n{host}\n{known}\n\n")),
        (404, format!("GET /latest/meta-data/placement/region HTTP/1.1\n{host}\n{known}\n\n")),
        (401, format!("GET {roles}reports HTTP/1.1\n{host}\nX-Aws-Ec2-Metadata-Token: {of_main}\n\n")),
        (401, format!("GET {roles}reports HTTP/1.1\n{host}\n\n")),
        (401, format!("GET /latest/meta-data/placement/region HTTP/1.1\n{host}\n\n")),
        // The other address, the other's name, and a stranger's that leads here.
        (421, format!("GET {roles}reports HTTP/1.1\n{}\n{known}\n\n", serving.host())),
        (421, format!("GET {roles}reports HTTP/1.1\nHost: localhost:{own}\n{known}\n\n")),
        (421, format!("GET {roles}reports HTTP/1.1\nHost: evil.example:{own}\n{known}\n\n")),
        (403, format!("GET {roles}reports HTTP/1.1\n{host}\n{known}\nX-Forwarded-For: 127.0.0.1\n\n")),
        (403, format!("GET {roles}reports HTTP/1.1\n{host}\n{known}\nSec-Fetch-Site: none\n\n")),
        // Every connector is at the first address alone, whatever token one has.
        (401, format!("GET /credentials/deploy HTTP/1.1\n{host}\n{known}\nAuthorization: {}\n\n", serving.token)),
    ] {
        let (status, answer) = Serving::ask_at(own, &lines);
        assert_eq!(status, expected, "{lines}\n{answer}");
    }

    for (arguments, code, said) in [
        (&["--imds", "deploy", "--imds", "reports"][..], 2, "give it one of its own"),
        (&["--imds", &format!("deploy={own}")], 1, "name another port"),
        (&["--imds", "deploy=99999"], 2, "a port is a number"),
        (&["--imds", "deploy="], 2, "a port is a number"),
        (&["--imds", "../x=4711"], 2, "is not the name of a connector"),
    ] {
        let ended = machine.run(&[&["serve"], arguments].concat());
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    let tokens = std::fs::read_dir(machine.state()).unwrap().flatten();
    let tokens = tokens.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "token"));
    assert_eq!(tokens.count(), 1, "what does not begin leaves no token behind");
}

/// In seconds: the client's own is one, and on a busy machine the first credentials may take longer.
const PATIENCE: &str = "20";
