//! Passwords for AWS's container registry, as docker fetches them and as somebody pipes them.

use std::fs;
use std::os::unix::fs::symlink;

use tests::brokerd::program;
use tests::ended::{self, Ended};
use tests::world::World;

use super::json::as_documented;
use super::{Machine, refused};

const REGISTRY: &str = "111111111111.dkr.ecr.eu-central-1.amazonaws.com";

/// What docker does: it runs the helper by its own name, with one word, and writes the registry to it.
fn docker(machine: &Machine, word: &str, input: &str) -> Ended {
    let helper = machine.0.home().join("docker-credential-broker");
    if !helper.exists() {
        symlink(program("broker"), &helper).unwrap();
    }
    let mut command = machine.0.command(&helper);
    command.arg(word);
    ended::run(&format!("docker-credential-broker {word}"), command, input)
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_fetches_a_password_by_its_own_protocol() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let several = docker(&machine, "get", REGISTRY);
    assert_eq!(several.status.code(), Some(2));
    assert!(several.stdout.contains(&format!("\"{REGISTRY}\" = \"CONNECTOR\"")), "docker shows it: {several:?}");

    let configuration = machine.0.home().join("config.toml");
    fs::write(&configuration, format!("[ecr]\n\"{REGISTRY}\" = \"deploy\"\n")).unwrap();
    let machine = machine.with("BROKER_CONFIG", configuration.to_str().unwrap());
    for asked in [REGISTRY.to_owned(), format!("https://{REGISTRY}\n")] {
        let got = docker(&machine, "get", &asked).json();
        assert_eq!((&got["ServerURL"], &got["Username"]), (&asked.trim().into(), &"AWS".into()));
        assert_eq!(got["Secret"].as_str().unwrap().len(), 40);
    }
    let calls = world.calls("GetAuthorizationToken");
    assert_eq!(calls.len(), 2, "AWS itself gave it, and proved who asked");
    assert_eq!(super::vends(&world, "deploy"), 1, "by the same credentials");
    assert_eq!(docker(&machine, "list", "").json()[&format!("https://{REGISTRY}")], "AWS");
    docker(&machine, "erase", REGISTRY).succeeded();
    assert!(docker(&machine, "store", "{}").stdout.contains("nothing is kept here"));
    // In these words docker goes on without a password.
    for other in ["https://index.docker.io/v1/", "ghcr.io", "111111111111.dkr.ecr.eu-central-1.evil.example", ""] {
        let none = docker(&machine, "get", other);
        assert!(!none.status.success());
        assert_eq!(none.stdout, "credentials not found in native keychain\n", "{other}");
    }
    machine.run(&["logout"]).succeeded();
    assert!(docker(&machine, "get", REGISTRY).stdout.contains("run `broker login`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_piped_into_docker_login() {
    let world = World::open().await;
    let machine = Machine::of(&world, "ada");
    let printed = machine.run(&["ecr-login", "password", "deploy", "--region", "eu-central-1"]);
    assert!(printed.stderr.contains("lives until 2"), "it outlives the credentials: {printed:?}");
    assert_eq!(printed.succeeded().trim_end().len(), 40);
    let told = machine.run(&["ecr-login", "password", "deploy", "--region", "eu-central-1", "--json"]).json();
    let told = as_documented("ecr-login password", told);
    assert!(told["username"] == "AWS" && told["expires_at"].is_string(), "{told}");

    // The connector's session policy has no word of it.
    let ended = machine.run(&["ecr-login", "password", "limited", "--region", "eu-central-1"]);
    let (code, said) = refused(&ended);
    assert_eq!(code, 4);
    assert!(said.contains("AccessDeniedException") && said.contains("must have ecr:GetAuthorizationToken"), "{said}");
    assert_eq!(refused(&machine.run(&["ecr-login", "password", "treasury", "--region", "eu-central-1"])).0, 4);
    assert_eq!(refused(&machine.run(&["ecr-login", "password", "deploy", "--region", "../x"])).0, 2);
    let elsewhere = machine.with("AWS_ENDPOINT_URL_ECR", "http://ecr.evil.example");
    assert_eq!(refused(&elsewhere.run(&["ecr-login", "password", "deploy", "--region", "eu-central-1"])).0, 2);
}
